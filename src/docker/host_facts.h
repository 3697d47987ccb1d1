// What /version and /info say about this host and this program. Read once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace reigen::docker {

inline constexpr std::string_view kReigenVersion = "0.1.0";
inline constexpr std::string_view kGitCommit = "reigen";
inline constexpr std::string_view kGoVersion = "none";
inline constexpr std::string_view kBuildTime = "2026-11-23T00:00:00.000000000+00:00";

struct HostFacts {
  std::string kernel;                        // "6.1.0-18-amd64"
  std::string architecture;                  // "x86_64"
  std::string go_architecture;               // "amd64"
  std::string operating_system, os_version;  // "Debian GNU/Linux 12 (bookworm)", "12"
  std::string host_name;
  int64_t memory = 0;  // bytes
  int cpus = 1;
  int cgroup_version = 1;
  // What the kernel can limit, as Docker's checks and warnings ask.
  bool memory_limit = false, swap_limit = false, oom_kill_disable = false, cpu_quota = false, cpu_shares = false, cpu_set = false, pids_limit = false;
  bool memory_reservation = false, memory_swappiness = false, blkio_weight = false, blkio_throttle = false, cpu_realtime = false;
  std::vector<int> online_cpus, memory_nodes;
  bool apparmor = false, seccomp = false;
};
const HostFacts& host_facts();
// "0-3,5" → 0 1 2 3 5; at most 1024 numbers, none where it is malformed.
std::vector<int> parse_cpu_list(std::string_view text);

}  // namespace reigen::docker
