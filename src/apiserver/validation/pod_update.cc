// Updates of pods: what may change, and by which subresource.

#include <algorithm>

#include "api/pod_rules.h"
#include "api/validation.h"
#include "apiserver/validation/go_value.h"
#include "apiserver/validation/pod_parts.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

constexpr std::string_view kMirror = "kubernetes.io/config.mirror";

// False: the lists differ in length, and what follows cannot be compared.
bool check_containers(const std::vector<Container>& now, const std::vector<Container>& before, const FieldPath& path, FieldErrors& errors) {
  if (now.size() != before.size()) {
    forbid(errors, path, "pod updates may not add or remove containers");
    return false;
  }
  for (size_t i = 0; i < now.size(); ++i) {
    FieldPath at = path.index(i);
    if (now[i].image.empty()) require(errors, at.child("image"));
    validate_image_text(now[i].image, at.child("image"), errors);
  }
  return true;
}

// False: no more checks.
bool check_deadline(const PodSpec& now, const PodSpec& before, const FieldPath& path, FieldErrors& errors) {
  const auto& deadline = now.active_deadline_seconds;
  if (!deadline) {
    if (before.active_deadline_seconds) reject(errors, path, BadValue(nullptr), "must not update from a positive integer to nil value");
    return true;
  }
  if (*deadline < 0 || *deadline > INT32_MAX) {
    reject(errors, path, *deadline, api::inclusive_range_message(0, INT32_MAX));
    return false;
  }
  if (before.active_deadline_seconds && *before.active_deadline_seconds < *deadline) {
    reject(errors, path, *deadline, "must be less than or equal to previous value");
    return false;
  }
  return true;
}

void check_only_added_tolerations(const PodSpec& now, const PodSpec& before, const FieldPath& path, FieldErrors& errors) {
  for (Toleration old : before.tolerations) {
    bool found = std::ranges::any_of(now.tolerations, [&](const Toleration& one) {
      old.toleration_seconds = one.toleration_seconds;
      return old == one;
    });
    if (!found) return forbid(errors, path, "existing toleration can not be modified except its tolerationSeconds");
  }
  validate_tolerations(now.tolerations, path, errors);
}

void check_only_deleted_gates(const PodSpec& now, const PodSpec& before, const FieldPath& path, FieldErrors& errors) {
  std::map<std::string, size_t> added;
  for (size_t i = 0; i < now.scheduling_gates.size(); ++i) added[now.scheduling_gates[i].name] = i;
  for (const auto& gate : before.scheduling_gates) added.erase(gate.name);
  for (const auto& [name, index] : added) {
    FieldPath at = path.index(index);
    forbid(errors, at.child("name"), "only deletion is allowed, but found new scheduling gate '" + name + "'");
  }
}

bool starts_with_all(const std::vector<NodeSelectorRequirement>& now, const std::vector<NodeSelectorRequirement>& before) {
  return now.size() >= before.size() && std::equal(before.begin(), before.end(), now.begin());
}

bool has_only_additions(const NodeSelectorTerm& now, const NodeSelectorTerm& before) {
  bool was_empty = before.match_expressions.empty() && before.match_fields.empty();
  if (was_empty && (!now.match_expressions.empty() || !now.match_fields.empty())) return false;
  return starts_with_all(now.match_expressions, before.match_expressions) && starts_with_all(now.match_fields, before.match_fields);
}

