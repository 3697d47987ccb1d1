#include "cli/instance.h"

#include <cstdlib>

#include "base/files.h"
#include "base/random.h"

namespace reigen::cli {
namespace {

Result<std::string> absolute(const std::string& path) {
  std::unique_ptr<char, void (*)(void*)> resolved(::realpath(path.c_str(), nullptr), std::free);
  if (!resolved) return fail_errno("data folder " + path);
  return std::string(resolved.get());
}

bool is_id(const std::string& text) { return text.size() == 8 && text.find_first_not_of("0123456789abcdef") == std::string::npos; }

Instance make(std::string id, std::string data_dir) {
  Instance instance;
  instance.run_dir = "/run/reigen/" + id;
  instance.id = std::move(id);
  instance.data_dir = std::move(data_dir);
  return instance;
}

}  // namespace

Result<Instance> find_instance(const std::string& data_dir) {
  TRY_ASSIGN(std::string path, absolute(data_dir));
  auto id = read_file(path + "/instance", 64);
  if (!id) return fail(Code::kNotFound, path + " is no data folder of a server: it has no file `instance`");
  while (!id->empty() && id->back() == '\n') id->pop_back();
  if (!is_id(*id)) return fail(Code::kDataLoss, path + "/instance does not hold 8 hexadecimal digits");
  return make(std::move(*id), std::move(path));
}

Result<Instance> open_instance(const std::string& data_dir) {
  TRY(make_directories(data_dir, 0700));
  TRY_ASSIGN(std::string path, absolute(data_dir));
  if (path_exists(path + "/instance")) return find_instance(path);
  auto id = system_random().hex(4);
  TRY(write_file(path + "/instance", id + "\n", 0600, true));
  return make(std::move(id), std::move(path));
}

}  // namespace reigen::cli
