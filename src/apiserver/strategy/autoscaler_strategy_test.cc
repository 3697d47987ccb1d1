#include <gtest/gtest.h>

#include "api/autoscalingv2.h"
#include "api/metav1.h"
#include "api/object.h"
#include "apiserver/strategy/other_strategies.h"

namespace reigen::apiserver {
namespace {

using namespace api::autoscalingv2;

HorizontalPodAutoscaler plain() {
  HorizontalPodAutoscaler autoscaler;
  autoscaler.metadata.name = "h";
  autoscaler.spec.scale_target_ref.kind = "Deployment";
  autoscaler.spec.scale_target_ref.name = "d";
  autoscaler.spec.min_replicas = 1;
  autoscaler.spec.max_replicas = 3;
  auto& metric = autoscaler.spec.metrics.emplace_back();
  metric.type = "Resource";
  metric.resource.emplace().name = "cpu";
  metric.resource->target.type = "Utilization";
  metric.resource->target.average_utilization = 80;
  return autoscaler;
}

std::string text(const api::FieldErrors& errors) {
  std::string out;
  for (const auto& error : errors) out += (out.empty() ? "" : "\n") + error.message();
  return out;
}

TEST(AutoscalerStrategyTest, Table) {
  struct Case {
    const char* name;
    void (*change)(HorizontalPodAutoscaler&);
    const char* wanted;
  };
  const Case cases[] = {
      {"fine", [](auto&) {}, ""},
      {"from zero", [](auto& a) { a.spec.min_replicas = 0; },
       "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1\n"
       "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas"},
      {"fewer at most than at least", [](auto& a) { a.spec.min_replicas = 4; },
       "spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"},
      {"no source", [](auto& a) { a.spec.metrics[0].resource.reset(); },
       "spec.metrics[0].resource: Required value: must populate information for the given metric source"},
      {"two sources",
       [](auto& a) {
         auto& pods = a.spec.metrics[0].pods.emplace();
         pods.metric.name = "x";
         pods.target.type = "AverageValue";
         pods.target.average_value = api::Quantity::from_int(1);
       },
       "spec.metrics[0].pods: Forbidden: must populate the given metric source only"},
      {"no target", [](auto& a) { a.spec.metrics[0].resource->target.average_utilization = {}; },
       "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization"},
      {"rules without a policy", [](auto& a) { a.spec.behavior.emplace().scale_up.emplace().stabilization_window_seconds = 3601; },
       "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600\n"
       "spec.behavior.scaleUp.policies: Required value: must specify at least one Policy"},
  };
  for (const Case& one : cases) {
    auto autoscaler = plain();
    one.change(autoscaler);
    StrategyContext context;
    api::FieldErrors errors;
    autoscaler_strategy().validate(context, api::Object::of(autoscaler), errors);
    EXPECT_EQ(text(errors), one.wanted) << one.name;
  }
}

TEST(AutoscalerStrategyTest, ZeroStaysWhereItWas) {
  auto old = plain(), now = plain();
  old.spec.min_replicas = now.spec.min_replicas = 0;
  StrategyContext context;
  api::FieldErrors errors;
  autoscaler_strategy().validate_update(context, api::Object::of(now), api::Object::of(old), errors);
  EXPECT_EQ(text(errors), "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas");
  now.status.current_replicas = -1;
  context.part = Part::kStatus;
  errors.clear();
  autoscaler_strategy().validate_update(context, api::Object::of(now), api::Object::of(old), errors);
  EXPECT_EQ(text(errors), "status.currentReplicas: Invalid value: -1: must be greater than or equal to 0");
}

}  // namespace
}  // namespace reigen::apiserver
