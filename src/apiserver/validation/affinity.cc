// Affinity, tolerations and topology spread.

#include "api/label_selector.h"
#include "api/validation.h"
#include "apiserver/validation/node_selector.h"
#include "apiserver/validation/pod_parts.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

constexpr std::string_view kNotPositive = "must be greater than zero";

// Labels that selectors name by key.
NameSet keys_of(const api::metav1::LabelSelector& selector) {
  NameSet keys;
  for (const auto& [key, value] : selector.match_labels) keys.insert(key);
  for (const auto& expression : selector.match_expressions) keys.insert(expression.key);
  return keys;
}

void check_label_keys(const std::vector<std::string>& keys, bool has_selector, const FieldPath& path, FieldErrors& errors) {
  if (keys.empty()) return;
  if (!has_selector) return forbid(errors, path, "must not be specified when labelSelector is not set");
  for (size_t i = 0; i < keys.size(); ++i) api::append(errors, api::validate_label_name(path.index(i), keys[i]));
}

// A key merged into the selector already stands there once; a second time is the user's.
void check_doubled_keys(const PodAffinityTerm& term, const FieldPath& path, FieldErrors& errors) {
  NameSet seen;
  for (const auto& [key, value] : term.label_selector->match_labels) seen.insert(key);
  for (const auto& expression : term.label_selector->match_expressions) {
    auto found = std::find(term.match_label_keys.rbegin(), term.match_label_keys.rend(), expression.key);
    if (found != term.match_label_keys.rend() && seen.contains(expression.key))
      reject(errors, path.index(static_cast<size_t>(term.match_label_keys.rend() - found) - 1), expression.key,
             "exists in both matchLabelKeys and labelSelector");
    seen.insert(expression.key);
  }
}

void validate_term(const PodAffinityTerm& term, const FieldPath& path, const PodOptions& options, FieldErrors& errors) {
  bool lax = options.allow_invalid_label_values;
  if (term.label_selector) api::append(errors, api::validate_label_selector(path.child("labelSelector"), *term.label_selector, lax));
  if (term.namespace_selector) api::append(errors, api::validate_label_selector(path.child("namespaceSelector"), *term.namespace_selector, lax));
  for (const std::string& name : term.namespaces) check_dns_label(errors, path.child("namespace"), name);
  bool has_selector = term.label_selector.has_value();
  FieldPath match = path.child("matchLabelKeys");
  check_label_keys(term.match_label_keys, has_selector, match, errors);
  check_label_keys(term.mismatch_label_keys, has_selector, path.child("mismatchLabelKeys"), errors);
  if (has_selector) check_doubled_keys(term, path, errors);
  for (size_t i = 0; i < term.match_label_keys.size(); ++i)
    if (std::find(term.mismatch_label_keys.begin(), term.mismatch_label_keys.end(), term.match_label_keys[i]) != term.mismatch_label_keys.end())
      reject(errors, match.index(i), term.match_label_keys[i], "exists in both matchLabelKeys and mismatchLabelKeys");
  if (term.topology_key.empty()) require(errors, path.child("topologyKey"), "can not be empty");
  api::append(errors, api::validate_label_name(path.child("topologyKey"), term.topology_key));
}

void check_weight(FieldErrors& errors, const FieldPath& path, int32_t weight) {
  if (weight <= 0 || weight > 100) reject(errors, path, weight, "must be in the range 1-100");
}

// PodAffinity and PodAntiAffinity have the same fields.
template <class Terms>
void validate_terms(const Terms& terms, const FieldPath& path, const PodOptions& options, FieldErrors& errors) {
  const auto& required = terms.required_during_scheduling_ignored_during_execution;
  const auto& preferred = terms.preferred_during_scheduling_ignored_during_execution;
  for (size_t i = 0; i < required.size(); ++i) validate_term(required[i], path.child("requiredDuringSchedulingIgnoredDuringExecution", i), options, errors);
  for (size_t i = 0; i < preferred.size(); ++i) {
    FieldPath at = path.child("preferredDuringSchedulingIgnoredDuringExecution", i);
    check_weight(errors, at.child("weight"), preferred[i].weight);
    validate_term(preferred[i].pod_affinity_term, at.child("podAffinityTerm"), options, errors);
  }
}

void validate_node_affinity(const NodeAffinity& affinity, const FieldPath& path, FieldErrors& errors) {
  if (affinity.required_during_scheduling_ignored_during_execution)
    validate_node_selector(*affinity.required_during_scheduling_ignored_during_execution, true, path.child("requiredDuringSchedulingIgnoredDuringExecution"),
                           errors);
  const auto& preferred = affinity.preferred_during_scheduling_ignored_during_execution;
  for (size_t i = 0; i < preferred.size(); ++i) {
    FieldPath at = path.child("preferredDuringSchedulingIgnoredDuringExecution", i);
    check_weight(errors, at.child("weight"), preferred[i].weight);
    validate_node_selector_term(preferred[i].preference, true, at.child("preference"), errors);
  }
}

