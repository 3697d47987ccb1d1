// PriorityClass, RuntimeClass, Lease, PodDisruptionBudget: rules of pkg/apis/{scheduling,node,coordination,policy}/validation.

#include <set>
#include <tuple>

#include "api/coordinationv1.h"
#include "api/corev1.h"
#include "api/label_selector.h"
#include "api/metav1.h"
#include "api/nodev1.h"
#include "api/object.h"
#include "api/policyv1.h"
#include "api/schedulingv1.h"
#include "apiserver/metadata.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/strategy/other_strategies.h"
#include "apiserver/validation/checks.h"
#include "apiserver/validation/resources.h"

namespace reigen::apiserver {
namespace {

using api::BadValue;
using api::FieldError;
using api::FieldErrors;
using api::FieldPath;
using api::Object;
using api::coordinationv1::Lease;
using api::nodev1::RuntimeClass;
using api::policyv1::PodDisruptionBudget;
using api::schedulingv1::PriorityClass;

constexpr int32_t kHighestUserPriority = 1'000'000'000;

// What is wrong with a name that begins with "system-"; "" for the two that Kubernetes has.
std::string reserved_fault(const PriorityClass& priority) {
  const std::string& name = priority.metadata.name;
  int32_t value = name == "system-node-critical" ? 2'000'001'000 : name == "system-cluster-critical" ? 2'000'000'000 : 0;
  if (value == 0) return name + " is not a known system priority class";
  if (priority.value != value) return "value of " + name + " PriorityClass must be " + std::to_string(value);
  return priority.global_default ? "globalDefault of " + name + " PriorityClass must be false" : "";
}

class PriorityClassStrategy final : public Strategy {
 public:
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    const PriorityClass& priority = object.as<PriorityClass>();
    FieldPath metadata("metadata");
    if (priority.metadata.name.starts_with("system-")) {
      std::string fault = reserved_fault(priority);
      if (!fault.empty())
        errors.push_back(
            FieldError::forbidden(metadata.child("name"), "priority class names with 'system-' prefix are reserved for system use only. error: " + fault));
    } else if (priority.value > kHighestUserPriority) {
      errors.push_back(FieldError::forbidden(FieldPath("value"), "maximum allowed value of a user defined priority is 1000000000"));
    }
    if (priority.preemption_policy) check_known(errors, FieldPath("preemptionPolicy"), *priority.preemption_policy, {"PreemptLowerPriority", "Never"});
  }
  void validate_update(StrategyContext&, const Object& object, const Object& old, FieldErrors& errors) const override {
    const PriorityClass& priority = object.as<PriorityClass>();
    const PriorityClass& before = old.as<PriorityClass>();
    if (priority.value != before.value) errors.push_back(FieldError::forbidden(FieldPath("value"), "may not be changed in an update."));
    check_immutable(errors, FieldPath("preemptionPolicy"), priority.preemption_policy, before.preemption_policy);
  }
  bool counts_generation() const override { return true; }
  bool spec_changed(const Object&, const Object&) const override { return false; }
};

void check_tolerations(FieldErrors& errors, const FieldPath& path, const std::vector<api::corev1::Toleration>& tolerations) {
  std::set<std::tuple<std::string, std::string, std::string, std::string>> seen;
  for (size_t i = 0; i < tolerations.size(); ++i) {
    const auto& toleration = tolerations[i];
    FieldPath at = path.child("tolerations", i);
    if (!toleration.key.empty()) api::append(errors, api::validate_label_name(at.child("key"), toleration.key));
    if (toleration.key.empty() && toleration.operator_ != "Exists")
      errors.push_back(FieldError::invalid(at.child("operator"), toleration.operator_,
                                           "operator must be Exists when `key` is empty, which means \"match all values and all keys\""));
    if (toleration.toleration_seconds && toleration.effect != "NoExecute")
      errors.push_back(FieldError::invalid(at.child("effect"), toleration.effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    if (toleration.operator_.empty() || toleration.operator_ == "Equal") {
      std::string text;
      for (const std::string& message : api::is_label_value(toleration.value)) text += (text.empty() ? "" : ";") + message;
      if (!text.empty()) errors.push_back(FieldError::invalid(at.child("operator"), toleration.value, text));
    } else if (toleration.operator_ == "Exists") {
      if (!toleration.value.empty())
        errors.push_back(FieldError::invalid(at.child("operator"), BadValue::raw("core.Toleration"), "value must be empty when `operator` is 'Exists'"));
    } else {
      errors.push_back(FieldError::not_supported(at.child("operator"), toleration.operator_, {"Equal", "Exists"}));
    }
    if (!toleration.effect.empty()) check_known(errors, at.child("effect"), toleration.effect, {"NoSchedule", "PreferNoSchedule", "NoExecute"});
  }
  for (size_t i = 0; i < tolerations.size(); ++i) {
    const auto& toleration = tolerations[i];
    if (!seen.emplace(toleration.key, toleration.operator_, toleration.value, toleration.effect).second)
      errors.push_back(FieldError::duplicate(path.index(i), BadValue::raw("core.Toleration")));
  }
}

class RuntimeClassStrategy final : public Strategy {
 public:
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    const RuntimeClass& runtime = object.as<RuntimeClass>();
    check_label(errors, FieldPath("handler"), runtime.handler);
    if (runtime.overhead) {
      FieldPath overhead("overhead"), limits = overhead.child("limits");
      for (const auto& [name, value] : runtime.overhead->pod_fixed) {
        check_container_resource_name(errors, limits.key(name), name);
        check_resource_quantity(errors, limits.key(name), name, value);
      }
    }
    if (!runtime.scheduling) return;
    FieldPath scheduling("scheduling"), tolerations = scheduling.child("tolerations");
    api::append(errors, api::validate_labels(scheduling.child("nodeSelector"), runtime.scheduling->node_selector));
    check_tolerations(errors, tolerations, runtime.scheduling->tolerations);
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    repeat_meta(*this, object, false, errors);
    validate(context, object, errors);
    check_immutable(errors, FieldPath("handler"), object.as<RuntimeClass>().handler, old.as<RuntimeClass>().handler);
  }
  bool allow_create_on_update() const override { return true; }
  bool allow_unconditional_update() const override { return false; }
};

class LeaseStrategy final : public Strategy {
 public:
  // Fields of a feature that is off.
  void prepare_create(StrategyContext&, Object& object) const override { drop_strategy(object); }
  void prepare_update(StrategyContext&, Object& object, const Object&) const override { drop_strategy(object); }
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    const auto& lease = object.as<Lease>().spec;
    FieldPath spec("spec");
    if (lease.lease_duration_seconds.value_or(1) <= 0)
      errors.push_back(FieldError::invalid(spec.child("leaseDurationSeconds"), lease.lease_duration_seconds, "must be greater than 0"));
    if (lease.lease_transitions.value_or(0) < 0)
      errors.push_back(FieldError::invalid(spec.child("leaseTransitions"), lease.lease_transitions, std::string(api::kMustBeNonNegative)));
  }
  bool allow_create_on_update() const override { return true; }
  bool allow_unconditional_update() const override { return false; }

 private:
  static void drop_strategy(Object& object) {
    const auto& spec = object.as<Lease>().spec;
    if (!spec.strategy && !spec.preferred_holder) return;
    object.mut<Lease>().spec.strategy.reset();
    object.mut<Lease>().spec.preferred_holder.reset();
  }
};

void check_amount(FieldErrors& errors, const FieldPath& path, const api::IntOrString& amount) {
  if (!amount.is_string) return api::append(errors, api::validate_non_negative(path, amount.number));
  auto messages = api::is_percent(amount.text);
  api::add_invalid(errors, path, amount.text, messages);
  if (messages.empty() && std::atoll(amount.text.c_str()) > 100) errors.push_back(FieldError::invalid(path, amount.text, "must not be greater than 100%"));
}

void check_condition(FieldErrors& errors, const FieldPath& path, const api::metav1::Condition& condition) {
  FieldPath type = path.child("type"), reason = path.child("reason");
  if (condition.type.empty()) errors.push_back(FieldError::required(type, "must be set"));
  else check_qualified_name(errors, type, condition.type);
  check_known(errors, path.child("status"), condition.status, {"False", "True", "Unknown"});
  if (condition.observed_generation < 0)
    errors.push_back(FieldError::invalid(path.child("observedGeneration"), condition.observed_generation, "must be greater than or equal to zero"));
  if (condition.last_transition_time.is_zero()) errors.push_back(FieldError::required(path.child("lastTransitionTime"), "must be set"));
  constexpr size_t kMaxReason = 1024, kMaxMessage = 32 * 1024;
  if (condition.reason.empty()) errors.push_back(FieldError::required(reason, "must be set"));
  else if (condition.reason.size() > kMaxReason) errors.push_back(FieldError::too_long(reason, kMaxReason));
  if (condition.message.size() > kMaxMessage) errors.push_back(FieldError::too_long(path.child("message"), kMaxMessage));
}

void check_budget_status(FieldErrors& errors, const api::policyv1::PodDisruptionBudgetStatus& status) {
  FieldPath path("status");
  std::set<std::string> types;
  for (size_t i = 0; i < status.conditions.size(); ++i) {
    FieldPath at = path.child("conditions", i);
    if (!types.insert(status.conditions[i].type).second) errors.push_back(FieldError::duplicate(at.child("type"), status.conditions[i].type));
    check_condition(errors, at, status.conditions[i]);
  }
  auto whole = [&](const char* field, int64_t value) { api::append(errors, api::validate_non_negative(path.child(field), value)); };
  whole("disruptionsAllowed", status.disruptions_allowed);
  whole("currentHealthy", status.current_healthy);
  whole("desiredHealthy", status.desired_healthy);
  whole("expectedPods", status.expected_pods);
}

class PodDisruptionBudgetStrategy final : public Strategy {
 public:
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override { check(object, false, errors); }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    if (context.part == Part::kStatus) return check_budget_status(errors, object.as<PodDisruptionBudget>().status);
    const auto& selector = old.as<PodDisruptionBudget>().spec.selector;
    check(object, selector && !api::validate_label_selector(FieldPath(), *selector).empty(), errors);
  }
  bool repeats_metadata_errors() const override { return false; }
  std::vector<std::string> check_name(std::string_view name, bool prefix) const override { return api::is_path_segment_name(name, prefix); }
  bool counts_generation() const override { return true; }
  bool allow_unconditional_update() const override { return false; }

