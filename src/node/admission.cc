#include "node/admission.h"

#include <fmt/core.h>

#include <algorithm>

#include "api/pod_rules.h"
#include "node/container_spec.h"

namespace reigen::node {
namespace {

using namespace api::corev1;

bool ended(const Pod& pod) { return pod.status.phase == "Succeeded" || pod.status.phase == "Failed"; }

Rejection out_of(const std::string& resource, int64_t requested, int64_t used, int64_t capacity) {
  return {"OutOf" + resource,
          fmt::format("Pod was rejected: Node didn't have enough resource: {}, requested: {}, used: {}, capacity: {}", resource, requested, used, capacity)};
}

bool matches_selector(const Pod& pod, const Node& node) {
  return std::all_of(pod.spec.node_selector.begin(), pod.spec.node_selector.end(), [&](const auto& wanted) {
    const auto* value = node.metadata.labels.get(wanted.first);
    return value && *value == wanted.second;
  });
}

bool tolerates(const Pod& pod, const Taint& taint) {
  return std::ranges::any_of(pod.spec.tolerations, [&](const Toleration& one) { return api::tolerates(one, taint); });
}

int64_t amount(const api::Map<api::Quantity>& list, std::string_view name, bool milli) {
  const auto* quantity = list.get(name);
  return !quantity ? 0 : milli ? quantity->milli_value() : quantity->value();
}

}  // namespace

std::optional<Rejection> admit_pod(const Pod& pod, const std::vector<Pod>& others, const Node& node, int max_pods) {
  int64_t cpu = 0, memory = 0, count = 0;
  for (const auto& other : others) {
    if (ended(other)) continue;
    auto requests = pod_requests(other);
    cpu += requests.cpu_milli;
    memory += requests.memory;
    ++count;
  }
  auto wanted = pod_requests(pod);
  int64_t cpu_capacity = amount(node.status.allocatable, "cpu", true), memory_capacity = amount(node.status.allocatable, "memory", false);
  if (count + 1 > max_pods) return out_of("pods", 1, count, max_pods);
  if (wanted.cpu_milli > 0 && cpu + wanted.cpu_milli > cpu_capacity) return out_of("cpu", wanted.cpu_milli, cpu, cpu_capacity);
  if (wanted.memory > 0 && memory + wanted.memory > memory_capacity) return out_of("memory", wanted.memory, memory, memory_capacity);
  if (!matches_selector(pod, node)) return Rejection{"NodeAffinity", "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"};
  for (const auto& taint : node.spec.taints) {
    if (taint.effect == "NoExecute" && !tolerates(pod, taint)) {
      return Rejection{"TaintToleration", "Pod was rejected: Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate"};
    }
  }
  return std::nullopt;
}

}  // namespace reigen::node
