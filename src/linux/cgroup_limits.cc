// Setting limits, and which of them this host knows.
#include "linux/cgroup.h"

#include <algorithm>

#include "base/files.h"
#include "linux/cgroup_text.h"

namespace reigen::linux {
namespace {

// Writes limits into one group and keeps the first error.
class LimitWriter {
 public:
  LimitWriter(const Cgroups& groups, const std::string& path) : groups_(groups), path_(path), v2_(groups.mode() == Cgroups::Mode::kV2) {}

  Status write(const CgroupLimits& limits) {
    cpu(limits);
    memory(limits);
    if (limits.pids) set("pids", "pids.max", limits.pids < 0 ? "max" : std::to_string(limits.pids));
    if (!limits.cpuset_cpus.empty()) set("cpuset", "cpuset.cpus", limits.cpuset_cpus);
    if (!limits.cpuset_mems.empty()) set("cpuset", "cpuset.mems", limits.cpuset_mems);
    blkio(limits);
    return std::move(result_);
  }

 private:
  const Cgroups& groups_;
  const std::string& path_;
  bool v2_;
  Status result_;

  void keep(Status next) {
    if (result_ && !next) result_ = std::move(next);
  }
  void missing(const std::string& what) { keep(fail(Code::kUnimplemented, "this host has no cgroup " + what)); }
  std::string file(std::string_view controller, const std::string& name) const {
    std::string where = groups_.has(controller) ? groups_.folder(controller, path_) : "";
    return where.empty() ? "" : where + "/" + name;
  }
  bool there(std::string_view controller, const std::string& name) const {
    std::string path = file(controller, name);
    return !path.empty() && path_exists(path);
  }
  Status try_set(std::string_view controller, const std::string& name, const std::string& value) {
    std::string path = file(controller, name);
    if (path.empty()) return fail(Code::kUnimplemented, "this host has no cgroup controller \"" + std::string(controller) + "\"");
    auto done = write_existing(path, value);
    return done ? Status() : fail(done.error().context(path));
  }
  void set(std::string_view controller, const std::string& name, const std::string& value) { keep(try_set(controller, name, value)); }

