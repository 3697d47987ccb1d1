// StatsSummary: what /stats/summary of a node says (kubelet's Summary API, pkg/kubelet/apis/stats/v1alpha1), as JSON.
//
// Nothing is sampled in the background: usageNanoCores is the mean since the request before, if that was a second ago or longer, and
// since the container's (pod's, node's) start at the first request.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "runtime/runtime.h"

namespace reigen::node {

class PodWorker;

class StatsSummary {
 public:
  // `disk`: a folder on the file system of pods and images; "" for a node that only pretends.
  StatsSummary(runtime::Runtime& runtime, Clock& clock, std::string node_name, std::string disk);

  // Thread-safe. Blocks (reads cgroups and /proc).
  std::string build(const std::vector<std::shared_ptr<PodWorker>>& pods);

 private:
  struct Sample {
    TimePoint at{};
    uint64_t cpu_ns = 0, rate = 0;
    uint64_t round = 0;  // of the last request that saw it
  };
  std::string usage_json(const std::string& id, const runtime::ContainerStats& stats, WallTime start);
  std::string pod_json(PodWorker& pod, runtime::ContainerStats& sum);
  uint64_t rate(const std::string& id, uint64_t cpu_ns, WallTime start);

  runtime::Runtime& runtime_;
  Clock& clock_;
  const std::string node_name_, disk_;
  std::mutex mutex_;
  std::map<std::string, Sample> samples_;  // by container id, pod uid, "" for the node; what a request does not see goes
  uint64_t round_ = 0;
};

}  // namespace reigen::node
