#include "build/run_step.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/descriptors.h"
#include "base/files.h"
#include "base/log.h"
#include "base/process.h"
#include "base/random.h"
#include "linux/wrapper/wrapper.h"
#include "runtime/image_user.h"
#include "runtime/oci_config.h"
#include "runtime/spec.h"

namespace reigen::build {
namespace {

constexpr int kPollMs = 200;

bool has_key(const std::vector<std::string>& env, std::string_view key) {
  for (const auto& item : env)
    if (item.starts_with(key) && item.size() > key.size() && item[key.size()] == '=') return true;
  return false;
}

// crun makes the files it mounts over; those of ours that the image did not have must not stay in the layer.
class Placeholders {
 public:
  explicit Placeholders(std::string root) : root_(std::move(root)) {}
  void note(const std::string& path) {
    if (!path_exists(root_ + path)) missing_.push_back(root_ + path);
  }
  ~Placeholders() {
    for (const auto& path : missing_) {
      struct stat info{};
      if (::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size == 0) ::unlink(path.c_str());
    }
  }

 private:
  std::string root_;
  std::vector<std::string> missing_;
};

runtime::ContainerSpec make_spec(const RunStep& step, const runtime::ResolvedUser& user, Placeholders& placeholders) {
  runtime::ContainerSpec spec;
  spec.argv = step.argv;
  spec.env = step.env;
  if (!has_key(spec.env, "PATH")) spec.env.insert(spec.env.begin(), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  if (!has_key(spec.env, "HOME")) spec.env.push_back("HOME=" + user.home);
  spec.cwd = step.cwd;
  spec.user.name = step.user;
  for (const char* file : {"/etc/resolv.conf", "/etc/hosts"}) {
    if (!path_exists(file)) continue;
    placeholders.note(file);
    spec.mounts.push_back({file, file, "bind", {"rbind", "ro"}});
  }
  return spec;
}

class Outputs {
 public:
  Status open() {
    for (int i = 0; i < 2; ++i) {
      TRY_ASSIGN(Pipe ends, open_pipe());
      read_[i] = std::move(ends.read);
      write_[i] = std::move(ends.write);
    }
    return {};
  }
  Fd take(int i) { return std::move(write_[i]); }

  // Until both are closed, or the step is cancelled.
  Status pump(const RunStep& step) {
    std::array<char, 16384> buffer;
    while (read_[0] || read_[1]) {
      if (step.cancel && step.cancel->load()) return fail(Code::kCancelled, "cancelled");
      pollfd fds[2] = {{read_[0].get(), POLLIN, 0}, {read_[1].get(), POLLIN, 0}};
      if (::poll(fds, 2, kPollMs) < 0 && errno != EINTR) return fail_errno("poll");
      for (int i = 0; i < 2; ++i) {
        if (!read_[i] || !(fds[i].revents & (POLLIN | POLLHUP | POLLERR))) continue;
        ssize_t count = ::read(read_[i].get(), buffer.data(), buffer.size());
        if (count > 0 && step.output) step.output({buffer.data(), static_cast<size_t>(count)}, i == 1);
        if (count <= 0) read_[i].reset();
      }
    }
    return {};
  }

 private:
  Fd read_[2], write_[2];
};

Result<Fd> open_input(const RunStep& step) {
  std::string path = "/dev/null";
  if (!step.input.empty()) {
    path = step.scratch + "/input";
    TRY(write_file(path, step.input, 0600));
  }
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("open " + path);
  return fd;
}

}  // namespace

Result<int> run_step(const RunStep& step) {
  if (auto found = find_program("crun"); !found) return fail(Code::kNotFound, "crun is missing: apt-get install crun");
  runtime::OciContext context;
  runtime::User user;
  user.name = step.user;
  TRY_ASSIGN(context.user, runtime::resolve_user_in(user, step.root));
  Placeholders placeholders(step.root);
  auto spec = make_spec(step, context.user, placeholders);
  context.root = step.root;
  context.no_network = !step.network;
  context.shm_path = step.scratch + "/shm";
  TRY(make_directories(context.shm_path, 01777));
  std::string id = "build-" + system_random().hex(8);
  spec.id = id;
  std::vector<std::string> warnings;
  TRY_ASSIGN(auto config, runtime::oci_config(spec, context, &warnings));
  TRY(write_file(step.scratch + "/config.json", config, 0600));
  std::string wrapper = step.scratch + "/wrapper";
  TRY(linux::install_wrapper(wrapper));
  TRY_ASSIGN(auto crun, find_program("crun"));
  std::vector<std::string> start = {wrapper, "run", crun, "--root=" + step.scratch + "/crun", "--cgroup-manager=disabled"};
  Command command;
  command.argv = start;
  for (const auto& word : {std::string("run"), "--bundle=" + step.scratch, id}) command.argv.push_back(word);
  Outputs outputs;
  TRY(outputs.open());
  TRY_ASSIGN(auto input, open_input(step));
  TRY_ASSIGN(auto child, Child::start(command, std::move(input), outputs.take(0), outputs.take(1)));
  auto pumped = outputs.pump(step);
  if (!pumped) {
    Command remove;
    remove.argv = start;
    for (const char* word : {"delete", "--force"}) remove.argv.push_back(word);
    remove.argv.push_back(id);
    if (auto gone = run_command(remove); !gone) LOG(kWarning, "build", "remove {}: {}", id, gone.error().message());
    child.kill(SIGKILL);
    if (auto code = child.wait(); !code) LOG(kWarning, "build", "wait for crun: {}", code.error().message());
    return fail(std::move(pumped).error());
  }
  return child.wait();
}

}  // namespace reigen::build