  void cpu(const CgroupLimits& limits) {
    if (limits.cpu_shares) {
      if (v2_) set("cpu", "cpu.weight", std::to_string(cpu_weight_of_shares(limits.cpu_shares)));
      else set("cpu", "cpu.shares", std::to_string(limits.cpu_shares));
    }
    if (limits.cpu_quota_us || limits.cpu_period_us) {
      std::string period = std::to_string(limits.cpu_period_us ? limits.cpu_period_us : 100'000);
      std::string quota = limits.cpu_quota_us < 0 ? (v2_ ? "max" : "-1") : std::to_string(limits.cpu_quota_us);
      if (v2_ && !limits.cpu_quota_us) quota = words(read_file(file("cpu", "cpu.max"), 64).value_or("max")).front();
      if (v2_) set("cpu", "cpu.max", quota + " " + period);
      if (!v2_) set("cpu", "cpu.cfs_period_us", period);
      if (!v2_ && limits.cpu_quota_us) set("cpu", "cpu.cfs_quota_us", quota);
    }
    if (!limits.cpu_realtime_period_us && !limits.cpu_realtime_runtime_us) return;
    if (v2_ || !there("cpu", "cpu.rt_runtime_us")) return missing("limit of realtime scheduling");
    if (limits.cpu_realtime_period_us) set("cpu", "cpu.rt_period_us", std::to_string(limits.cpu_realtime_period_us));
    if (limits.cpu_realtime_runtime_us) set("cpu", "cpu.rt_runtime_us", std::to_string(limits.cpu_realtime_runtime_us));
  }

  void memory(const CgroupLimits& limits) {
    if (v2_) memory_v2(limits);
    else memory_v1(limits);
    if (limits.memory_reservation) set("memory", v2_ ? "memory.low" : "memory.soft_limit_in_bytes", std::to_string(limits.memory_reservation));
    if (limits.memory_swappiness) {
      if (v2_) missing("swappiness");
      else set("memory", "memory.swappiness", std::to_string(*limits.memory_swappiness));
    }
    if (limits.oom_kill_disable) {
      if (v2_) missing("switch for the OOM killer");
      else set("memory", "memory.oom_control", "1");
    }
  }

  // The kernel refuses a limit above that of memory and swap together at any moment, so what grows goes last.
  void memory_v1(const CgroupLimits& limits) {
    const char* memory_file = "memory.limit_in_bytes";
    const char* both_file = "memory.memsw.limit_in_bytes";
    std::string memory = std::to_string(limits.memory), both = std::to_string(limits.memory_swap);
    bool swap = limits.memory_swap && there("memory", both_file);
    if (limits.memory_swap && !swap) missing("limit of swap");
    if (!limits.memory) {
      if (swap) set("memory", both_file, both);
      return;
    }
    if (!swap) return set("memory", memory_file, memory);
    bool first = try_set("memory", memory_file, memory).has_value();
    set("memory", both_file, both);
    if (!first) set("memory", memory_file, memory);
  }

  void memory_v2(const CgroupLimits& limits) {
    if (limits.memory) set("memory", "memory.max", limits.memory < 0 ? "max" : std::to_string(limits.memory));
    if (!limits.memory_swap) return;
    if (!there("memory", "memory.swap.max")) return missing("limit of swap");
    if (limits.memory_swap < 0) return set("memory", "memory.swap.max", "max");
    int64_t memory = limits.memory > 0 ? limits.memory : static_cast<int64_t>(number_in(file("memory", "memory.max")));
    set("memory", "memory.swap.max", std::to_string(std::max<int64_t>(0, limits.memory_swap - memory)));
  }

  void blkio(const CgroupLimits& limits) {
    std::string_view controller = v2_ ? "io" : "blkio";
    if (limits.blkio_weight || !limits.blkio_weight_devices.empty()) weights(controller, limits);
    throttle(controller, limits.blkio_read_bps, "blkio.throttle.read_bps_device", "rbps");
    throttle(controller, limits.blkio_write_bps, "blkio.throttle.write_bps_device", "wbps");
    throttle(controller, limits.blkio_read_iops, "blkio.throttle.read_iops_device", "riops");
    throttle(controller, limits.blkio_write_iops, "blkio.throttle.write_iops_device", "wiops");
  }

  // Weights belong to the I/O scheduler: CFQ's on old kernels, BFQ's, and v2's own with iocost.
  void weights(std::string_view controller, const CgroupLimits& limits) {
    const char* plain = v2_ ? "io.bfq.weight" : there(controller, "blkio.weight") ? "blkio.weight" : "blkio.bfq.weight";
    bool converted = v2_ && !there(controller, plain);
    if (converted) plain = "io.weight";
    if (!there(controller, plain)) return missing("weights of block devices");
    auto value = [&](uint64_t weight) { return std::to_string(converted ? io_weight_of_blkio(weight) : weight); };
    if (limits.blkio_weight) set(controller, plain, v2_ ? "default " + value(limits.blkio_weight) : value(limits.blkio_weight));
    std::string of_device = v2_ ? plain : std::string(plain) + "_device";
    for (const auto& device : limits.blkio_weight_devices) {
      set(controller, of_device, std::to_string(device.major) + ":" + std::to_string(device.minor) + " " + value(device.value));
    }
  }

  void throttle(std::string_view controller, const std::vector<DeviceLimit>& devices, const char* v1_file, const char* v2_key) {
    for (const auto& device : devices) {
      std::string value = std::to_string(device.major) + ":" + std::to_string(device.minor) + " ";
      if (v2_) set(controller, "io.max", value + v2_key + "=" + (device.value ? std::to_string(device.value) : "max"));
      else set(controller, v1_file, value + std::to_string(device.value));
    }
  }
};

}  // namespace

uint64_t cpu_weight_of_shares(uint64_t shares) {
  shares = std::clamp<uint64_t>(shares, 2, 262144);
  return 1 + (shares - 2) * 9999 / 262142;
}

uint64_t io_weight_of_blkio(uint64_t weight) {
  weight = std::clamp<uint64_t>(weight, 10, 1000);
  return 1 + (weight - 10) * 9999 / 990;
}

Status Cgroups::apply(const std::string& path, const CgroupLimits& limits) const { return LimitWriter(*this, path).write(limits); }

CgroupAbilities Cgroups::abilities(const std::string& path) const {
  CgroupAbilities out;
  bool v2 = mode_ == Mode::kV2;
  auto there = [&](std::string_view controller, const char* file) {
    std::string at = has(controller) ? folder(controller, path) : "";
    return !at.empty() && path_exists(at + "/" + file);
  };
  out.memory = has("memory");
  out.cpuset = has("cpuset");
  out.pids = has("pids");
  out.swap = there("memory", v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes");
  out.memory_reservation = there("memory", v2 ? "memory.low" : "memory.soft_limit_in_bytes");
  out.swappiness = !v2 && there("memory", "memory.swappiness");
  out.oom_kill_disable = !v2 && there("memory", "memory.oom_control");
  out.cpu_shares = there("cpu", v2 ? "cpu.weight" : "cpu.shares");
  out.cpu_quota = there("cpu", v2 ? "cpu.max" : "cpu.cfs_quota_us");
  out.cpu_realtime = !v2 && there("cpu", "cpu.rt_runtime_us");
  if (v2) {
    out.blkio_weight = out.blkio_weight_device = there("io", "io.bfq.weight") || there("io", "io.weight");
    out.blkio_read_bps = out.blkio_write_bps = out.blkio_read_iops = out.blkio_write_iops = there("io", "io.max");
    return out;
  }
  // The instance's group has no folder in every hierarchy, so blkio is asked at the root, where BFQ shows its counters but no weight.
  auto root_has = [&](const char* file) { return has("blkio") && path_exists(folder("blkio", "") + "/" + file); };
  out.blkio_weight = root_has("blkio.weight") || root_has("blkio.bfq.io_service_bytes");
  out.blkio_weight_device = root_has("blkio.weight_device") || root_has("blkio.bfq.io_service_bytes");
  out.blkio_read_bps = root_has("blkio.throttle.read_bps_device");
  out.blkio_write_bps = root_has("blkio.throttle.write_bps_device");
  out.blkio_read_iops = root_has("blkio.throttle.read_iops_device");
  out.blkio_write_iops = root_has("blkio.throttle.write_iops_device");
  return out;
}

}  // namespace reigen::linux