void check_node_affinity(const NodeAffinity* now, const NodeAffinity* before, const FieldPath& path, FieldErrors& errors) {
  if (!before || !before->required_during_scheduling_ignored_during_execution) return;
  const auto& old_terms = before->required_during_scheduling_ignored_during_execution->node_selector_terms;
  std::vector<NodeSelectorTerm> terms;
  if (now && now->required_during_scheduling_ignored_during_execution) terms = now->required_during_scheduling_ignored_during_execution->node_selector_terms;
  FieldPath at = path.child("requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
  if (!old_terms.empty() && old_terms.size() != terms.size())
    return reject(errors, at, go_value(terms), "no additions/deletions to non-empty NodeSelectorTerms list are allowed");
  for (size_t i = 0; i < old_terms.size(); ++i)
    if (!has_only_additions(terms[i], old_terms[i])) reject(errors, at.index(i), go_value(terms[i]), "only additions are allowed (no mutations or deletions)");
}

// A gated pod may be narrowed: checks how, and takes the change out of `now`.
void allow_narrowing(PodSpec& now, const PodSpec& before, const FieldPath& path, FieldErrors& errors) {
  for (const auto& [key, value] : before.node_selector) {
    const std::string* found = now.node_selector.get(key);
    if (found && *found == value) continue;
    reject(errors, path.child("nodeSelector"), go_value(now.node_selector), "only additions to spec.nodeSelector are allowed (no mutations or deletions)");
    break;
  }
  now.node_selector = before.node_selector;
  const NodeAffinity* old_affinity = before.affinity ? before.affinity->node_affinity.get() : nullptr;
  const NodeAffinity* affinity = now.affinity ? now.affinity->node_affinity.get() : nullptr;
  bool same = (!old_affinity && !affinity) || (old_affinity && affinity && *old_affinity == *affinity);
  if (same) return;
  check_node_affinity(affinity, old_affinity, path.child("affinity.nodeAffinity"), errors);
  if (!before.affinity && now.affinity && !now.affinity->pod_affinity && !now.affinity->pod_anti_affinity) return now.affinity.reset();
  now.affinity.ensure().node_affinity = before.affinity ? before.affinity->node_affinity : api::Box<NodeAffinity>();
}

// What differs after the changes that are allowed were taken back.
void check_rest(const PodSpec& now, const PodSpec& before, const FieldPath& path, FieldErrors& errors) {
  if (now == before) return;
  PodSpec rest = now;
  for (size_t i = 0; i < rest.containers.size(); ++i) rest.containers[i].image = before.containers[i].image;
  for (size_t i = 0; i < rest.init_containers.size(); ++i) rest.init_containers[i].image = before.init_containers[i].image;
  rest.active_deadline_seconds = before.active_deadline_seconds;
  rest.scheduling_gates = before.scheduling_gates;
  rest.tolerations = before.tolerations;
  if (before.termination_grace_period_seconds.value_or(0) < 0 && rest.termination_grace_period_seconds == 1)
    rest.termination_grace_period_seconds = before.termination_grace_period_seconds;
  if (!before.scheduling_gates.empty()) allow_narrowing(rest, before, path, errors);
  if (rest == before) return;
  forbid(errors, path,
         "pod updates may not change fields other than "
         "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
         "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n");
}

bool removes(const api::Map<api::Quantity>& now, const api::Map<api::Quantity>& before) {
  return std::ranges::any_of(before, [&](const auto& entry) { return !now.contains(entry.first); });
}

void check_removed_resources(const std::vector<Container>& now, const std::vector<Container>& before, const FieldPath& path, FieldErrors& errors) {
  for (size_t i = 0; i < before.size() && i < now.size(); ++i) {
    FieldPath at = path.index(i);
    if (removes(now[i].resources.requests, before[i].resources.requests)) forbid(errors, at.child("resources.requests"), "resource requests cannot be removed");
    if (removes(now[i].resources.limits, before[i].resources.limits)) forbid(errors, at.child("resources.limits"), "resource limits cannot be removed");
  }
}

// The amounts of CPU and memory as they were.
api::Map<api::Quantity> without_resize(const api::Map<api::Quantity>& now, const api::Map<api::Quantity>& before) {
  if (before.empty()) return {};
  api::Map<api::Quantity> list = now;
  for (std::string_view name : {"cpu", "memory"}) {
    list.erase(name);
    if (const api::Quantity* old = before.get(name)) list[name] = *old;
  }
  return list;
}

bool node_can_resize(const Pod& pod) {
  for (const auto& status : pod.status.container_statuses)
    if (status.state.running) return status.resources.has_value();
  return true;
}

}  // namespace

