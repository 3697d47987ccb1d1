// The decisions of a Deployment's rollout, without clock, store or network (Kubernetes' pkg/controller/deployment).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/appsv1.h"
#include "base/clock.h"

namespace reigen::controllers {

using ReplicaSetPtr = std::shared_ptr<const api::appsv1::ReplicaSet>;
using api::appsv1::Deployment;
using api::appsv1::ReplicaSet;

inline constexpr std::string_view kHashLabel = "pod-template-hash";
inline constexpr std::string_view kRevisionAnnotation = "deployment.kubernetes.io/revision";
inline constexpr std::string_view kRevisionHistoryAnnotation = "deployment.kubernetes.io/revision-history";
inline constexpr std::string_view kDesiredAnnotation = "deployment.kubernetes.io/desired-replicas";
inline constexpr std::string_view kMaxAnnotation = "deployment.kubernetes.io/max-replicas";

// How far a rolling update may go above and below the wanted number. Never both zero.
struct RolloutBounds {
  int32_t max_surge = 0, max_unavailable = 0;
};
RolloutBounds rollout_bounds(const Deployment& deployment);

int32_t replicas_of(const ReplicaSet& set);
// desired: as the deployment says; what a rolling update allows at most.
int32_t max_replicas(const Deployment& deployment);

// The index of the set whose template is the deployment's (the hash label aside), the oldest of several.
std::optional<size_t> find_new(const Deployment& deployment, const std::vector<ReplicaSetPtr>& sets);
// The same template but for the hash label?
bool same_template(const api::corev1::PodTemplateSpec& a, const api::corev1::PodTemplateSpec& b);
// The label's value for a template; differs with the number of collisions.
std::string template_hash(const api::corev1::PodTemplateSpec& pod_template, std::optional<int32_t> collisions);

int64_t revision_of_set(const ReplicaSet& set);

// A new size for one of the sets.
struct Resize {
  ReplicaSetPtr set;
  int32_t replicas = 0;
};

// The next step of a rolling update: first the new set grows, then old ones shrink.
std::vector<Resize> plan_rolling_step(const Deployment& deployment, const ReplicaSetPtr& new_set, const std::vector<ReplicaSetPtr>& old_sets);
// The new set may grow to this size now.
int32_t new_set_size(const Deployment& deployment, const ReplicaSetPtr& new_set, int32_t total);
// Shrinks or grows the sets in proportion when only the number of replicas changed, as while paused.
std::vector<Resize> plan_scaling(const Deployment& deployment, const ReplicaSetPtr& new_set, const std::vector<ReplicaSetPtr>& old_sets);
// Was the deployment scaled since the sets were last sized?
bool is_scaling(const Deployment& deployment, const std::vector<ReplicaSetPtr>& sets);
// Old, empty, settled sets beyond the history limit, oldest first.
std::vector<ReplicaSetPtr> plan_cleanup(const Deployment& deployment, std::vector<ReplicaSetPtr> old_sets);

// Counts and the condition Available; Progressing is updated by update_progress.
api::appsv1::DeploymentStatus plan_status(const Deployment& deployment, const ReplicaSetPtr& new_set, const std::vector<ReplicaSetPtr>& all, WallTime now);
bool is_complete(const Deployment& deployment, const api::appsv1::DeploymentStatus& status);
// Progressing and ReplicaFailure. `again_in` becomes the time left to the progress deadline (zero: none runs).
void update_progress(const Deployment& deployment, const ReplicaSetPtr& new_set, const std::vector<ReplicaSetPtr>& all, WallTime now,
                     api::appsv1::DeploymentStatus& status, Duration& again_in);

const api::appsv1::DeploymentCondition* find_condition(const api::appsv1::DeploymentStatus& status, std::string_view type);
void set_condition(api::appsv1::DeploymentStatus& status, std::string_view type, bool holds, std::string_view reason, std::string message, WallTime now);

}  // namespace reigen::controllers
