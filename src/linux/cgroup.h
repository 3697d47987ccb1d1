// Control groups of v1, v2 and hybrid hosts behind one view: a path such as "/reigen-1a2b/kubepods/pod7" means that folder in every
// hierarchy. A hybrid host is treated as v1 (its v2 tree has no controllers).
//
// Thread-safe: no state but what the kernel holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace reigen::linux {

// A device and its limit: bytes or operations a second, or a weight.
struct DeviceLimit {
  int64_t major = 0, minor = 0;
  uint64_t value = 0;
};

struct CgroupLimits {
  // 0: leave as it is.
  uint64_t cpu_shares = 0;
  int64_t cpu_quota_us = 0;  // -1: none
  uint64_t cpu_period_us = 0;
  int64_t cpu_realtime_period_us = 0, cpu_realtime_runtime_us = 0;  // v1 only
  int64_t memory = 0;                                               // bytes; -1: none
  int64_t memory_swap = 0;                                          // memory and swap together, bytes; -1: none
  int64_t memory_reservation = 0;
  std::optional<uint64_t> memory_swappiness;  // v1 only
  bool oom_kill_disable = false;              // v1 only
  int64_t pids = 0;
  std::string cpuset_cpus, cpuset_mems;
  uint16_t blkio_weight = 0;  // 10..1000
  std::vector<DeviceLimit> blkio_weight_devices, blkio_read_bps, blkio_write_bps, blkio_read_iops, blkio_write_iops;
};

struct CgroupUsage {
  uint64_t cpu_ns = 0, cpu_user_ns = 0, cpu_system_ns = 0;
  std::vector<uint64_t> per_cpu_ns;  // v1 only
  uint64_t periods = 0, throttled_periods = 0, throttled_ns = 0;
  uint64_t memory = 0, working_set = 0, rss = 0, memory_limit = 0, memory_max = 0;  // limit 0: none
  uint64_t page_faults = 0, major_page_faults = 0;
  std::vector<std::pair<std::string, uint64_t>> memory_counters;  // memory.stat as it is
  uint64_t pids = 0, pids_limit = 0;                              // limit 0: none
  struct Block {
    int64_t major = 0, minor = 0;
    std::string op;  // v1: "Read", "Write", "Sync", "Async", "Discard", "Total"; v2: "read", "write", "discard"
    uint64_t value = 0;
  };
  std::vector<Block> block_bytes, block_operations;
};

// What this host can limit.
struct CgroupAbilities {
  bool memory = false, swap = false, memory_reservation = false, swappiness = false, oom_kill_disable = false;
  bool cpu_shares = false, cpu_quota = false, cpu_realtime = false, cpuset = false, pids = false;
  bool blkio_weight = false, blkio_weight_device = false, blkio_read_bps = false, blkio_write_bps = false, blkio_read_iops = false, blkio_write_iops = false;
};

class Cgroups {
 public:
  enum class Mode : unsigned char { kV1, kV2, kHybrid };

  // kUnavailable when the folder is no cgroup tree; the message says what to do.
  static Result<Cgroups> open(std::string root = "/sys/fs/cgroup");

  // Over plain folders, for tests of what is written where; `controllers` are the folders of v1, one each.
  static Cgroups over_folders(std::string root, Mode mode, std::vector<std::string> controllers);

  Mode mode() const { return mode_; }
  // False for a controller the host lacks ("cpu", "memory", "pids").
  bool has(std::string_view controller) const;

  // Asked of the kernel with a group that exists and is not the root, such as the instance's own.
  CgroupAbilities abilities(const std::string& path) const;
  // Where a controller keeps the group; empty when the host lacks it.
  std::string folder(std::string_view controller, const std::string& path) const;

  // Makes the group and its parents, with the controllers the limits need.
  Status make(const std::string& path) const;
  // Of a limit whose controller or file is missing it returns kUnimplemented, which names it; the others are set.
  Status apply(const std::string& path, const CgroupLimits& limits) const;
  // Removes the group and all below it in every hierarchy; kConflict when processes are left. A missing one is fine.
  Status remove(const std::string& path) const;
  // Removes the groups above `path` that are empty, up to `top`, which stays.
  void remove_empty_parents(const std::string& path, const std::string& top) const;
  Result<CgroupUsage> usage(const std::string& path) const;
  uint64_t oom_kills(const std::string& path) const;  // 0 when unknown
  // All processes of the group and below.
  std::vector<int> processes(const std::string& path) const;
  // Sends SIGKILL to all of them until none is left, a second at most.
  void kill_all(const std::string& path) const;
  // The cgroup.procs files that a process writes "0" into to enter the group; made by make().
  std::vector<std::string> procs_files(const std::string& path) const;
  // A process that is moved into a group waits for a grace period of RCU, 10 ms and more, unless another was moved some milliseconds ago. To be
  // called that long before by whoever can wait: it moves the calling thread to where it is. Nothing on v2, nor on failure.
  void make_ready_for_moves() const;
  // Returns when all are frozen; kDeadlineExceeded (and thawed again) after ten seconds.
  Status freeze(const std::string& path, bool frozen) const;

 private:
  Status make_once(const std::string& path) const;
  std::string root_;
  Mode mode_ = Mode::kV1;
  std::vector<std::string> hierarchies_;  // v1: folders of root_; v2: one empty name
  std::vector<std::string> controllers_;
};

// v1 cpu.shares (2..262144) to v2 cpu.weight (1..10000), as runc and crun do.
uint64_t cpu_weight_of_shares(uint64_t shares);

// v1 blkio.weight (10..1000) to v2 io.weight (1..10000), as runc and crun do.
uint64_t io_weight_of_blkio(uint64_t weight);

}  // namespace reigen::linux