void validate_pod_update(const Pod& pod, const Pod& old, FieldErrors& errors) {
  PodOptions options = pod_options(&old);
  FieldPath spec("spec");
  validate_pod_fields(pod, options, errors);
  validate_pod_annotations_update(pod, old, options, errors);
  if (!check_containers(pod.spec.containers, old.spec.containers, spec.child("containers"), errors)) return;
  if (!check_containers(pod.spec.init_containers, old.spec.init_containers, spec.child("initContainers"), errors)) return;
  if (!check_deadline(pod.spec, old.spec, spec.child("activeDeadlineSeconds"), errors)) return;
  check_only_added_tolerations(pod.spec, old.spec, spec.child("tolerations"), errors);
  check_only_deleted_gates(pod.spec, old.spec, spec.child("schedulingGates"), errors);
  check_rest(pod.spec, old.spec, spec, errors);
}

void validate_ephemeral_containers_update(const Pod& pod, const Pod& old, FieldErrors& errors) {
  PodOptions options = pod_options(&old);
  validate_pod_fields(pod, options, errors);
  validate_pod_annotations_update(pod, old, options, errors);
  if (old.metadata.annotations.contains(kMirror)) {
    errors.clear();
    return forbid(errors, FieldPath("[]"), "static pods do not support ephemeral containers");
  }
  FieldPath spec("spec");
  FieldPath path = spec.child("ephemeralContainers");
  for (const auto& before : old.spec.ephemeral_containers) {
    auto found = std::ranges::find_if(pod.spec.ephemeral_containers, [&](const auto& one) { return one.name == before.name; });
    std::string start = "existing ephemeral containers \"" + before.name + "\" may not be ";
    if (found == pod.spec.ephemeral_containers.end()) forbid(errors, path, start + "removed\n");
    else if (!(*found == before)) forbid(errors, path, start + "changed\n");
  }
}

void validate_pod_resize(const Pod& pod, const Pod& old, FieldErrors& errors) {
  auto refuse = [&](std::string text) {
    errors.clear();
    forbid(errors, FieldPath("[]"), std::move(text));
  };
  validate_pod_fields(pod, pod_options(&old), errors);
  auto pod_level = [](const Pod& one) { return one.spec.resources && (!one.spec.resources->requests.empty() || !one.spec.resources->limits.empty()); };
  if (pod_level(old) || pod_level(pod)) return refuse("pods with pod-level resources cannot be resized");
  if (old.metadata.annotations.contains(kMirror)) return refuse("static pods cannot be resized");
  if (old.spec.os && old.spec.os->name == "windows") return refuse("windows pods cannot be resized");
  FieldPath spec("spec");
  std::string before = old.status.qos_class.empty() ? api::qos_class(old.spec) : old.status.qos_class;
  if (before != api::qos_class(pod.spec)) reject(errors, spec, pod.status.qos_class, "Pod QOS Class may not change as a result of resizing");
  if (!node_can_resize(old)) forbid(errors, spec, "Pod running on node without support for resize");
  check_removed_resources(pod.spec.init_containers, old.spec.init_containers, spec.child("initContainers"), errors);
  check_removed_resources(pod.spec.containers, old.spec.containers, spec.child("containers"), errors);
  PodSpec rest = pod.spec;
  for (size_t i = 0; i < rest.containers.size() && i < old.spec.containers.size(); ++i) {
    const Container& was = old.spec.containers[i];
    rest.containers[i].resources.limits = without_resize(rest.containers[i].resources.limits, was.resources.limits);
    rest.containers[i].resources.requests = without_resize(rest.containers[i].resources.requests, was.resources.requests);
    rest.containers[i].resources.claims.clear();
    rest.containers[i].resize_policy = was.resize_policy;
  }
  if (!(rest == old.spec)) forbid(errors, spec, "only cpu and memory resources are mutable\n");
}

}  // namespace reigen::apiserver
