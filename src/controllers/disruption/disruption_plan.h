// What a PodDisruptionBudget's status is to say (rules of pkg/controller/disruption). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/policyv1.h"
#include "base/clock.h"
#include "base/result.h"
#include "controllers/pod_control.h"

namespace reigen::controllers {

// How long an eviction that was allowed counts before its pod is seen as being deleted.
inline constexpr Duration kDisruptionTimeout = std::chrono::minutes(2);

struct DisruptionObserved {
  std::shared_ptr<const api::policyv1::PodDisruptionBudget> budget;
  std::vector<PodPtr> pods;  // those it selects
  // What the controllers of these pods want together; an error says which pod's controller cannot be found. Needed where the budget
  // speaks of a share of the pods or of how many may be missing.
  Result<int32_t> scale = 0;
};

struct DisruptionPlan {
  api::policyv1::PodDisruptionBudgetStatus status;
  bool write = false;                // it differs from the budget's
  std::optional<Duration> again_in;  // when a pod that was to go must be there or gone
  std::vector<PodPtr> not_deleted;   // allowed to go, but still there
  std::string failure;               // why nothing is allowed now
};

// Whether DisruptionObserved::scale is asked for.
bool needs_scale(const api::policyv1::PodDisruptionBudgetSpec& spec);

DisruptionPlan plan_disruption(const DisruptionObserved& observed, WallTime now);

// In how long the pod's condition DisruptionTarget says what did not happen (zero: now); nothing where it is right, or a node's.
std::optional<Duration> stale_disruption_in(const api::corev1::Pod& pod, WallTime now);

}  // namespace reigen::controllers
