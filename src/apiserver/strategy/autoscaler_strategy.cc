// HorizontalPodAutoscaler: rules of pkg/apis/autoscaling/validation.

#include <optional>
#include <set>

#include <fmt/core.h>

#include "api/autoscalingv2.h"
#include "api/metav1.h"
#include "api/object.h"
#include "apiserver/metadata.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/strategy/other_strategies.h"
#include "apiserver/validation/checks.h"
#include "apiserver/validation/resources.h"

namespace reigen::apiserver {
namespace {

using api::FieldError;
using api::FieldErrors;
using api::FieldPath;
using api::Object;
using namespace api::autoscalingv2;

constexpr int32_t kMaxPeriodSeconds = 1800, kMaxStabilizationSeconds = 3600;

void check_segment(FieldErrors& errors, const FieldPath& path, std::string_view value, std::string_view missing) {
  if (value.empty()) return errors.push_back(FieldError::required(path, std::string(missing)));
  api::add_invalid(errors, path, value, api::is_path_segment_name(value));
}

void check_reference(FieldErrors& errors, const FieldPath& path, const CrossVersionObjectReference& reference) {
  check_segment(errors, path.child("kind"), reference.kind, "");
  check_segment(errors, path.child("name"), reference.name, "");
}

void check_positive(FieldErrors& errors, const FieldPath& path, const std::optional<api::Quantity>& value) {
  if (value && (value->is_zero() || value->is_negative())) errors.push_back(FieldError::invalid(path, value->to_string(), "must be positive"));
}

void check_target(FieldErrors& errors, const FieldPath& path, const MetricTarget& target) {
  FieldPath type = path.child("type");
  if (target.type.empty()) errors.push_back(FieldError::required(type, "must specify a metric target type"));
  if (!is_one_of(target.type, {"Utilization", "Value", "AverageValue"}))
    errors.push_back(FieldError::invalid(type, target.type, "must be either Utilization, Value, or AverageValue"));
  check_positive(errors, path.child("value"), target.value);
  check_positive(errors, path.child("averageValue"), target.average_value);
  if (target.average_utilization && *target.average_utilization < 1)
    errors.push_back(FieldError::invalid(path.child("averageUtilization"), *target.average_utilization, "must be greater than 0"));
}

void check_source(FieldErrors& errors, const FieldPath& path, const ObjectMetricSource& source) {
  FieldPath target = path.child("target"), metric = path.child("metric");
  check_reference(errors, path.child("describedObject"), source.described_object);
  check_segment(errors, metric.child("name"), source.metric.name, "must specify a metric name");
  check_target(errors, target, source.target);
  if (!source.target.value && !source.target.average_value)
    errors.push_back(FieldError::required(target.child("averageValue"), "must set either a target value or averageValue"));
}

void check_source(FieldErrors& errors, const FieldPath& path, const ExternalMetricSource& source) {
  FieldPath target = path.child("target"), metric = path.child("metric");
  check_segment(errors, metric.child("name"), source.metric.name, "must specify a metric name");
  check_target(errors, target, source.target);
  if (!source.target.value && !source.target.average_value)
    errors.push_back(FieldError::required(target.child("averageValue"), "must set either a target value for metric or a per-pod target"));
  if (source.target.value && source.target.average_value)
    errors.push_back(FieldError::forbidden(target.child("value"), "may not set both a target value for metric and a per-pod target"));
}

void check_source(FieldErrors& errors, const FieldPath& path, const PodsMetricSource& source) {
  FieldPath target = path.child("target"), metric = path.child("metric");
  check_segment(errors, metric.child("name"), source.metric.name, "must specify a metric name");
  check_target(errors, target, source.target);
  if (!source.target.average_value) errors.push_back(FieldError::required(target.child("averageValue"), "must specify a positive target averageValue"));
}

void check_usage_target(FieldErrors& errors, const FieldPath& path, const MetricTarget& target) {
  check_target(errors, path, target);
  if (!target.average_utilization && !target.average_value)
    errors.push_back(FieldError::required(path.child("averageUtilization"), "must set either a target raw value or a target utilization"));
  if (target.average_utilization && target.average_value)
    errors.push_back(FieldError::forbidden(path.child("averageValue"), "may not set both a target raw value and a target utilization"));
}

void check_source(FieldErrors& errors, const FieldPath& path, const ResourceMetricSource& source) {
  if (source.name.empty()) errors.push_back(FieldError::required(path.child("name"), "must specify a resource name"));
  check_usage_target(errors, path.child("target"), source.target);
}

void check_source(FieldErrors& errors, const FieldPath& path, const ContainerResourceMetricSource& source) {
  FieldPath name = path.child("name"), container = path.child("container");
  if (source.name.empty()) errors.push_back(FieldError::required(name, "must specify a resource name"));
  else check_container_resource_name(errors, name, source.name);
  if (source.container.empty()) errors.push_back(FieldError::required(container, "must specify a container"));
  else check_label(errors, container, source.container);
  check_usage_target(errors, path.child("target"), source.target);
}

void check_metric(FieldErrors& errors, const FieldPath& path, const MetricSpec& metric) {
  FieldPath type = path.child("type");
  if (metric.type.empty()) errors.push_back(FieldError::required(type, "must specify a metric source type"));
  check_known(errors, type, metric.type, {"ContainerResource", "External", "Object", "Pods", "Resource"});
  // Only the first source in this order is looked into.
  std::set<std::string> present;
  bool expected_present = false;
  auto look = [&](const char* field, std::string_view of_type, const auto& source) {
    if (source && present.insert(field).second && present.size() == 1) check_source(errors, path.child(field), *source);
    if (metric.type == of_type && source) expected_present = true;
  };
  look("object", "Object", metric.object);
  look("external", "External", metric.external);
  look("pods", "Pods", metric.pods);
  look("resource", "Resource", metric.resource);
  look("containerResource", "ContainerResource", metric.container_resource);
  std::string expected = metric.type;
  if (!expected.empty()) expected[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(expected[0])));
  if (is_one_of(metric.type, {"ContainerResource", "External", "Object", "Pods", "Resource"})) {
    if (!expected_present) errors.push_back(FieldError::required(path.child(expected), "must populate information for the given metric source"));
  } else {
    check_known(errors, type, metric.type, {"ContainerResource", "External", "Object", "Pods", "Resource"});
    expected.clear();
  }
  if (present.size() == 1) return;
  present.erase(expected);
  for (const std::string& other : present) errors.push_back(FieldError::forbidden(path.child(other), "must populate the given metric source only"));
}

void check_rules(FieldErrors& errors, const FieldPath& path, const HPAScalingRules& rules) {
  FieldPath window = path.child("stabilizationWindowSeconds"), policies = path.child("policies");
  if (const auto& seconds = rules.stabilization_window_seconds) {
    if (*seconds < 0) errors.push_back(FieldError::invalid(window, *seconds, "must be greater than or equal to zero"));
    if (*seconds > kMaxStabilizationSeconds)
      errors.push_back(FieldError::invalid(window, *seconds, fmt::format("must be less than or equal to {}", kMaxStabilizationSeconds)));
  }
  if (rules.select_policy) check_known(errors, path.child("selectPolicy"), *rules.select_policy, {"Disabled", "Max", "Min"});
  if (rules.policies.empty()) errors.push_back(FieldError::required(policies, "must specify at least one Policy"));
  for (size_t i = 0; i < rules.policies.size(); ++i) {
    const auto& policy = rules.policies[i];
    FieldPath at = policies.index(i), period = at.child("periodSeconds");
    check_known(errors, at.child("type"), policy.type, {"Percent", "Pods"});
    if (policy.value <= 0) errors.push_back(FieldError::invalid(at.child("value"), policy.value, "must be greater than zero"));
    if (policy.period_seconds <= 0) errors.push_back(FieldError::invalid(period, policy.period_seconds, "must be greater than zero"));
    if (policy.period_seconds > kMaxPeriodSeconds)
      errors.push_back(FieldError::invalid(period, policy.period_seconds, fmt::format("must be less than or equal to {}", kMaxPeriodSeconds)));
  }
}

void check_spec(FieldErrors& errors, const HorizontalPodAutoscalerSpec& spec, int32_t least) {
  FieldPath root("spec"), max = root.child("maxReplicas"), metrics = root.child("metrics"), behavior = root.child("behavior");
  const auto& min = spec.min_replicas;
  if (min && *min < least) errors.push_back(FieldError::invalid(root.child("minReplicas"), *min, fmt::format("must be greater than or equal to {}", least)));
  if (spec.max_replicas < 1) errors.push_back(FieldError::invalid(max, spec.max_replicas, "must be greater than 0"));
  if (min && spec.max_replicas < *min) errors.push_back(FieldError::invalid(max, spec.max_replicas, "must be greater than or equal to `minReplicas`"));
  check_reference(errors, root.child("scaleTargetRef"), spec.scale_target_ref);
  bool from_zero = false;
  for (size_t i = 0; i < spec.metrics.size(); ++i) {
    check_metric(errors, metrics.index(i), spec.metrics[i]);
    from_zero |= spec.metrics[i].type == "Object" || spec.metrics[i].type == "External";
  }
  if (min && *min == 0 && !from_zero)
    errors.push_back(FieldError::forbidden(metrics, "must specify at least one Object or External metric to support scaling to zero replicas"));
  if (!spec.behavior) return;
  if (spec.behavior->scale_up) check_rules(errors, behavior.child("scaleUp"), *spec.behavior->scale_up);
  if (spec.behavior->scale_down) check_rules(errors, behavior.child("scaleDown"), *spec.behavior->scale_down);
}

class AutoscalerStrategy final : public Strategy {
 public:
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    check_spec(errors, object.as<HorizontalPodAutoscaler>().spec, 1);
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    const auto& autoscaler = object.as<HorizontalPodAutoscaler>();
    if (context.part == Part::kStatus) {
      FieldPath status("status");
      api::append(errors, api::validate_non_negative(status.child("currentReplicas"), autoscaler.status.current_replicas));
      return api::append(errors, api::validate_non_negative(status.child("desiredReplicas"), autoscaler.status.desired_replicas));
    }
    const auto& before = old.as<HorizontalPodAutoscaler>().spec.min_replicas;
    check_spec(errors, autoscaler.spec, before && *before == 0 ? 0 : 1);
  }
};

}  // namespace

const Strategy& autoscaler_strategy() { return instance<AutoscalerStrategy>(); }

}  // namespace reigen::apiserver
