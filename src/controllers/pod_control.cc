#include "controllers/pod_control.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <tuple>

#include "api/errors.h"

namespace reigen::controllers {
namespace {

using api::corev1::Pod;

const api::corev1::PodCondition* find_condition(const Pod& pod, std::string_view type) {
  for (const auto& condition : pod.status.conditions) {
    if (condition.type == type) return &condition;
  }
  return nullptr;
}

int phase_rank(const Pod& pod) {
  if (pod.status.phase == "Pending") return 0;
  return pod.status.phase == "Unknown" ? 1 : 2;
}

int deletion_cost(const Pod& pod) {
  const auto* text = pod.metadata.annotations.get("controller.kubernetes.io/pod-deletion-cost");
  int cost = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), cost);
  return cost;
}

int restarts(const Pod& pod) {
  int most = 0;
  for (const auto& status : pod.status.container_statuses) most = std::max(most, static_cast<int>(status.restart_count));
  return most;
}

// Ages are compared by their order of magnitude, so that a few seconds do not decide.
int age_rank(api::Time since, WallTime now) {
  if (since.is_zero()) return 0;
  auto seconds = std::max<int64_t>(1, std::chrono::duration_cast<std::chrono::seconds>(now - since.wall()).count());
  int rank = 0;
  while (seconds >>= 1) ++rank;
  return -rank;
}

}  // namespace

bool is_namespace_terminating(const Error& error) {
  const auto* status = api::find_status(error);
  if (!status) return false;
  return std::any_of(status->causes.begin(), status->causes.end(), [](const auto& cause) { return cause.reason == "NamespaceTerminating"; });
}

bool is_active(const Pod& pod) { return pod.status.phase != "Succeeded" && pod.status.phase != "Failed" && !pod.metadata.deletion_timestamp; }

bool is_ready(const Pod& pod) {
  const auto* condition = find_condition(pod, "Ready");
  return condition && condition->status == "True";
}

api::Time ready_since(const Pod& pod) {
  const auto* condition = find_condition(pod, "Ready");
  return condition && condition->status == "True" ? condition->last_transition_time : api::Time();
}

bool is_available(const Pod& pod, int32_t min_ready_seconds, WallTime now, Duration* again_in) {
  if (!is_ready(pod)) return false;
  if (min_ready_seconds == 0) return true;
  auto since = ready_since(pod);
  if (since.is_zero()) return false;
  auto due = since.wall() + std::chrono::seconds(min_ready_seconds);
  if (due <= now) return true;
  if (again_in && (*again_in == Duration::zero() || due - now < *again_in)) *again_in = due - now;
  return false;
}

api::metav1::OwnerReference controller_reference(const api::Object& owner) {
  api::metav1::OwnerReference reference;
  reference.api_version = owner.kind().api_version;
  reference.kind = owner.kind().kind;
  reference.name = owner.meta().name;
  reference.uid = owner.meta().uid;
  reference.controller = true;
  reference.block_owner_deletion = true;
  return reference;
}

const api::metav1::OwnerReference* controller_of(const api::metav1::ObjectMeta& meta) {
  for (const auto& reference : meta.owner_references) {
    if (reference.controller.value_or(false)) return &reference;
  }
  return nullptr;
}

std::vector<std::string> index_orphans(const api::Object& object) {
  if (controller_of(object.meta())) return {};
  return {object.meta().namespace_};
}

Pod pod_from_template(const api::corev1::PodTemplateSpec& pod_template, const api::Object& owner) {
  Pod pod;
  pod.metadata.namespace_ = owner.meta().namespace_;
  pod.metadata.generate_name = owner.meta().name + "-";
  pod.metadata.labels = pod_template.metadata.labels;
  pod.metadata.annotations = pod_template.metadata.annotations;
  pod.metadata.finalizers = pod_template.metadata.finalizers;
  pod.metadata.owner_references.push_back(controller_reference(owner));
  pod.spec = pod_template.spec;
  return pod;
}

Claims sort_claims(const std::vector<api::Object>& candidates, const std::string& owner_uid, const api::LabelSelector& selector, bool owner_deleting) {
  Claims claims;
  for (const auto& object : candidates) {
    const auto& meta = object.meta();
    const auto* owner = controller_of(meta);
    if (owner && owner->uid != owner_uid) continue;
    bool matches = selector.matches(meta.labels);
    if (owner) {
      if (matches) claims.owned.push_back(object);
      else if (!owner_deleting) claims.release.push_back(object);
    } else if (matches && !owner_deleting && !meta.deletion_timestamp) {
      claims.adopt.push_back(object);
    }
  }
  return claims;
}

namespace {

Result<api::Object> patch_owner(client::Client& client, const api::Object& object, const std::string& owners) {
  auto patch = fmt::format(R"({{"metadata":{{"ownerReferences":[{}],"uid":"{}"}}}})", owners, object.meta().uid);
  return client.patch_object(object.kind(), object.meta().namespace_, object.meta().name, client::PatchType::kStrategic, std::move(patch), "");
}

// Vanished or replaced meanwhile: nothing to claim any more.
bool is_vanished(const Error& error) { return api::is_not_found(error) || api::has_reason(error, "Invalid"); }

}  // namespace

Status apply_claims(client::Client& client, const api::Object& owner, Claims& claims) {
  for (const auto& object : claims.release) {
    auto released = patch_owner(client, object, fmt::format(R"({{"$patch":"delete","uid":"{}"}})", owner.meta().uid));
    if (!released && !is_vanished(released.error())) return Fail(std::move(released).error());
  }
  if (claims.adopt.empty()) return {};
  auto fresh = client.get_object(owner.kind(), owner.meta().namespace_, owner.meta().name);
  if (!fresh) return Fail(std::move(fresh).error());
  if (fresh->meta().uid != owner.meta().uid || fresh->meta().deletion_timestamp) return {};
  for (const auto& object : claims.adopt) {
    auto adopted = patch_owner(client, object,
                               fmt::format(R"({{"apiVersion":"{}","kind":"{}","name":"{}","uid":"{}","controller":true,"blockOwnerDeletion":true}})",
                                           owner.kind().api_version, owner.kind().kind, owner.meta().name, owner.meta().uid));
    if (adopted) claims.owned.push_back(*adopted);
    else if (!is_vanished(adopted.error())) return Fail(std::move(adopted).error());
  }
  return {};
}

void sort_for_deletion(std::vector<PodPtr>& pods, WallTime now) {
  std::map<std::string, int> on_node;
  for (const auto& pod : pods) ++on_node[pod->spec.node_name];
  auto rank = [&](const PodPtr& pod) {
    bool ready = is_ready(*pod);
    int crowd = pod->spec.node_name.empty() ? 0 : -on_node[pod->spec.node_name];
    // The younger goes first: a longer-lived pod has a smaller (more negative) age rank, so it must sort last.
    return std::tuple(!pod->spec.node_name.empty(), phase_rank(*pod), ready, deletion_cost(*pod), crowd, -age_rank(ready_since(*pod), now), -restarts(*pod),
                      -age_rank(pod->metadata.creation_timestamp, now), pod->metadata.name);
  };
  std::sort(pods.begin(), pods.end(), [&](const PodPtr& a, const PodPtr& b) { return rank(a) < rank(b); });
}

}  // namespace reigen::controllers
