// Which EndpointSlices a service needs, given those there are: a pure decision that changes as few slices as it can.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "api/discoveryv1.h"
#include "controllers/endpoints/service_pods.h"

namespace reigen::controllers {

using api::discoveryv1::EndpointSlice;
using SlicePtr = std::shared_ptr<const EndpointSlice>;

inline constexpr size_t kMaxEndpointsPerSlice = 100;
inline constexpr std::string_view kServiceNameLabel = "kubernetes.io/service-name";
inline constexpr std::string_view kManagedByLabel = "endpointslice.kubernetes.io/managed-by";
inline constexpr std::string_view kSliceController = "endpointslice-controller.k8s.io";

struct SlicePlan {
  std::vector<EndpointSlice> create;
  std::vector<EndpointSlice> update;
  std::vector<SlicePtr> remove;
};

// `zone_of` gives a node's zone, "" where it has none.
SlicePlan plan_slices(const api::Object& service, const std::vector<Backend>& backends, const std::vector<SlicePtr>& existing,
                      const std::function<std::string(const std::string& node)>& zone_of);

}  // namespace reigen::controllers
