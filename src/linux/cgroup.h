// Control groups of v1, v2 and hybrid hosts behind one view: a path such as "/reigen-1a2b/kubepods/pod7" means that folder in every
// hierarchy. A hybrid host is treated as v1 (its v2 tree has no controllers).
//
// Thread-safe: no state but what the kernel holds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace reigen::linux {

struct CgroupLimits {
  // 0: leave as it is.
  uint64_t cpu_shares = 0;
  int64_t cpu_quota_us = 0;  // -1: none
  uint64_t cpu_period_us = 0;
  int64_t memory = 0;  // bytes; -1: none
  int64_t memory_swap = 0;
  int64_t pids = 0;
  std::string cpuset_cpus, cpuset_mems;
};

struct CgroupUsage {
  uint64_t cpu_ns = 0;
  uint64_t memory = 0, working_set = 0, rss = 0, memory_limit = 0;  // limit 0: none
  uint64_t page_faults = 0, major_page_faults = 0;
  uint64_t pids = 0;
};

class Cgroups {
 public:
  enum class Mode : unsigned char { kV1, kV2, kHybrid };

  // kUnavailable when the folder is no cgroup tree; the message says what to do.
  static Result<Cgroups> open(std::string root = "/sys/fs/cgroup");

  Mode mode() const { return mode_; }
  // False for a controller the host lacks ("cpu", "memory", "pids").
  bool has(std::string_view controller) const;

  // Makes the group and its parents, with the controllers the limits need.
  Status make(const std::string& path) const;
  // Of a limit whose controller is missing it returns kUnimplemented, which names it; the others are set.
  Status apply(const std::string& path, const CgroupLimits& limits) const;
  // Removes the group and all below it in every hierarchy; kConflict when processes are left. A missing one is fine.
  Status remove(const std::string& path) const;
  Result<CgroupUsage> usage(const std::string& path) const;
  uint64_t oom_kills(const std::string& path) const;  // 0 when unknown
  // All processes of the group and below.
  std::vector<int> processes(const std::string& path) const;
  // Sends SIGKILL to all of them until none is left, a second at most.
  void kill_all(const std::string& path) const;
  // The cgroup.procs files that a process writes "0" into to enter the group; made by make().
  std::vector<std::string> procs_files(const std::string& path) const;
  Status freeze(const std::string& path, bool frozen) const;

 private:
  std::string root_;
  Mode mode_ = Mode::kV1;
  std::vector<std::string> hierarchies_;  // v1: folders of root_; v2: one empty name
  std::vector<std::string> controllers_;

  std::string folder(std::string_view controller, const std::string& path) const;
};

// v1 cpu.shares (2..262144) to v2 cpu.weight (1..10000), as runc and crun do.
uint64_t cpu_weight_of_shares(uint64_t shares);

}  // namespace reigen::linux
