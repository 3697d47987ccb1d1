#include "linux/cgroup.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "base/files.h"
#include "linux/cgroup_text.h"

namespace reigen::linux {
namespace {

constexpr int kFreezeAttempts = 1000;  // some ten seconds

long file_system_of(const std::string& path) {
  struct statfs fs{};
  return ::statfs(path.c_str(), &fs) == 0 ? static_cast<long>(fs.f_type) : 0;
}

void each_folder_below(const std::string& folder, const auto& visit) {
  auto names = list_directory(folder);
  if (!names) return;
  for (const auto& name : *names) {
    struct stat info{};
    std::string path = folder + "/" + name;
    if (::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) each_folder_below(path, visit);
  }
  visit(folder);
}

void first_error(Status& kept, Status next) {
  if (kept && !next) kept = std::move(next);
}

}  // namespace

Result<Cgroups> Cgroups::open(std::string root) {
  Cgroups groups;
  groups.root_ = std::move(root);
  if (file_system_of(groups.root_) == CGROUP2_SUPER_MAGIC) {
    groups.mode_ = Mode::kV2;
    groups.hierarchies_ = {""};
    TRY_ASSIGN(std::string controllers, read_file(groups.root_ + "/cgroup.controllers", 4096));
    groups.controllers_ = words(controllers);
    return groups;
  }
  TRY_ASSIGN(auto names, list_directory(groups.root_));
  for (const auto& name : names) {
    std::string path = groups.root_ + "/" + name;
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) continue;  // "cpu" may be a link to "cpu,cpuacct"
    long type = file_system_of(path);
    if (type == CGROUP2_SUPER_MAGIC) groups.mode_ = Mode::kHybrid;
    if (type != CGROUP_SUPER_MAGIC) continue;
    groups.hierarchies_.push_back(name);
    for (auto& controller : words(name)) groups.controllers_.push_back(controller);
  }
  if (groups.hierarchies_.empty()) {
    return fail(Code::kUnavailable, "no control groups are mounted at " + groups.root_ + "; mount them (systemd and cgroupfs-mount do)");
  }
  return groups;
}

Cgroups Cgroups::over_folders(std::string root, Mode mode, std::vector<std::string> controllers) {
  Cgroups groups;
  groups.root_ = std::move(root);
  groups.mode_ = mode;
  groups.hierarchies_ = mode == Mode::kV2 ? std::vector<std::string>{""} : controllers;
  groups.controllers_ = std::move(controllers);
  return groups;
}

bool Cgroups::has(std::string_view controller) const { return std::find(controllers_.begin(), controllers_.end(), controller) != controllers_.end(); }

std::string Cgroups::folder(std::string_view controller, const std::string& path) const {
  if (mode_ == Mode::kV2) return root_ + path;
  for (const auto& name : hierarchies_) {
    auto parts = words(name);
    if (std::find(parts.begin(), parts.end(), controller) != parts.end()) return root_ + "/" + name + path;
  }
  return "";
}

// A parent that was empty may go between its making and its child's.
Status Cgroups::make(const std::string& path) const {
  Status made = make_once(path);
  for (int attempt = 0; !made && attempt < 3; ++attempt) made = make_once(path);
  return made;
}

