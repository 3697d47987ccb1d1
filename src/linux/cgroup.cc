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

namespace reigen::linux {
namespace {

long file_system_of(const std::string& path) {
  struct statfs fs{};
  return ::statfs(path.c_str(), &fs) == 0 ? static_cast<long>(fs.f_type) : 0;
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find_first_of(" ,\n", at), text.size());
    if (end > at) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

uint64_t number_in(const std::string& file) {
  auto text = read_file(file, 4096);
  return text ? std::strtoull(text->c_str(), nullptr, 10) : 0;
}

// The number after "key " in a file of lines.
uint64_t field_in(const std::string& text, std::string_view key) {
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line(text.data() + at, end - at);
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ') {
      return std::strtoull(std::string(line.substr(key.size() + 1)).c_str(), nullptr, 10);
    }
    at = end + 1;
  }
  return 0;
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

uint64_t cpu_weight_of_shares(uint64_t shares) {
  shares = std::clamp<uint64_t>(shares, 2, 262144);
  return 1 + (shares - 2) * 9999 / 262142;
}

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

bool Cgroups::has(std::string_view controller) const { return std::find(controllers_.begin(), controllers_.end(), controller) != controllers_.end(); }

std::string Cgroups::folder(std::string_view controller, const std::string& path) const {
  if (mode_ == Mode::kV2) return root_ + path;
  for (const auto& name : hierarchies_) {
    auto parts = words(name);
    if (std::find(parts.begin(), parts.end(), controller) != parts.end()) return root_ + "/" + name + path;
  }
  return "";
}

Status Cgroups::make(const std::string& path) const {
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

Status Cgroups::apply(const std::string& path, const CgroupLimits& limits) const {
  Status result;
  bool v2 = mode_ == Mode::kV2;
  auto set = [&](std::string_view controller, const char* file, const std::string& value) {
    std::string where = folder(controller, path);
    if (where.empty() || !has(controller)) {
      return first_error(result, fail(Code::kUnimplemented, "this host has no cgroup controller \"" + std::string(controller) + "\""));
    }
    if (auto done = write_existing(where + "/" + file, value); !done) first_error(result, fail(done.error().context(where + "/" + file)));
  };
  if (limits.cpu_shares)
    v2 ? set("cpu", "cpu.weight", std::to_string(cpu_weight_of_shares(limits.cpu_shares))) : set("cpu", "cpu.shares", std::to_string(limits.cpu_shares));
  if (limits.cpu_quota_us) {
    std::string period = std::to_string(limits.cpu_period_us ? limits.cpu_period_us : 100'000);
    std::string quota = limits.cpu_quota_us < 0 ? (v2 ? "max" : "-1") : std::to_string(limits.cpu_quota_us);
    if (v2) {
      set("cpu", "cpu.max", quota + " " + period);
    } else {
      set("cpu", "cpu.cfs_period_us", period);
      set("cpu", "cpu.cfs_quota_us", quota);
    }
  }
  if (limits.memory)
    v2 ? set("memory", "memory.max", limits.memory < 0 ? "max" : std::to_string(limits.memory))
       : set("memory", "memory.limit_in_bytes", std::to_string(limits.memory));
  if (limits.pids) set("pids", "pids.max", limits.pids < 0 ? "max" : std::to_string(limits.pids));
  if (!limits.cpuset_cpus.empty()) set("cpuset", "cpuset.cpus", limits.cpuset_cpus);
  if (!limits.cpuset_mems.empty()) set("cpuset", "cpuset.mems", limits.cpuset_mems);
  return result;
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

Result<CgroupUsage> Cgroups::usage(const std::string& path) const {
  CgroupUsage out;
  std::string memory = folder("memory", path), cpu = folder(mode_ == Mode::kV2 ? "cpu" : "cpuacct", path), pids = folder("pids", path);
  if (!path_exists(memory.empty() ? cpu : memory)) return fail(Code::kNotFound, "no cgroup " + path);
  uint64_t inactive = 0;
  if (mode_ == Mode::kV2) {
    out.cpu_ns = field_in(read_file(cpu + "/cpu.stat", 16384).value_or(""), "usage_usec") * 1000;
    out.memory = number_in(memory + "/memory.current");
    out.memory_limit = number_in(memory + "/memory.max");  // "max" reads as 0
    std::string stat = read_file(memory + "/memory.stat", 65536).value_or("");
    out.rss = field_in(stat, "anon");
    inactive = field_in(stat, "inactive_file");
    out.page_faults = field_in(stat, "pgfault");
    out.major_page_faults = field_in(stat, "pgmajfault");
  } else {
    out.cpu_ns = number_in(cpu + "/cpuacct.usage");
    out.memory = number_in(memory + "/memory.usage_in_bytes");
    out.memory_limit = number_in(memory + "/memory.limit_in_bytes");
    if (out.memory_limit >= (1ull << 62)) out.memory_limit = 0;
    std::string stat = read_file(memory + "/memory.stat", 65536).value_or("");
    out.rss = field_in(stat, "total_rss");
    inactive = field_in(stat, "total_inactive_file");
    out.page_faults = field_in(stat, "total_pgfault");
    out.major_page_faults = field_in(stat, "total_pgmajfault");
  }
  out.working_set = out.memory > inactive ? out.memory - inactive : 0;
  out.pids = number_in(pids + "/pids.current");
  return out;
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
  if (mode_ == Mode::kV2) return write_existing(root_ + path + "/cgroup.freeze", frozen ? "1" : "0");
  std::string at = folder("freezer", path);
  if (at.empty()) return fail(Code::kUnimplemented, "this host has no cgroup controller \"freezer\"");
  return write_existing(at + "/freezer.state", frozen ? "FROZEN" : "THAWED");
}

}  // namespace reigen::linux
