// The pod of one run, as kubectl shows it. The node reads the Container; nothing in the pod decides what runs. Pure.
#pragma once

#include "api/corev1.h"
#include "api/dockerv1.h"

namespace reigen::controllers {

// Namespaces of Docker's containers' pods.
inline constexpr std::string_view kContainerPodNamespace = "default";

// The pod of container.spec.run.number. kInvalidArgument when the container's texts do not decode.
Result<api::corev1::Pod> pod_of_container(const api::dockerv1::Container& container, const api::dockerv1::EndpointsRecord& endpoints);

}  // namespace reigen::controllers
