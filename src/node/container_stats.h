// One sample of a container's use as Docker's /stats tells it (API 1.50), without precpu_stats: those are the sample before.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "network/container_network.h"
#include "runtime/runtime.h"

namespace reigen::node {

struct StatsHost {
  uint64_t cpu_ns = 0;  // of all processors since boot
  unsigned cpus = 0;
  uint64_t memory = 0;  // bytes
};
// From /proc/stat and /proc/meminfo.
StatsHost read_stats_host();

struct StatsSample {
  std::string id, name;
  WallTime read{};
  std::optional<runtime::ContainerStats> usage;  // nothing: it does not run
  std::vector<network::ContainerNetwork::Counters> networks;
  StatsHost host;
};
std::string stats_json(const StatsSample& sample);

}  // namespace reigen::node
