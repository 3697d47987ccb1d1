#include "apiserver/autoscaler_conversion.h"

#include <cctype>

#include "api/json.h"
#include "api/value.h"

namespace reigen::apiserver {
namespace {

namespace v1 = api::autoscalingv1;
namespace v2 = api::autoscalingv2;
using api::Quantity;

constexpr const char* kMetrics = "autoscaling.alpha.kubernetes.io/metrics";
constexpr const char* kCurrentMetrics = "autoscaling.alpha.kubernetes.io/current-metrics";
constexpr const char* kConditions = "autoscaling.alpha.kubernetes.io/conditions";
constexpr const char* kBehavior = "autoscaling.alpha.kubernetes.io/behavior";
constexpr int32_t kDefaultUtilization = 80;

void drop_annotations(api::metav1::ObjectMeta& meta) {
  for (const char* name : {kMetrics, kCurrentMetrics, kConditions, kBehavior}) meta.annotations.erase(name);
}

template <class T>
std::string list_text(const std::vector<T>& items) {
  std::string out = "[";
  for (const auto& item : items) out += (out.size() > 1 ? "," : "") + api::encode_json(item);
  return out + "]";
}

// Nothing where the text is no list of such.
template <class T>
std::optional<std::vector<T>> list_of(const api::metav1::ObjectMeta& meta, const char* name) {
  auto found = meta.annotations.find(name);
  if (found == meta.annotations.end()) return std::nullopt;
  auto document = api::parse_json(found->second);
  if (!document || !document->is_array()) return std::nullopt;
  std::vector<T> out;
  for (const auto& item : document->items()) {
    auto decoded = api::decode_json_as<T>(api::to_json(item));
    if (!decoded) return std::nullopt;
    out.push_back(std::move(*decoded));
  }
  return out;
}

template <class To, class From>
To reference(const From& in) {
  To out;
  out.kind = in.kind;
  out.name = in.name;
  out.api_version = in.api_version;
  return out;
}

template <class To, class From>
To condition(const From& in) {
  To out;
  out.type = in.type;
  out.status = in.status;
  out.last_transition_time = in.last_transition_time;
  out.reason = in.reason;
  out.message = in.message;
  return out;
}

bool is_cpu_utilization(const v2::MetricSpec& metric) {
  return metric.type == "Resource" && metric.resource && metric.resource->name == "cpu" && metric.resource->target.average_utilization;
}

v1::MetricSpec to_v1(const v2::MetricSpec& in) {
  v1::MetricSpec out;
  out.type = in.type;
  if (in.object) {
    auto& object = out.object.ensure();
    object.target = reference<v1::CrossVersionObjectReference>(in.object->described_object);
    object.metric_name = in.object->metric.name;
    object.selector = in.object->metric.selector;
    object.target_value = in.object->target.value.value_or(Quantity());
    object.average_value = in.object->target.average_value;
  }
  if (in.pods) {
    auto& pods = out.pods.ensure();
    pods.metric_name = in.pods->metric.name;
    pods.selector = in.pods->metric.selector;
    pods.target_average_value = in.pods->target.average_value.value_or(Quantity());
  }
  auto resource = [](auto& to, const auto& from) {
    to.name = from.name;
    to.target_average_utilization = from.target.average_utilization;
    to.target_average_value = from.target.average_value;
  };
  if (in.resource) resource(out.resource.ensure(), *in.resource);
  if (in.container_resource) {
    resource(out.container_resource.ensure(), *in.container_resource);
    out.container_resource->container = in.container_resource->container;
  }
  if (in.external) {
    auto& external = out.external.ensure();
    external.metric_name = in.external->metric.name;
    external.metric_selector = in.external->metric.selector;
    external.target_value = in.external->target.value;
    external.target_average_value = in.external->target.average_value;
  }
  return out;
}

v2::MetricSpec to_v2(const v1::MetricSpec& in) {
  v2::MetricSpec out;
  out.type = in.type;
  if (in.object) {
    auto& object = out.object.ensure();
    object.described_object = reference<v2::CrossVersionObjectReference>(in.object->target);
    object.metric.name = in.object->metric_name;
    object.metric.selector = in.object->selector;
    object.target.type = in.object->average_value ? "AverageValue" : "Value";
    object.target.value = in.object->target_value;
    object.target.average_value = in.object->average_value;
  }
  if (in.pods) {
    auto& pods = out.pods.ensure();
    pods.metric.name = in.pods->metric_name;
    pods.metric.selector = in.pods->selector;
    pods.target.type = "AverageValue";
    pods.target.average_value = in.pods->target_average_value;
  }
  auto resource = [](auto& to, const auto& from) {
    to.name = from.name;
    to.target.type = from.target_average_utilization ? "Utilization" : "AverageValue";
    to.target.average_utilization = from.target_average_utilization;
    to.target.average_value = from.target_average_value;
  };
  if (in.resource) resource(out.resource.ensure(), *in.resource);
  if (in.container_resource) {
    resource(out.container_resource.ensure(), *in.container_resource);
    out.container_resource->container = in.container_resource->container;
  }
  if (in.external) {
    auto& external = out.external.ensure();
    external.metric.name = in.external->metric_name;
    external.metric.selector = in.external->metric_selector;
    external.target.type = in.external->target_value ? "Value" : "AverageValue";
    external.target.value = in.external->target_value;
    external.target.average_value = in.external->target_average_value;
  }
  return out;
}

v1::MetricStatus to_v1(const v2::MetricStatus& in) {
  v1::MetricStatus out;
  out.type = in.type;
  if (in.object) {
    auto& object = out.object.ensure();
    object.target = reference<v1::CrossVersionObjectReference>(in.object->described_object);
    object.metric_name = in.object->metric.name;
    object.selector = in.object->metric.selector;
    object.current_value = in.object->current.value.value_or(Quantity());
    object.average_value = in.object->current.average_value;
  }
  if (in.pods) {
    auto& pods = out.pods.ensure();
    pods.metric_name = in.pods->metric.name;
    pods.selector = in.pods->metric.selector;
    pods.current_average_value = in.pods->current.average_value.value_or(Quantity());
  }
  auto resource = [](auto& to, const auto& from) {
    to.name = from.name;
    to.current_average_utilization = from.current.average_utilization;
    to.current_average_value = from.current.average_value.value_or(Quantity());
  };
  if (in.resource) resource(out.resource.ensure(), *in.resource);
  if (in.container_resource) {
    resource(out.container_resource.ensure(), *in.container_resource);
    out.container_resource->container = in.container_resource->container;
  }
  if (in.external) {
    auto& external = out.external.ensure();
    external.metric_name = in.external->metric.name;
    external.metric_selector = in.external->metric.selector;
    external.current_value = in.external->current.value.value_or(Quantity());
    external.current_average_value = in.external->current.average_value;
  }
  return out;
}

v2::MetricStatus to_v2(const v1::MetricStatus& in) {
  v2::MetricStatus out;
  out.type = in.type;
  if (in.object) {
    auto& object = out.object.ensure();
    object.described_object = reference<v2::CrossVersionObjectReference>(in.object->target);
    object.metric.name = in.object->metric_name;
    object.metric.selector = in.object->selector;
    object.current.value = in.object->current_value;
    object.current.average_value = in.object->average_value;
  }
  if (in.pods) {
    auto& pods = out.pods.ensure();
    pods.metric.name = in.pods->metric_name;
    pods.metric.selector = in.pods->selector;
    pods.current.average_value = in.pods->current_average_value;
  }
  auto resource = [](auto& to, const auto& from) {
    to.name = from.name;
    to.current.average_utilization = from.current_average_utilization;
    to.current.average_value = from.current_average_value;
  };
  if (in.resource) resource(out.resource.ensure(), *in.resource);
  if (in.container_resource) {
    resource(out.container_resource.ensure(), *in.container_resource);
    out.container_resource->container = in.container_resource->container;
  }
  if (in.external) {
    auto& external = out.external.ensure();
    external.metric.name = in.external->metric_name;
    external.metric.selector = in.external->metric_selector;
    external.current.value = in.external->current_value;
    external.current.average_value = in.external->current_average_value;
  }
  return out;
}

// The annotation has the names of Kubernetes' internal struct: those of the API with a capital letter, and null for what is absent.
std::string rules_text(const api::Box<v2::HPAScalingRules>& rules) {
  if (!rules) return "null";
  std::string policies;
  for (const auto& policy : rules->policies) {
    policies += policies.empty() ? "[" : ",";
    policies += "{\"Type\":\"" + std::string(policy.type) + "\",\"Value\":" + std::to_string(policy.value) +
                ",\"PeriodSeconds\":" + std::to_string(policy.period_seconds) + "}";
  }
  policies += policies.empty() ? "null" : "]";
  const auto& window = rules->stabilization_window_seconds;
  return "{\"StabilizationWindowSeconds\":" + (window ? std::to_string(*window) : "null") +
         ",\"SelectPolicy\":" + (rules->select_policy ? "\"" + std::string(*rules->select_policy) + "\"" : "null") + ",\"Policies\":" + policies + "}";
}

api::Value with_small_letters(const api::Value& in) {
  if (in.is_array()) {
    api::Value out = api::Value::array();
    for (const auto& item : in.items()) out.push_back(with_small_letters(item));
    return out;
  }
  if (!in.is_object()) return in;
  api::Value out = api::Value::object();
  for (const auto& member : in.members()) {
    std::string name(member.key());
    if (!name.empty()) name[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(name[0])));
    out.set(name, with_small_letters(member.value));
  }
  return out;
}

void read_behavior(const api::metav1::ObjectMeta& meta, v2::HorizontalPodAutoscalerSpec& spec) {
  auto found = meta.annotations.find(kBehavior);
  if (found == meta.annotations.end()) return;
  auto document = api::parse_json(found->second);
  if (!document) return;
  auto behavior = api::decode_json_as<v2::HorizontalPodAutoscalerBehavior>(api::to_json(with_small_letters(*document)));
  if (behavior && (behavior->scale_up || behavior->scale_down)) spec.behavior.ensure() = std::move(*behavior);
}

v2::MetricSpec cpu_metric(int32_t utilization) {
  v2::MetricSpec metric;
  metric.type = "Resource";
  auto& resource = metric.resource.ensure();
  resource.name = "cpu";
  resource.target.type = "Utilization";
  resource.target.average_utilization = utilization;
  return metric;
}

}  // namespace