Status Cgroups::make_once(const std::string& path) const {
  if (mode_ != Mode::kV2) {
    for (const char* controller : {"cpu", "memory", "pids", "cpuset"}) {
      std::string made = folder(controller, path);
      if (made.empty()) continue;
      TRY(make_directories(made));
    }
    return {};
  }
  std::string enable;
  for (const char* controller : {"cpu", "memory", "pids", "cpuset", "io"}) {
    if (has(controller)) enable += (enable.empty() ? "+" : " +") + std::string(controller);
  }
  std::string at = root_;
  for (size_t from = 0; from < path.size();) {
    (void)write_existing(at + "/cgroup.subtree_control", enable);
    size_t next = std::min(path.find('/', from + 1), path.size());
    at = root_ + path.substr(0, next);
    if (::mkdir(at.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno("make cgroup " + at);
    from = next;
  }
  (void)write_existing(at + "/cgroup.subtree_control", enable);
  return {};
}

void Cgroups::make_ready_for_moves() const {
  if (mode_ == Mode::kV2) return;
  std::string table = read_file("/proc/thread-self/cgroup", 1 << 16).value_or("");
  constexpr std::string_view kHierarchy = ":pids:";
  size_t at = table.find(kHierarchy);
  if (at == std::string::npos || !has("pids")) return;
  at += kHierarchy.size();
  std::string group = table.substr(at, table.find('\n', at) - at);
  if (group.find("/..") != std::string::npos) return;  // outside of what a cgroup namespace shows
  (void)write_existing(folder("pids", group == "/" ? "" : group) + "/tasks", std::to_string(::gettid()));
}

Status Cgroups::remove(const std::string& path) const {
  if (path.empty() || path == "/") return fail(Code::kInvalidArgument, "will not remove the root cgroup");
  Status result;
  for (const auto& name : hierarchies_) {
    std::string top = mode_ == Mode::kV2 ? root_ + path : root_ + "/" + name + path;
    if (!path_exists(top)) continue;
    each_folder_below(top, [&](const std::string& folder) {
      // A group stays busy for a moment after its last process was reaped.
      for (int attempt = 0; ::rmdir(folder.c_str()) != 0 && errno != ENOENT; ++attempt) {
        if (errno != EBUSY || attempt == 50) return first_error(result, fail(Code::kConflict, "remove cgroup " + folder + ": " + std::strerror(errno)));
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    });
  }
  return result;
}

void Cgroups::remove_empty_parents(const std::string& path, const std::string& top) const {
  for (const auto& name : hierarchies_) {
    std::string root = mode_ == Mode::kV2 ? root_ : root_ + "/" + name;
    std::string parent = path.substr(0, path.rfind('/'));
    while (parent.starts_with(top + "/") && (::rmdir((root + parent).c_str()) == 0 || errno == ENOENT)) parent.erase(parent.rfind('/'));
  }
}

uint64_t Cgroups::oom_kills(const std::string& path) const {
  std::string file = folder("memory", path) + (mode_ == Mode::kV2 ? "/memory.events" : "/memory.oom_control");
  return field_in(read_file(file, 4096).value_or(""), "oom_kill");
}

std::vector<int> Cgroups::processes(const std::string& path) const {
  std::vector<int> out;
  std::string top;
  for (const char* controller : {"pids", "memory", "cpu"}) {
    if (top = folder(controller, path); !top.empty() && path_exists(top)) break;
  }
  if (top.empty() || !path_exists(top)) return out;
  each_folder_below(top, [&](const std::string& folder) {
    for (const auto& pid : words(read_file(folder + "/cgroup.procs").value_or(""))) out.push_back(std::atoi(pid.c_str()));
  });
  return out;
}

void Cgroups::kill_all(const std::string& path) const {
  if (mode_ == Mode::kV2 && write_existing(root_ + path + "/cgroup.kill", "1")) return;
  for (int attempt = 0; attempt < 100; ++attempt) {
    auto left = processes(path);
    if (left.empty()) return;
    for (int pid : left) {
      if (pid > 1) ::kill(pid, SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

std::vector<std::string> Cgroups::procs_files(const std::string& path) const {
  if (mode_ == Mode::kV2) return {root_ + path + "/cgroup.procs"};
  std::vector<std::string> out;
  for (const char* controller : {"cpu", "memory", "pids"}) {
    if (auto at = folder(controller, path); !at.empty()) out.push_back(at + "/cgroup.procs");
  }
  return out;
}

Status Cgroups::freeze(const std::string& path, bool frozen) const {
  bool v2 = mode_ == Mode::kV2;
  std::string at = folder("freezer", path);
  if (at.empty()) return fail(Code::kUnimplemented, "this host has no cgroup controller \"freezer\"");
  std::string file = at + (v2 ? "/cgroup.freeze" : "/freezer.state");
  auto write = [&](bool on) { return write_existing(file, v2 ? (on ? "1" : "0") : (on ? "FROZEN" : "THAWED")); };
  TRY(write(frozen));
  if (!frozen) return {};
  for (int attempt = 0; attempt < kFreezeAttempts; ++attempt) {
    bool done = v2 ? field_in(read_file(at + "/cgroup.events", 4096).value_or(""), "frozen") == 1 : read_file(file, 64).value_or("").starts_with("FROZEN");
    if (done) return {};
    // v1: a process that forks meanwhile may stay out until it is asked again.
    if (!v2 && attempt % 50 == 49) (void)write(true);
    std::this_thread::sleep_for(std::chrono::milliseconds(attempt < 20 ? 1 : 10));
  }
  (void)write(false);
  return fail(Code::kDeadlineExceeded, "cgroup " + path + " did not freeze in time");
}

}  // namespace reigen::linux
