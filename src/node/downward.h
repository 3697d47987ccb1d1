// The downward API: values of the pod's own fields and resources, for environment variables and files.
#pragma once

#include <string>
#include <vector>

#include "api/corev1.h"
#include "base/result.h"

namespace reigen::node {

struct NodeFacts {
  std::string name;
  std::vector<std::string> host_ips;
  int64_t cpu_milli = 0, memory_bytes = 0;  // allocatable: what a container without a limit is told
};

// kInvalidArgument for a path Kubernetes does not know.
Result<std::string> field_value(const api::corev1::Pod& pod, const std::string& path, const NodeFacts& facts, const std::vector<std::string>& pod_ips);
// `container`: the one asking; the selector may name another of the pod.
Result<std::string> resource_value(const api::corev1::Pod& pod, const api::corev1::Container& container, const api::corev1::ResourceFieldSelector& selector,
                                   const NodeFacts& facts);

}  // namespace reigen::node