v1::HorizontalPodAutoscaler autoscaler_to_v1(const v2::HorizontalPodAutoscaler& in) {
  v1::HorizontalPodAutoscaler out;
  out.metadata = in.metadata;
  drop_annotations(out.metadata);
  out.spec.scale_target_ref = reference<v1::CrossVersionObjectReference>(in.spec.scale_target_ref);
  out.spec.min_replicas = in.spec.min_replicas;
  out.spec.max_replicas = in.spec.max_replicas;
  std::vector<v1::MetricSpec> others;
  for (const auto& metric : in.spec.metrics) {
    if (!is_cpu_utilization(metric)) others.push_back(to_v1(metric));
    else if (!out.spec.target_cpu_utilization_percentage) out.spec.target_cpu_utilization_percentage = metric.resource->target.average_utilization;
  }
  out.status.observed_generation = in.status.observed_generation;
  out.status.last_scale_time = in.status.last_scale_time;
  out.status.current_replicas = in.status.current_replicas;
  out.status.desired_replicas = in.status.desired_replicas;
  std::vector<v1::MetricStatus> current;
  for (const auto& metric : in.status.current_metrics) {
    current.push_back(to_v1(metric));
    if (metric.type == "Resource" && metric.resource && metric.resource->name == "cpu" && metric.resource->current.average_utilization)
      out.status.current_cpu_utilization_percentage = metric.resource->current.average_utilization;
  }
  std::vector<v1::HorizontalPodAutoscalerCondition> conditions;
  for (const auto& one : in.status.conditions) conditions.push_back(condition<v1::HorizontalPodAutoscalerCondition>(one));
  auto& annotations = out.metadata.annotations;
  if (!others.empty()) annotations[kMetrics] = list_text(others);
  if (!current.empty()) annotations[kCurrentMetrics] = list_text(current);
  if (in.spec.behavior)
    annotations[kBehavior] = "{\"ScaleUp\":" + rules_text(in.spec.behavior->scale_up) + ",\"ScaleDown\":" + rules_text(in.spec.behavior->scale_down) + "}";
  if (!conditions.empty()) annotations[kConditions] = list_text(conditions);
  return out;
}

