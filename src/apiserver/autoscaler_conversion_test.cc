#include <gtest/gtest.h>

#include "api/json.h"
#include "apiserver/conversion.h"

namespace reigen::apiserver {
namespace {

api::Object object(const char* version, const std::string& rest) {
  auto decoded = api::decode_json("{\"apiVersion\":\"autoscaling/" + std::string(version) +
                                  "\",\"kind\":\"HorizontalPodAutoscaler\",\"metadata\":{\"name\":\"h\"" + rest + "}");
  EXPECT_TRUE(decoded) << decoded.error().message();
  return decoded ? *decoded : api::Object();
}
const api::KindInfo& v1() { return *api::find_kind("autoscaling", "v1", "HorizontalPodAutoscaler"); }
const api::KindInfo& v2() { return *api::find_kind("autoscaling", "v2", "HorizontalPodAutoscaler"); }

TEST(AutoscalerConversion, UtilizationOfTheCpuIsAFieldOfV1) {
  auto hpa =
      convert(object("v1", R"(},"spec":{"scaleTargetRef":{"kind":"Deployment","name":"web"},"maxReplicas":3,"targetCPUUtilizationPercentage":50})"), v2());
  ASSERT_TRUE(hpa);
  EXPECT_EQ(R"({"kind":"HorizontalPodAutoscaler","apiVersion":"autoscaling/v2","metadata":{"name":"h","creationTimestamp":null},"spec":{"scaleTargetRef":)"
            R"({"kind":"Deployment","name":"web"},"maxReplicas":3,"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization",)"
            R"("averageUtilization":50}}}]},"status":{"desiredReplicas":0,"currentMetrics":null}})",
            api::encode_json(*hpa));
  auto back = convert(*hpa, v1());
  ASSERT_TRUE(back);
  EXPECT_NE(std::string::npos, api::encode_json(*back).find("\"targetCPUUtilizationPercentage\":50"));
  EXPECT_EQ(std::string::npos, api::encode_json(*back).find("annotations"));
}

TEST(AutoscalerConversion, WhatV1HasNoFieldForTravelsInAnnotations) {
  auto full = object("v2", R"(,"annotations":{"a":"b"}},"spec":{"scaleTargetRef":{"kind":"Deployment","name":"web"},"minReplicas":2,"maxReplicas":5,
    "metrics":[{"type":"Resource","resource":{"name":"memory","target":{"type":"AverageValue","averageValue":"1Gi"}}},
               {"type":"Pods","pods":{"metric":{"name":"requests"},"target":{"type":"AverageValue","averageValue":"100"}}},
               {"type":"Object","object":{"describedObject":{"kind":"Ingress","name":"i"},"metric":{"name":"hits"},"target":{"type":"Value","value":"2k"}}},
               {"type":"External","external":{"metric":{"name":"queue","selector":{"matchLabels":{"q":"1"}}},"target":{"type":"AverageValue","averageValue":"30"}}},
               {"type":"ContainerResource","containerResource":{"name":"cpu","container":"main","target":{"type":"Utilization","averageUtilization":60}}},
               {"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":70}}}],
    "behavior":{"scaleDown":{"stabilizationWindowSeconds":60,"selectPolicy":"Min","policies":[{"type":"Pods","value":2,"periodSeconds":15}]}}},
    "status":{"currentReplicas":2,"desiredReplicas":3,"currentMetrics":[{"type":"Resource","resource":{"name":"cpu","current":{"averageUtilization":12,"averageValue":"40m"}}}],
      "conditions":[{"type":"AbleToScale","status":"True","lastTransitionTime":"2024-01-01T00:00:00Z","reason":"r","message":"m"}]})");
  auto old = convert(full, v1());
  ASSERT_TRUE(old);
  const auto& annotations = old->meta().annotations;
  EXPECT_EQ(R"({"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":60,"SelectPolicy":"Min","Policies":[{"Type":"Pods","Value":2,"PeriodSeconds":15}]}})",
            annotations.find("autoscaling.alpha.kubernetes.io/behavior")->second);
  EXPECT_EQ(R"([{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":12,"currentAverageValue":"40m"}}])",
            annotations.find("autoscaling.alpha.kubernetes.io/current-metrics")->second);
  auto back = convert(*old, v2());
  ASSERT_TRUE(back);
  EXPECT_EQ(api::encode_json(full), api::encode_json(*back));
}

TEST(AutoscalerConversion, BrokenAnnotationsAreNothing) {
  auto hpa = convert(object("v1", R"(,"annotations":{"autoscaling.alpha.kubernetes.io/metrics":"[{","autoscaling.alpha.kubernetes.io/behavior":"7"}},)"
                                  R"("spec":{"scaleTargetRef":{"kind":"Deployment","name":"web"},"maxReplicas":3})"),
                     v2());
  ASSERT_TRUE(hpa);
  EXPECT_NE(std::string::npos, api::encode_json(*hpa).find("\"averageUtilization\":80"));
}

}  // namespace
}  // namespace reigen::apiserver