void check_spread_keys(const TopologySpreadConstraint& constraint, const FieldPath& path, FieldErrors& errors) {
  if (constraint.match_label_keys.empty()) return;
  NameSet keys;
  if (constraint.label_selector) keys = keys_of(*constraint.label_selector);
  else forbid(errors, path, "must not be specified when labelSelector is not set");
  for (size_t i = 0; i < constraint.match_label_keys.size(); ++i) {
    const std::string& key = constraint.match_label_keys[i];
    api::append(errors, api::validate_label_name(path.index(i), key));
    if (keys.contains(key)) reject(errors, path.index(i), key, "exists in both matchLabelKeys and labelSelector");
  }
}

}  // namespace

void validate_affinity(const Affinity& affinity, const FieldPath& path, const PodOptions& options, FieldErrors& errors) {
  if (affinity.node_affinity) validate_node_affinity(*affinity.node_affinity, path.child("nodeAffinity"), errors);
  if (affinity.pod_affinity) validate_terms(*affinity.pod_affinity, path.child("podAffinity"), options, errors);
  if (affinity.pod_anti_affinity) validate_terms(*affinity.pod_anti_affinity, path.child("podAntiAffinity"), options, errors);
}

void validate_tolerations(const std::vector<Toleration>& tolerations, const FieldPath& path, FieldErrors& errors) {
  for (size_t i = 0; i < tolerations.size(); ++i) {
    const Toleration& one = tolerations[i];
    FieldPath at = path.index(i);
    FieldPath op = at.child("operator");
    if (!one.key.empty()) api::append(errors, api::validate_label_name(at.child("key"), one.key));
    if (one.key.empty() && one.operator_ != "Exists")
      reject(errors, op, one.operator_, "operator must be Exists when `key` is empty, which means \"match all values and all keys\"");
    if (one.toleration_seconds && one.effect != "NoExecute")
      reject(errors, at.child("effect"), one.effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
    if (one.operator_.empty() || one.operator_ == "Equal") {
      std::string all;
      for (const std::string& message : api::is_label_value(one.value)) all += (all.empty() ? "" : ";") + message;
      if (!all.empty()) reject(errors, op, one.value, all);
    } else if (one.operator_ == "Exists") {
      if (!one.value.empty()) reject(errors, op, one.value, "value must be empty when `operator` is 'Exists'");
    } else {
      report_unsupported(errors, op, one.operator_, {"Equal", "Exists"});
    }
    if (!one.effect.empty()) check_choice(errors, at.child("effect"), one.effect, {"NoSchedule", "PreferNoSchedule", "NoExecute"});
  }
}

void validate_spread_constraints(const std::vector<TopologySpreadConstraint>& constraints, const FieldPath& path, const PodOptions& options,
                                 FieldErrors& errors) {
  for (size_t i = 0; i < constraints.size(); ++i) {
    const TopologySpreadConstraint& one = constraints[i];
    FieldPath at = path.index(i);
    if (one.max_skew <= 0) reject(errors, at.child("maxSkew"), one.max_skew, std::string(kNotPositive));
    if (one.topology_key.empty()) require(errors, at.child("topologyKey"), "can not be empty");
    check_choice(errors, at.child("whenUnsatisfiable"), one.when_unsatisfiable, {"DoNotSchedule", "ScheduleAnyway"});
    for (size_t j = i + 1; j < constraints.size(); ++j) {
      if (one.topology_key != constraints[j].topology_key || one.when_unsatisfiable != constraints[j].when_unsatisfiable) continue;
      report_duplicate(errors, at.child("{topologyKey, whenUnsatisfiable}"), "{" + one.topology_key + ", " + one.when_unsatisfiable + "}");
      break;
    }
    FieldPath domains = at.child("minDomains");
    if (one.min_domains && *one.min_domains <= 0) reject(errors, domains, *one.min_domains, std::string(kNotPositive));
    if (one.min_domains && one.when_unsatisfiable != "DoNotSchedule")
      reject(errors, domains, *one.min_domains, "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not " + one.when_unsatisfiable);
    if (one.node_affinity_policy) check_choice(errors, at.child("nodeAffinityPolicy"), *one.node_affinity_policy, {"Honor", "Ignore"});
    if (one.node_taints_policy) check_choice(errors, at.child("nodeTaintsPolicy"), *one.node_taints_policy, {"Honor", "Ignore"});
    check_spread_keys(one, at.child("matchLabelKeys"), errors);
    if (one.label_selector && !options.allow_invalid_spread_selectors)
      api::append(errors, api::validate_label_selector(at.child("labelSelector"), *one.label_selector));
  }
}

}  // namespace reigen::apiserver