v2::HorizontalPodAutoscaler autoscaler_to_v2(const v1::HorizontalPodAutoscaler& in) {
  v2::HorizontalPodAutoscaler out;
  out.metadata = in.metadata;
  drop_annotations(out.metadata);
  out.spec.scale_target_ref = reference<v2::CrossVersionObjectReference>(in.spec.scale_target_ref);
  out.spec.min_replicas = in.spec.min_replicas;
  out.spec.max_replicas = in.spec.max_replicas;
  if (auto others = list_of<v1::MetricSpec>(in.metadata, kMetrics))
    for (const auto& metric : *others) out.spec.metrics.push_back(to_v2(metric));
  if (in.spec.target_cpu_utilization_percentage) out.spec.metrics.push_back(cpu_metric(*in.spec.target_cpu_utilization_percentage));
  if (out.spec.metrics.empty()) out.spec.metrics.push_back(cpu_metric(kDefaultUtilization));
  read_behavior(in.metadata, out.spec);
  out.status.observed_generation = in.status.observed_generation;
  out.status.last_scale_time = in.status.last_scale_time;
  out.status.current_replicas = in.status.current_replicas;
  out.status.desired_replicas = in.status.desired_replicas;
  if (auto current = list_of<v1::MetricStatus>(in.metadata, kCurrentMetrics)) {
    for (const auto& metric : *current) out.status.current_metrics.push_back(to_v2(metric));
  } else if (in.status.current_cpu_utilization_percentage) {
    auto& metric = out.status.current_metrics.emplace_back();
    metric.type = "Resource";
    auto& resource = metric.resource.ensure();
    resource.name = "cpu";
    resource.current.average_utilization = in.status.current_cpu_utilization_percentage;
  }
  if (auto conditions = list_of<v1::HorizontalPodAutoscalerCondition>(in.metadata, kConditions))
    for (const auto& one : *conditions) out.status.conditions.push_back(condition<v2::HorizontalPodAutoscalerCondition>(one));
  return out;
}

}  // namespace reigen::apiserver
