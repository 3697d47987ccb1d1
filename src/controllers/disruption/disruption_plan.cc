#include "controllers/disruption/disruption_plan.h"

#include <algorithm>

#include "api/metav1.h"

namespace reigen::controllers {
namespace {

using api::policyv1::PodDisruptionBudgetSpec;
using api::policyv1::PodDisruptionBudgetStatus;

constexpr std::string_view kAllowed = "DisruptionAllowed";

struct Counts {
  int32_t expected = 0, desired = 0;
};

Result<Counts> count(const DisruptionObserved& observed) {
  const PodDisruptionBudgetSpec& spec = observed.budget->spec;
  Counts out;
  if (!needs_scale(spec)) {
    if (!spec.min_available) return out;
    out.expected = static_cast<int32_t>(observed.pods.size());
    TRY_ASSIGN(int64_t least, spec.min_available->scaled(0, true));
    out.desired = static_cast<int32_t>(least);
    return out;
  }
  TRY_ASSIGN(out.expected, observed.scale);
  const auto& bound = spec.max_unavailable ? *spec.max_unavailable : *spec.min_available;
  TRY_ASSIGN(int64_t pods, bound.scaled(out.expected, true));
  out.desired = spec.max_unavailable ? std::max(out.expected - static_cast<int32_t>(pods), 0) : static_cast<int32_t>(pods);
  return out;
}

// Evictions that were allowed and whose pods are still there.
void keep_disrupted(const DisruptionObserved& observed, WallTime now, DisruptionPlan& plan) {
  for (const auto& pod : observed.pods) {
    const api::Time* since = observed.budget->status.disrupted_pods.get(pod->metadata.name);
    if (!since || pod->metadata.deletion_timestamp) continue;
    Duration left = since->wall() + kDisruptionTimeout - now;
    if (left < Duration::zero()) {
      plan.not_deleted.push_back(pod);
      continue;
    }
    plan.again_in = std::min(plan.again_in.value_or(left), left);
    plan.status.disrupted_pods[pod->metadata.name] = *since;
  }
}

int32_t count_healthy(const DisruptionObserved& observed, const PodDisruptionBudgetStatus& status) {
  return static_cast<int32_t>(std::ranges::count_if(
      observed.pods, [&](const PodPtr& pod) { return !pod->metadata.deletion_timestamp && !status.disrupted_pods.get(pod->metadata.name) && is_ready(*pod); }));
}

void set_allowed(PodDisruptionBudgetStatus& status, bool allowed, std::string reason, std::string message, WallTime now) {
  auto it = std::ranges::find(status.conditions, kAllowed, &api::metav1::Condition::type);
  if (it == status.conditions.end()) {
    it = status.conditions.emplace(status.conditions.end());
    it->type = kAllowed;
  }
  std::string value = allowed ? "True" : "False";
  if (it->status != value) it->last_transition_time = api::Time(now);
  it->status = std::move(value);
  it->reason = std::move(reason);
  it->message = std::move(message);
  it->observed_generation = status.observed_generation;
}

}  // namespace

bool needs_scale(const PodDisruptionBudgetSpec& spec) { return spec.max_unavailable || (spec.min_available && spec.min_available->is_string); }

DisruptionPlan plan_disruption(const DisruptionObserved& observed, WallTime now) {
  const auto& before = observed.budget->status;
  DisruptionPlan plan;
  auto counts = count(observed);
  if (!counts) {
    // Better nothing is evicted than too much.
    plan.failure = counts.error().message();
    plan.status = before;
    plan.status.disruptions_allowed = 0;
    set_allowed(plan.status, false, "SyncFailed", plan.failure, now);
    plan.write = plan.status != before;
    return plan;
  }
  keep_disrupted(observed, now, plan);
  auto& status = plan.status;
  status.current_healthy = count_healthy(observed, status);
  status.desired_healthy = counts->desired;
  status.expected_pods = counts->expected;
  status.disruptions_allowed = counts->expected > 0 ? std::max(status.current_healthy - status.desired_healthy, 0) : 0;
  status.observed_generation = observed.budget->metadata.generation;
  status.conditions = before.conditions;
  bool some = status.disruptions_allowed > 0;
  set_allowed(status, some, some ? "SufficientPods" : "InsufficientPods", "", now);
  plan.write = status != before;
  return plan;
}

std::optional<Duration> stale_disruption_in(const api::corev1::Pod& pod, WallTime now) {
  const auto& phase = pod.status.phase;
  if (pod.metadata.deletion_timestamp || phase == "Succeeded" || phase == "Failed") return std::nullopt;
  auto it = std::ranges::find(pod.status.conditions, "DisruptionTarget", &api::corev1::PodCondition::type);
  if (it == pod.status.conditions.end() || it->status != "True" || it->reason == "TerminationByKubelet") return std::nullopt;
  return std::max(it->last_transition_time.wall() + kDisruptionTimeout - now, Duration::zero());
}

}  // namespace reigen::controllers