 private:
  static void check(const Object& object, bool lenient, FieldErrors& errors) {
    const auto& budget = object.as<PodDisruptionBudget>().spec;
    FieldPath spec("spec");
    if (budget.min_available && budget.max_unavailable)
      errors.push_back(FieldError::invalid(spec, BadValue::raw("policy.PodDisruptionBudgetSpec"), "minAvailable and maxUnavailable cannot be both set"));
    if (budget.min_available) check_amount(errors, spec.child("minAvailable"), *budget.min_available);
    if (budget.max_unavailable) check_amount(errors, spec.child("maxUnavailable"), *budget.max_unavailable);
    if (budget.selector) api::append(errors, api::validate_label_selector(spec.child("selector"), *budget.selector, lenient));
    if (budget.unhealthy_pod_eviction_policy)
      check_known(errors, spec.child("unhealthyPodEvictionPolicy"), *budget.unhealthy_pod_eviction_policy, {"AlwaysAllow", "IfHealthyBudget"});
  }
};

}  // namespace

const Strategy& priority_class_strategy() { return instance<PriorityClassStrategy>(); }
const Strategy& runtime_class_strategy() { return instance<RuntimeClassStrategy>(); }
const Strategy& lease_strategy() { return instance<LeaseStrategy>(); }
const Strategy& pod_disruption_budget_strategy() { return instance<PodDisruptionBudgetStrategy>(); }

}  // namespace reigen::apiserver
