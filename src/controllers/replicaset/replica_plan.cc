#include "controllers/replicaset/replica_plan.h"

#include <algorithm>

namespace reigen::controllers {
namespace {

bool has_labels(const api::corev1::Pod& pod, const api::Map<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& label) {
    const auto* value = pod.metadata.labels.get(label.first);
    return value && *value == label.second;
  });
}

}  // namespace

ReplicaPlan plan_replicas(const ReplicaObserved& observed, WallTime now) {
  ReplicaPlan plan;
  std::vector<PodPtr> active;
  for (const auto& pod : observed.pods) {
    if (is_active(*pod)) active.push_back(pod);
  }
  for (const auto& pod : active) {
    ++plan.status.replicas;
    if (has_labels(*pod, observed.template_labels)) ++plan.status.fully_labeled;
    if (is_ready(*pod)) ++plan.status.ready;
    if (is_available(*pod, observed.min_ready_seconds, now, &plan.again_in)) ++plan.status.available;
  }
  plan.status.observed_generation = observed.generation;
  if (observed.deleting) return plan;
  int difference = static_cast<int>(active.size()) - observed.wanted;
  if (difference < 0) plan.create = std::min(-difference, kReplicaBurst);
  if (difference > 0) {
    sort_for_deletion(active, now);
    active.resize(static_cast<size_t>(std::min(difference, kReplicaBurst)));
    plan.remove = std::move(active);
  }
  return plan;
}

}  // namespace reigen::controllers
