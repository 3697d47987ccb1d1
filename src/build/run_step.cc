#include "build/run_step.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/descriptors.h"
#include "base/files.h"
#include "base/log.h"
#include "base/process.h"
#include "base/random.h"
#include "linux/mount.h"
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

// Where a folder below the root is once its links are followed; "" is the root.
std::string real_path_in(const std::string& root, const std::string& path) {
  auto whole = linux::open_in_root(root, "/", O_PATH);
  auto found = linux::open_in_root(root, path, O_PATH);
  if (!whole || !found) return path;
  auto name_of = [](const Fd& fd) {
    std::array<char, 4096> name;
    ssize_t size = ::readlink(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), name.data(), name.size());
    return std::string(name.data(), size < 0 ? 0 : static_cast<size_t>(size));
  };
  std::string top = name_of(*whole), name = name_of(*found);
  return name.starts_with(top) ? name.substr(top.size()) : path;
}

void note_point(const std::string& root, const std::string& path, std::vector<std::string>& out) {
  size_t slash = path.find('/', 1);
  while (slash != std::string::npos && linux::open_in_root(root, path.substr(0, slash), O_PATH)) slash = path.find('/', slash + 1);
  if (slash == std::string::npos && linux::open_in_root(root, path, O_PATH)) return;
  // Links lead to what is there; the rest of the name is made as it stands.
  size_t base = path.substr(0, slash).rfind('/');
  std::string real = base == 0 ? "" : real_path_in(root, path.substr(0, base));
  for (;; slash = path.find('/', slash + 1)) {
    out.push_back(real + path.substr(base, slash == std::string::npos ? slash : slash - base));
    if (slash == std::string::npos) return;
  }
}

// crun makes the files and folders it mounts over; those of ours that the image did not have must not stay in the layer.
class Placeholders {
 public:
  explicit Placeholders(std::string root) : root_(std::move(root)) {}
  void note(const std::string& path) { note_point(root_, path, missing_); }
  ~Placeholders() { remove_points(root_, missing_); }

 private:
  std::string root_;
  std::vector<std::string> missing_;
};

Result<runtime::ContainerSpec> make_spec(const RunStep& step, const runtime::ResolvedUser& user, Placeholders& placeholders) {
  runtime::ContainerSpec spec;
  spec.argv = step.argv;
  spec.env = step.env;
  if (!has_key(spec.env, "PATH")) spec.env.emplace_back("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  if (!has_key(spec.env, "HOME")) spec.env.push_back("HOME=" + user.home);
  spec.cwd = step.cwd;
  spec.user.name = step.user;
  for (const char* file : {"/etc/resolv.conf", "/etc/hosts"}) {
    bool given = std::ranges::any_of(step.mounts, [&](const auto& mount) { return mount.destination == file; });
    if (!given && path_exists(file)) spec.mounts.push_back({file, file, "bind", {"rbind", "ro"}});
  }
  spec.mounts.insert(spec.mounts.end(), step.mounts.begin(), step.mounts.end());
  if (!step.script.empty()) {
    std::string path = step.scratch + "/script";
    TRY(write_file(path, step.script, 0755));
    spec.mounts.push_back({path, step.argv.front(), "bind", {"rbind", "ro"}});
  }
  for (const char* folder : {"/proc", "/sys", "/dev"}) placeholders.note(folder);
  for (const auto& mount : spec.mounts)
    if (!mount.destination.starts_with("/dev/")) placeholders.note(mount.destination);
  return spec;
}

// What crun itself had to say: the program was not started then.
std::string start_error(const std::string& log) {
  auto text = read_file(log, 64 << 10);
  if (!text) return "";
  while (text->ends_with('\n')) text->pop_back();
  std::string line = text->substr(text->rfind('\n') == std::string::npos ? 0 : text->rfind('\n') + 1);
  // "2026-01-02T03:04:05Z: the text", where it tells the time.
  bool dated = line.size() > 20 && line[4] == '-' && line[10] == 'T' && line.find("Z: ") < 32;
  return dated ? line.substr(line.find("Z: ") + 3) : line;
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

  // The first thing on standard error may be crun's own error, which it tells there as well as in its log. It is held until more comes or
  // nothing does: crun ends at once then.
  void flush(const RunStep& step) {
    if (!held_.empty() && step.output) step.output(held_, true);
    held_.clear();
  }

  // Until both are closed, or the step is cancelled.
  Status pump(const RunStep& step) {
    std::array<char, 16384> buffer;
    while (read_[0] || read_[1]) {
      if (step.cancel && step.cancel->load()) return fail(Code::kCancelled, "cancelled");
      pollfd fds[2] = {{read_[0].get(), POLLIN, 0}, {read_[1].get(), POLLIN, 0}};
      int ready = ::poll(fds, 2, kPollMs);
      if (ready < 0 && errno != EINTR) return fail_errno("poll");
      if (ready == 0) flush(step);
      for (int i = 0; i < 2; ++i) {
        if (!read_[i] || !(fds[i].revents & (POLLIN | POLLHUP | POLLERR))) continue;
        ssize_t count = ::read(read_[i].get(), buffer.data(), buffer.size());
        if (count > 0) deliver(step, {buffer.data(), static_cast<size_t>(count)}, i == 1);
        if (count <= 0) read_[i].reset();
      }
    }
    return {};
  }

 private:
  void deliver(const RunStep& step, std::string_view data, bool error) {
    bool first = !begun_;
    begun_ = true;
    if (first && error) {
      held_ = data;
      return;
    }
    flush(step);
    if (step.output) step.output(data, error);
  }

  Fd read_[2], write_[2];
  bool begun_ = false;
  std::string held_;
};

Result<Fd> open_input() {
  Fd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("open /dev/null");
  return fd;
}

}  // namespace

