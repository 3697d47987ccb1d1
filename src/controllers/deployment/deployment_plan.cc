#include "controllers/deployment/deployment_plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "api/json.h"

namespace reigen::controllers {
namespace {

int32_t total_of(const std::vector<ReplicaSetPtr>& sets) {
  int32_t total = 0;
  for (const auto& set : sets) total += replicas_of(*set);
  return total;
}

int32_t available_of(const std::vector<ReplicaSetPtr>& sets) {
  int32_t total = 0;
  for (const auto& set : sets) total += set->status.available_replicas;
  return total;
}

void sort_by_age(std::vector<ReplicaSetPtr>& sets) {
  std::sort(sets.begin(), sets.end(), [](const auto& a, const auto& b) {
    return std::pair(a->metadata.creation_timestamp, a->metadata.name) < std::pair(b->metadata.creation_timestamp, b->metadata.name);
  });
}

int64_t annotation_number(const ReplicaSet& set, std::string_view key) {
  const auto* text = set.metadata.annotations.get(key);
  int64_t value = -1;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

std::vector<ReplicaSetPtr> all_of(const ReplicaSetPtr& new_set, const std::vector<ReplicaSetPtr>& old_sets) {
  auto all = old_sets;
  if (new_set) all.push_back(new_set);
  return all;
}

bool rolling(const Deployment& deployment) { return deployment.spec.strategy.type == "RollingUpdate"; }

}  // namespace

int32_t replicas_of(const ReplicaSet& set) { return set.spec.replicas.value_or(1); }

RolloutBounds rollout_bounds(const Deployment& deployment) {
  RolloutBounds bounds;
  int32_t wanted = deployment.spec.replicas.value_or(1);
  if (!rolling(deployment) || wanted == 0) return bounds;
  const auto& update = deployment.spec.strategy.rolling_update;
  api::IntOrString quarter("25%");
  bounds.max_surge = static_cast<int32_t>((update && update->max_surge ? *update->max_surge : quarter).scaled(wanted, true).value_or(0));
  bounds.max_unavailable = static_cast<int32_t>((update && update->max_unavailable ? *update->max_unavailable : quarter).scaled(wanted, false).value_or(0));
  // Both may round to nothing; one pod must be able to move.
  if (bounds.max_surge == 0 && bounds.max_unavailable == 0) bounds.max_unavailable = 1;
  bounds.max_unavailable = std::min(bounds.max_unavailable, wanted);
  return bounds;
}

int32_t max_replicas(const Deployment& deployment) { return deployment.spec.replicas.value_or(1) + rollout_bounds(deployment).max_surge; }

bool same_template(const api::corev1::PodTemplateSpec& a, const api::corev1::PodTemplateSpec& b) {
  auto left = a, right = b;
  left.metadata.labels.erase(kHashLabel);
  right.metadata.labels.erase(kHashLabel);
  return left == right;
}

std::optional<size_t> find_new(const Deployment& deployment, const std::vector<ReplicaSetPtr>& sets) {
  std::optional<size_t> best;
  for (size_t i = 0; i < sets.size(); ++i) {
    if (!same_template(sets[i]->spec.template_, deployment.spec.template_)) continue;
    if (!best || sets[i]->metadata.creation_timestamp < sets[*best]->metadata.creation_timestamp) best = i;
  }
  return best;
}

std::string template_hash(const api::corev1::PodTemplateSpec& pod_template, std::optional<int32_t> collisions) {
  uint32_t hash = 2166136261u;  // FNV-1a
  auto mix = [&](std::string_view text) {
    for (unsigned char c : text) hash = (hash ^ c) * 16777619u;
  };
  mix(api::encode_json(pod_template));
  if (collisions) mix(std::to_string(*collisions));
  // The alphabet of generated names: no vowels, so no words.
  static constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string out;
  for (char digit : std::to_string(hash)) out += kAlphabet[static_cast<unsigned char>(digit) % kAlphabet.size()];
  return out;
}

int64_t revision_of_set(const ReplicaSet& set) { return std::max<int64_t>(0, annotation_number(set, kRevisionAnnotation)); }

int32_t new_set_size(const Deployment& deployment, const ReplicaSetPtr& new_set, int32_t total) {
  int32_t wanted = deployment.spec.replicas.value_or(1), now = new_set ? replicas_of(*new_set) : 0;
  if (!rolling(deployment)) return wanted;
  int32_t room = max_replicas(deployment) - total;
  if (room <= 0) return now;
  return now + std::min(room, wanted - now);
}

namespace {

// Pods that are not available count against nobody: they go first.
int32_t shrink_unhealthy(std::vector<ReplicaSetPtr>& old_sets, std::vector<int32_t>& sizes, int32_t limit) {
  int32_t done = 0;
  for (size_t i = 0; i < old_sets.size() && done < limit; ++i) {
    int32_t unhealthy = sizes[i] - old_sets[i]->status.available_replicas;
    if (sizes[i] == 0 || unhealthy <= 0) continue;
    int32_t step = std::min(limit - done, unhealthy);
    sizes[i] -= step;
    done += step;
  }
  return done;
}

void shrink_available(std::vector<ReplicaSetPtr>& old_sets, std::vector<int32_t>& sizes, int32_t limit) {
  for (size_t i = 0; i < old_sets.size() && limit > 0; ++i) {
    int32_t step = std::min(sizes[i], limit);
    sizes[i] -= step;
    limit -= step;
  }
}

std::vector<Resize> plan_shrink(const Deployment& deployment, const ReplicaSetPtr& new_set, std::vector<ReplicaSetPtr> old_sets) {
  sort_by_age(old_sets);
  if (total_of(old_sets) == 0) return {};
  auto all = all_of(new_set, old_sets);
  int32_t min_available = deployment.spec.replicas.value_or(1) - rollout_bounds(deployment).max_unavailable;
  int32_t new_unavailable = new_set ? replicas_of(*new_set) - new_set->status.available_replicas : 0;
  int32_t may_shrink = total_of(all) - min_available - new_unavailable;
  if (may_shrink <= 0) return {};
  std::vector<int32_t> sizes;
  for (const auto& set : old_sets) sizes.push_back(replicas_of(*set));
  shrink_unhealthy(old_sets, sizes, may_shrink);
  shrink_available(old_sets, sizes, available_of(all) - min_available);
  std::vector<Resize> steps;
  for (size_t i = 0; i < old_sets.size(); ++i) {
    if (sizes[i] != replicas_of(*old_sets[i])) steps.push_back({old_sets[i], sizes[i]});
  }
  return steps;
}

}  // namespace

std::vector<Resize> plan_rolling_step(const Deployment& deployment, const ReplicaSetPtr& new_set, const std::vector<ReplicaSetPtr>& old_sets) {
  if (new_set) {
    int32_t wanted = deployment.spec.replicas.value_or(1), now = replicas_of(*new_set);
    int32_t size = now > wanted ? wanted : new_set_size(deployment, new_set, total_of(all_of(new_set, old_sets)));
    if (size != now) return {{new_set, size}};
  }
  return plan_shrink(deployment, new_set, old_sets);
}

bool is_scaling(const Deployment& deployment, const std::vector<ReplicaSetPtr>& sets) {
  return std::any_of(sets.begin(), sets.end(), [&](const ReplicaSetPtr& set) {
    int64_t desired = annotation_number(*set, kDesiredAnnotation);
    return replicas_of(*set) > 0 && desired >= 0 && desired != deployment.spec.replicas.value_or(1);
  });
}

namespace {

// A set's share of what is to be added or removed, by the size it had when the deployment was last sized.
int32_t share(const Deployment& deployment, const ReplicaSet& set, int32_t to_add, int32_t added) {
  int64_t before = annotation_number(set, kMaxAnnotation);
  if (before <= 0) before = deployment.status.replicas;
  if (before <= 0) return 0;
  double exact = static_cast<double>(replicas_of(set)) * max_replicas(deployment) / static_cast<double>(before);
  auto wanted = static_cast<int32_t>(std::lround(exact)) - replicas_of(set);
  int32_t left = to_add - added;
  return to_add > 0 ? std::min(wanted, left) : std::max(wanted, left);
}

std::vector<Resize> scale_in_proportion(const Deployment& deployment, std::vector<ReplicaSetPtr> sets) {
  std::erase_if(sets, [](const ReplicaSetPtr& set) { return replicas_of(*set) == 0; });
  int32_t allowed = deployment.spec.replicas.value_or(1) > 0 ? max_replicas(deployment) : 0;
  int32_t to_add = allowed - total_of(sets), added = 0;
  // What grows, grows newest first; what shrinks, oldest first; among equals the larger set leads.
  std::stable_sort(sets.begin(), sets.end(), [&](const auto& a, const auto& b) {
    if (replicas_of(*a) != replicas_of(*b)) return replicas_of(*a) > replicas_of(*b);
    return to_add > 0 ? a->metadata.creation_timestamp > b->metadata.creation_timestamp : a->metadata.creation_timestamp < b->metadata.creation_timestamp;
  });
  std::vector<Resize> steps;
  for (const auto& set : sets) {
    int32_t step = to_add != 0 ? share(deployment, *set, to_add, added) : 0;
    added += step;
    steps.push_back({set, replicas_of(*set) + step});
  }
  if (!steps.empty()) steps[0].replicas = std::max(0, steps[0].replicas + to_add - added);
  return steps;
}

}  // namespace

std::vector<Resize> plan_scaling(const Deployment& deployment, const ReplicaSetPtr& new_set, const std::vector<ReplicaSetPtr>& old_sets) {
  auto all = all_of(new_set, old_sets);
  std::vector<ReplicaSetPtr> active;
  std::copy_if(all.begin(), all.end(), std::back_inserter(active), [](const auto& set) { return replicas_of(*set) > 0; });
  int32_t wanted = deployment.spec.replicas.value_or(1);
  if (active.size() <= 1) {
    auto only = active.empty() ? new_set : active[0];
    if (only && replicas_of(*only) != wanted) return {{only, wanted}};
    return {};
  }
  // A saturated new set needs no old pods any more.
  if (new_set && replicas_of(*new_set) == wanted && new_set->status.available_replicas == wanted) {
    std::vector<Resize> steps;
    for (const auto& set : old_sets) {
      if (replicas_of(*set) > 0) steps.push_back({set, 0});
    }
    return steps;
  }
  return rolling(deployment) ? scale_in_proportion(deployment, active) : std::vector<Resize>{};
}

std::vector<ReplicaSetPtr> plan_cleanup(const Deployment& deployment, std::vector<ReplicaSetPtr> old_sets) {
  if (!deployment.spec.revision_history_limit) return {};
  std::erase_if(old_sets, [](const ReplicaSetPtr& set) { return set->metadata.deletion_timestamp.has_value(); });
  auto excess = static_cast<int64_t>(old_sets.size()) - *deployment.spec.revision_history_limit;
  if (excess <= 0) return {};
  std::sort(old_sets.begin(), old_sets.end(), [](const auto& a, const auto& b) { return revision_of_set(*a) < revision_of_set(*b); });
  old_sets.resize(static_cast<size_t>(excess));
  std::erase_if(old_sets, [](const ReplicaSetPtr& set) {
    return set->status.replicas != 0 || replicas_of(*set) != 0 || set->metadata.generation > set->status.observed_generation;
  });
  return old_sets;
}

const api::appsv1::DeploymentCondition* find_condition(const api::appsv1::DeploymentStatus& status, std::string_view type) {
  for (const auto& condition : status.conditions) {
    if (condition.type == type) return &condition;
  }
  return nullptr;
}

void set_condition(api::appsv1::DeploymentStatus& status, std::string_view type, bool holds, std::string_view reason, std::string message, WallTime now) {
  api::appsv1::DeploymentCondition fresh;
  fresh.type = type;
  fresh.status = holds ? "True" : "False";
  fresh.reason = reason;
  fresh.message = std::move(message);
  fresh.last_update_time = fresh.last_transition_time = api::Time(now);
  const auto* old = find_condition(status, type);
  if (old && old->status == fresh.status && old->reason == fresh.reason) return;
  if (old && old->status == fresh.status) fresh.last_transition_time = old->last_transition_time;
  std::erase_if(status.conditions, [&](const auto& condition) { return condition.type == type; });
  status.conditions.push_back(std::move(fresh));
}

api::appsv1::DeploymentStatus plan_status(const Deployment& deployment, const ReplicaSetPtr& new_set, const std::vector<ReplicaSetPtr>& all, WallTime now) {
  api::appsv1::DeploymentStatus status;
  status.observed_generation = deployment.metadata.generation;
  status.collision_count = deployment.status.collision_count;
  status.conditions = deployment.status.conditions;
  for (const auto& set : all) {
    status.replicas += set->status.replicas;
    status.ready_replicas += set->status.ready_replicas;
    status.available_replicas += set->status.available_replicas;
  }
  status.updated_replicas = new_set ? new_set->status.replicas : 0;
  status.unavailable_replicas = std::max(0, total_of(all) - status.available_replicas);
  int32_t needed = deployment.spec.replicas.value_or(1) - rollout_bounds(deployment).max_unavailable;
  if (status.available_replicas >= needed) {
    set_condition(status, "Available", true, "MinimumReplicasAvailable", "Deployment has minimum availability.", now);
  } else {
    set_condition(status, "Available", false, "MinimumReplicasUnavailable", "Deployment does not have minimum availability.", now);
  }
  return status;
}

bool is_complete(const Deployment& deployment, const api::appsv1::DeploymentStatus& status) {
  int32_t wanted = deployment.spec.replicas.value_or(1);
  return status.updated_replicas == wanted && status.replicas == wanted && status.available_replicas == wanted &&
         status.observed_generation >= deployment.metadata.generation;
}

namespace {

bool has_deadline(const Deployment& deployment) {
  return deployment.spec.progress_deadline_seconds && *deployment.spec.progress_deadline_seconds != std::numeric_limits<int32_t>::max();
}

bool has_progressed(const Deployment& deployment, const api::appsv1::DeploymentStatus& status) {
  const auto& old = deployment.status;
  int32_t old_rest = old.replicas - old.updated_replicas, rest = status.replicas - status.updated_replicas;
  return status.updated_replicas > old.updated_replicas || rest < old_rest || status.ready_replicas > old.ready_replicas ||
         status.available_replicas > old.available_replicas;
}

// Since when nothing has moved, or zero where no deadline runs.
bool has_timed_out(const Deployment& deployment, const api::appsv1::DeploymentStatus& status, WallTime now, Duration& left) {
  const auto* progressing = find_condition(status, "Progressing");
  if (!progressing || progressing->reason == "NewReplicaSetAvailable") return false;
  if (progressing->reason == "ProgressDeadlineExceeded") return true;
  auto due = progressing->last_update_time.wall() + std::chrono::seconds(*deployment.spec.progress_deadline_seconds);
  left = due > now ? due - now : Duration::zero();
  return due <= now;
}

void update_failure(const std::vector<ReplicaSetPtr>& all, api::appsv1::DeploymentStatus& status) {
  std::erase_if(status.conditions, [](const auto& condition) { return condition.type == "ReplicaFailure"; });
  for (const auto& set : all) {
    for (const auto& condition : set->status.conditions) {
      if (condition.type != "ReplicaFailure") continue;
      auto& copy = status.conditions.emplace_back();
      copy.type = condition.type;
      copy.status = condition.status;
      copy.reason = condition.reason;
      copy.message = condition.message;
      copy.last_update_time = copy.last_transition_time = condition.last_transition_time;
      return;
    }
  }
}

}  // namespace

void update_progress(const Deployment& deployment, const ReplicaSetPtr& new_set, const std::vector<ReplicaSetPtr>& all, WallTime now,
                     api::appsv1::DeploymentStatus& status, Duration& again_in) {
  const auto* progressing = find_condition(deployment.status, "Progressing");
  bool was_complete = deployment.status.replicas == deployment.status.updated_replicas && progressing && progressing->reason == "NewReplicaSetAvailable";
  if (has_deadline(deployment) && !was_complete) {
    auto name = new_set ? fmt::format("ReplicaSet \"{}\"", new_set->metadata.name) : fmt::format("Deployment \"{}\"", deployment.metadata.name);
    if (is_complete(deployment, status)) {
      set_condition(status, "Progressing", true, "NewReplicaSetAvailable", name + " has successfully progressed.", now);
    } else if (has_progressed(deployment, status)) {
      // The update time moves with each progress, and with it the deadline; the transition time does not.
      api::Time since = progressing && progressing->status == "True" ? progressing->last_transition_time : api::Time(now);
      std::erase_if(status.conditions, [](const auto& condition) { return condition.type == "Progressing"; });
      set_condition(status, "Progressing", true, "ReplicaSetUpdated", name + " is progressing.", now);
      status.conditions.back().last_transition_time = since;
    } else if (has_timed_out(deployment, status, now, again_in)) {
      set_condition(status, "Progressing", false, "ProgressDeadlineExceeded", name + " has timed out progressing.", now);
    }
    if (again_in == Duration::zero() && !is_complete(deployment, status)) (void)has_timed_out(deployment, status, now, again_in);
  }
  update_failure(all, status);
}

}  // namespace reigen::controllers
