#include "scheduler/pod_class.h"

#include "api/json.h"
#include "api/metav1.h"
#include "api/pod_rules.h"

namespace reigen::scheduler {
namespace {

void append_amounts(std::string& key, const Amounts& amounts) {
  for (int64_t value : {amounts.milli_cpu, amounts.memory, amounts.ephemeral}) key.append(reinterpret_cast<const char*>(&value), sizeof value);
  for (const auto& [name, value] : amounts.extended) key.append(name).append(1, '=').append(std::to_string(value)).append(1, ',');
}

void append_labels(std::string& key, const api::Map<std::string>& labels) {
  for (const auto& [name, value] : labels) key.append(name).append(1, '=').append(value).append(1, ',');
  key += '\n';
}

template <class T>
void append_all(std::string& key, const std::vector<T>& items) {
  for (const auto& item : items) api::append_json(key, api::type_of<T>(), &item);
  key += '\n';
}

bool has_pod_affinity(const api::corev1::Pod& pod) { return pod.spec.affinity && (pod.spec.affinity->pod_affinity || pod.spec.affinity->pod_anti_affinity); }

SpreadConstraint from_spec(const api::corev1::TopologySpreadConstraint& from, const api::corev1::Pod& pod) {
  SpreadConstraint constraint{.topology_key = from.topology_key, .max_skew = from.max_skew, .min_domains = from.min_domains.value_or(1)};
  constraint.required = from.when_unsatisfiable == "DoNotSchedule";
  constraint.honor_affinity = from.node_affinity_policy.value_or("Honor") == "Honor";
  constraint.honor_taints = from.node_taints_policy.value_or("Ignore") == "Honor";
  auto labels = api::LabelSelector::from(from.label_selector.get());
  constraint.set.labels = labels ? std::move(*labels) : api::LabelSelector::nothing();
  for (const auto& key : from.match_label_keys) {
    const auto* value = pod.metadata.labels.get(key);
    if (!value) continue;
    auto requirement = api::LabelRequirement::make(key, api::LabelRequirement::Operator::kIn, {*value});
    if (requirement) constraint.set.labels.add(std::move(*requirement));
  }
  return constraint;
}

void set_spread(PodClass& into, const api::corev1::Pod& pod, const api::LabelSelector* owners) {
  for (const auto& constraint : pod.spec.topology_spread_constraints) into.spread.push_back(from_spec(constraint, pod));
  if (into.spread.empty() && owners && !owners->empty()) {
    into.default_spread = true;
    into.spread.push_back({.topology_key = std::string(kHostnameLabel), .max_skew = 3});
    into.spread.push_back({.topology_key = std::string(kZoneLabel), .max_skew = 5});
    for (auto& constraint : into.spread) constraint.set.labels = *owners;
  }
  for (auto& constraint : into.spread) {
    constraint.set.namespaces = {pod.metadata.namespace_};
    constraint.set.skip_terminating = true;
    constraint.matches_self = constraint.set.labels.matches(pod.metadata.labels);
  }
}

}  // namespace

std::string class_key(const api::corev1::Pod& pod, const api::LabelSelector* owners, const std::vector<uint32_t>& carried) {
  std::string key;
  key.reserve(256);
  append_amounts(key, pod_requests(pod.spec));
  append_amounts(key, pod_requests_for_score(pod.spec));
  for (const auto& port : host_ports_of(pod.spec)) key.append(port.ip).append(port.protocol).append(std::to_string(port.port)).append(1, ',');
  append_labels(key, pod.spec.node_selector);
  append_all(key, pod.spec.tolerations);
  for (const auto& container : pod.spec.containers) key.append(container.image).append(1, ',');
  for (const auto& container : pod.spec.init_containers) key.append(container.image).append(1, ';');
  bool by_labels = has_pod_affinity(pod) || !pod.spec.topology_spread_constraints.empty();
  if (pod.spec.affinity) api::append_json(key, api::type_of<api::corev1::Affinity>(), pod.spec.affinity.get());
  append_all(key, pod.spec.topology_spread_constraints);
  if (by_labels) append_labels(key, pod.metadata.labels);
  if (owners) key.append(owners->to_string());
  if (by_labels || owners) key.append(1, '\n').append(pod.metadata.namespace_);
  for (auto index : carried) key.append(1, '^').append(std::to_string(index));
  return key;
}

PodClass make_class(const PodPtr& pod, const api::LabelSelector* owners, std::vector<uint32_t> carried, const FindNamespaces& find_namespaces) {
  PodClass made;
  made.key = class_key(*pod, owners, carried);
  made.sample = pod;
  made.claim = std::make_shared<const Claim>(claim_of(pod->spec));
  made.best_effort = made.claim->requests.milli_cpu == 0 && made.claim->requests.memory == 0;
  for (const auto& container : pod->spec.init_containers) made.images.push_back(normal_image(container.image));
  for (const auto& container : pod->spec.containers) made.images.push_back(normal_image(container.image));
  set_spread(made, *pod, owners);
  made.terms = terms_of(*pod, find_namespaces);
  made.carried = std::move(carried);
  return made;
}

namespace {
bool tolerated(const std::vector<api::corev1::Toleration>& tolerations, const api::corev1::Taint& taint) {
  for (const auto& toleration : tolerations)
    if (api::tolerates(toleration, taint)) return true;
  return false;
}
}  // namespace

const api::corev1::Taint* untolerated(const api::corev1::PodSpec& spec, const std::vector<api::corev1::Taint>& taints) {
  for (const auto& taint : taints)
    if (taint.effect != "PreferNoSchedule" && !tolerated(spec.tolerations, taint)) return &taint;
  return nullptr;
}

int64_t untolerated_preferences(const api::corev1::PodSpec& spec, const std::vector<api::corev1::Taint>& taints) {
  int64_t count = 0;
  for (const auto& taint : taints) {
    if (taint.effect != "PreferNoSchedule") continue;
    bool found = false;
    for (const auto& toleration : spec.tolerations)
      found |= (toleration.effect.empty() || toleration.effect == "PreferNoSchedule") && api::tolerates(toleration, taint);
    count += !found;
  }
  return count;
}

std::string normal_image(std::string_view image) {
  auto slash = image.rfind('/');
  auto colon = image.rfind(':');
  bool tagged = colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash);
  return tagged ? std::string(image) : std::string(image) + ":latest";
}

}  // namespace reigen::scheduler