std::vector<std::string> missing_points(const std::string& root, const std::vector<runtime::Mount>& mounts) {
  std::vector<std::string> out;
  for (const auto& mount : mounts)
    if (!mount.destination.starts_with("/dev/")) note_point(root, mount.destination, out);
  return out;
}

void remove_points(const std::string& folder, const std::vector<std::string>& points) {
  for (auto path = points.rbegin(); path != points.rend(); ++path) {
    auto slash = path->rfind('/');
    auto parent = linux::open_in_root(folder, slash == 0 ? "/" : path->substr(0, slash), O_PATH | O_DIRECTORY);
    if (!parent) continue;
    std::string base = path->substr(slash + 1);
    struct stat info{};
    if (::fstatat(parent->get(), base.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(info.st_mode) && info.st_size == 0) ::unlinkat(parent->get(), base.c_str(), 0);
    if (S_ISDIR(info.st_mode)) ::unlinkat(parent->get(), base.c_str(), AT_REMOVEDIR);
  }
}

Result<int> run_step(const RunStep& step) {
  if (auto found = find_program("crun"); !found) return fail(Code::kNotFound, "crun is missing: apt-get install crun");
  runtime::OciContext context;
  runtime::User user;
  user.name = step.user;
  user.groups_of_image = user.name.find(':') == std::string::npos;
  TRY_ASSIGN(context.user, runtime::resolve_user_in(user, step.root));
  Placeholders placeholders(step.root);
  TRY_ASSIGN(auto spec, make_spec(step, context.user, placeholders));
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
  std::string log = step.scratch + "/crun.log";
  std::vector<std::string> start = {wrapper, "run", crun, "--root=" + step.scratch + "/crun", "--log=" + log, "--cgroup-manager=disabled"};
  Command command;
  command.argv = start;
  for (const auto& word : {std::string("run"), "--bundle=" + step.scratch, id}) command.argv.push_back(word);
  Outputs outputs;
  TRY(outputs.open());
  TRY_ASSIGN(auto input, open_input());
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
  TRY_ASSIGN(int code, child.wait());
  std::string why = code == 0 ? "" : start_error(log);
  if (!why.empty()) return fail(Code::kInvalidArgument, "failed to create shim task: OCI runtime create failed: " + why);
  outputs.flush(step);
  return code;
}

}  // namespace reigen::build
