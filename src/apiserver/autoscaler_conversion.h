// HorizontalPodAutoscaler between autoscaling/v1 and v2. What v1 has no field for (metrics other than the CPU's utilization, behavior,
// conditions) travels in annotations `autoscaling.alpha.kubernetes.io/…`, as pkg/apis/autoscaling/v1/conversion.go has it.
#pragma once

#include "api/autoscalingv1.h"
#include "api/autoscalingv2.h"

namespace reigen::apiserver {

api::autoscalingv1::HorizontalPodAutoscaler autoscaler_to_v1(const api::autoscalingv2::HorizontalPodAutoscaler& in);
api::autoscalingv2::HorizontalPodAutoscaler autoscaler_to_v2(const api::autoscalingv1::HorizontalPodAutoscaler& in);

}  // namespace reigen::apiserver
