// Which EndpointSlices mirror an Endpoints object that a user wrote: one for each set of ports and address family. Pure.
// Source: Kubernetes' endpointslicemirroring controller.
#pragma once

#include <memory>
#include <vector>

#include "api/corev1.h"
#include "api/object.h"
#include "controllers/endpoints/slice_plan.h"

namespace reigen::controllers {

using EndpointsPtr = std::shared_ptr<const api::corev1::Endpoints>;

inline constexpr size_t kMaxMirroredPerSubset = 1000;
inline constexpr std::string_view kMirroringController = "endpointslicemirroring-controller.k8s.io";

struct MirrorPlan {
  SlicePlan slices;
  size_t invalid = 0;  // addresses that are none
  size_t skipped = 0;  // beyond kMaxMirroredPerSubset
};

// Whether these endpoints are to be mirrored at all, as far as they say themselves.
bool wants_mirror(const api::corev1::Endpoints& endpoints);

// `existing`: the slices that mirror these endpoints now.
MirrorPlan plan_mirror(const EndpointsPtr& endpoints, const std::vector<SlicePtr>& existing);

}  // namespace reigen::controllers
