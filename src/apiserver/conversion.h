// Conversions between versions of a kind that are not the same struct: Event (core/v1, events.k8s.io/v1) and HorizontalPodAutoscaler
// (autoscaling/v1, v2). Rules of pkg/apis/*/conversion.go.
#pragma once

#include "api/object.h"
#include "base/result.h"

namespace reigen::apiserver {

// An object of the asked kind is returned as it is. kUnimplemented where there is no way.
Result<api::Object> convert(api::Object object, const api::KindInfo& to);

}  // namespace reigen::apiserver
