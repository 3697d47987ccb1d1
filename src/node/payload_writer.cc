#include "node/payload_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "base/fd.h"
#include "base/files.h"

namespace reigen::node {
namespace {

Status check_path(const std::string& path) {
  bool bad = path.empty() || path.front() == '/' || path.starts_with("..") || path.find("/../") != std::string::npos || path.ends_with("/..");
  if (bad) return fail(Code::kInvalidArgument, "bad path in a volume: \"" + path + "\"");
  return {};
}

std::string top_of(const std::string& path) { return path.substr(0, path.find('/')); }

std::string link_target(const std::string& path) {
  char buffer[4096];
  ssize_t length = ::readlink(path.c_str(), buffer, sizeof buffer);
  return length > 0 ? std::string(buffer, static_cast<size_t>(length)) : "";
}

// All regular files below, relative.
void collect_files(const std::string& folder, const std::string& prefix, std::set<std::string>& out) {
  auto names = list_directory(folder);
  if (!names) return;
  for (const auto& name : *names) {
    struct stat info{};
    std::string path = folder + "/" + name, relative = prefix.empty() ? name : prefix + "/" + name;
    if (::lstat(path.c_str(), &info) != 0) continue;
    if (S_ISDIR(info.st_mode)) collect_files(path, relative, out);
    else out.insert(relative);
  }
}

bool is_current(const std::string& data, const Payload& payload) {
  std::set<std::string> there;
  collect_files(data, "", there);
  if (there.size() != payload.size()) return false;
  for (const auto& [path, file] : payload) {
    auto text = read_file(data + "/" + path);
    if (!text || *text != file.data) return false;
  }
  return true;
}

mode_t with_group(mode_t mode, bool group) { return group ? mode | 0440 : mode; }

Status write_one(const std::string& root, const std::string& path, const PayloadFile& file, std::optional<gid_t> group) {
  for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    std::string folder = root + "/" + path.substr(0, slash);
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno("make " + folder);
    if (group && ::chown(folder.c_str(), static_cast<uid_t>(-1), *group) != 0) return fail_errno("chown " + folder);
  }
  std::string full = root + "/" + path;
  Fd fd(::open(full.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return fail_errno("create " + full);
  for (size_t at = 0; at < file.data.size();) {
    ssize_t count = ::write(fd.get(), file.data.data() + at, file.data.size() - at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("write " + full);
    at += static_cast<size_t>(count);
  }
  if (file.owner || group) {
    if (::fchown(fd.get(), file.owner.value_or(static_cast<uid_t>(-1)), group.value_or(static_cast<gid_t>(-1))) != 0) return fail_errno("chown " + full);
  }
  if (::fchmod(fd.get(), with_group(file.mode & 07777, group.has_value())) != 0) return fail_errno("chmod " + full);
  return {};
}

Status replace_link(const std::string& link, const std::string& target) {
  std::string temporary = link + "_tmp";
  ::unlink(temporary.c_str());
  if (::symlink(target.c_str(), temporary.c_str()) != 0) return fail_errno("link " + temporary);
  if (::rename(temporary.c_str(), link.c_str()) != 0) return fail_errno("rename " + temporary);
  return {};
}

}  // namespace

Status write_payload(const std::string& folder, const Payload& payload, std::optional<gid_t> group, const std::string& unique) {
  for (const auto& [path, file] : payload) TRY(check_path(path));
  std::string link = folder + "/..data", old = link_target(link);
  if (!old.empty() && is_current(folder + "/" + old, payload)) return {};
  std::string name = ".." + unique, root = folder + "/" + name;
  TRY(remove_tree(root));
  if (::mkdir(root.c_str(), 0755) != 0) return fail_errno("make " + root);
  if (::chmod(root.c_str(), group ? 02755 : 0755) != 0) return fail_errno("chmod " + root);
  if (group && ::chown(root.c_str(), static_cast<uid_t>(-1), *group) != 0) return fail_errno("chown " + root);
  std::set<std::string> tops;
  for (const auto& [path, file] : payload) {
    TRY(write_one(root, path, file, group));
    tops.insert(top_of(path));
  }
  TRY(replace_link(link, name));
  for (const auto& top : tops) {
    if (link_target(folder + "/" + top) != "..data/" + top) TRY(replace_link(folder + "/" + top, "..data/" + top));
  }
  TRY_ASSIGN(auto names, list_directory(folder));
  for (const auto& entry : names) {
    if (!entry.starts_with("..") && !tops.contains(entry)) ::unlink((folder + "/" + entry).c_str());
  }
  if (!old.empty() && old != name) TRY(remove_tree(folder + "/" + old));
  return {};
}

}  // namespace reigen::node
