#include "api/pod_rules.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "api/corev1.h"
#include "api/docker_names.h"
#include "api/metav1.h"

namespace reigen::api {
namespace {

using Amounts = std::map<std::string_view, Quantity>;

// Adds the positive amounts of CPU and memory; how many there were.
int add_compute(const Map<Quantity>& list, Amounts& sums) {
  int count = 0;
  for (std::string_view name : {"cpu", "memory"}) {
    const Quantity* amount = list.get(name);
    if (!amount || amount->is_zero() || amount->is_negative()) continue;
    ++count;
    sums[name] += *amount;
  }
  return count;
}

}  // namespace

bool tolerates(const corev1::Toleration& toleration, const corev1::Taint& taint) {
  if (!toleration.effect.empty() && toleration.effect != taint.effect) return false;
  if (!toleration.key.empty() && toleration.key != taint.key) return false;
  if (toleration.operator_ == "Exists") return true;
  return (toleration.operator_.empty() || toleration.operator_ == "Equal") && toleration.value == taint.value;
}

std::string qos_class(const corev1::PodSpec& spec) {
  Amounts requests, limits;
  bool guaranteed = true;
  auto look = [&](const corev1::Container& container) {
    add_compute(container.resources.requests, requests);
    if (add_compute(container.resources.limits, limits) < 2) guaranteed = false;
  };
  for (const auto& container : spec.containers) look(container);
  for (const auto& container : spec.init_containers) look(container);
  if (requests.empty() && limits.empty()) return "BestEffort";
  return guaranteed && requests == limits ? "Guaranteed" : "Burstable";
}

bool is_container_pod(const corev1::Pod& pod) {
  const std::string* id = pod.metadata.annotations.get(kContainerAnnotation);
  if (!id) return false;
  return std::ranges::any_of(pod.metadata.owner_references, [&](const metav1::OwnerReference& owner) {
    return owner.kind == "Container" && owner.api_version == "docker.reigen.dev/v1" && owner.name == *id && owner.controller.value_or(false);
  });
}

}  // namespace reigen::api
