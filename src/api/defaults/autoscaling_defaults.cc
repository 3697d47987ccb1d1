#include "api/autoscalingv1.h"
#include "api/autoscalingv2.h"
#include "api/defaults/hooks.h"

namespace reigen::api {
namespace {

constexpr int32_t kCpuUtilization = 80;

void default_v1(autoscalingv1::HorizontalPodAutoscaler& hpa) {
  default_to(hpa.spec.min_replicas, 1);
  if (!hpa.metadata.annotations.contains("autoscaling.alpha.kubernetes.io/metrics")) default_to(hpa.spec.target_cpu_utilization_percentage, kCpuUtilization);
}

autoscalingv2::HPAScalingPolicy policy(std::string_view type, int32_t value) {
  autoscalingv2::HPAScalingPolicy policy;
  policy.type = type;
  policy.value = value;
  policy.period_seconds = 15;
  return policy;
}

void default_rules(Box<autoscalingv2::HPAScalingRules>& box, bool up) {
  auto& rules = box.ensure();
  if (up) default_to(rules.stabilization_window_seconds, 0);
  default_to(rules.select_policy, "Max");
  if (!rules.policies.empty()) return;
  if (up) rules.policies.push_back(policy("Pods", 4));
  rules.policies.push_back(policy("Percent", 100));
}

void default_v2(autoscalingv2::HorizontalPodAutoscaler& hpa) {
  default_to(hpa.spec.min_replicas, 1);
  if (hpa.spec.metrics.empty()) {
    auto& metric = hpa.spec.metrics.emplace_back();
    metric.type = "Resource";
    auto& resource = metric.resource.emplace();
    resource.name = "cpu";
    resource.target.type = "Utilization";
    resource.target.average_utilization = kCpuUtilization;
  }
  if (!hpa.spec.behavior) return;
  default_rules(hpa.spec.behavior->scale_up, true);
  default_rules(hpa.spec.behavior->scale_down, false);
}

}  // namespace

void add_autoscaling_defaults(DefaultHooks& hooks) {
  hooks.add<default_v1>();
  hooks.add<default_v2>();
}

}  // namespace reigen::api
