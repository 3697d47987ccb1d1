// Rules about pods that the API server, the scheduler, the controllers and the node have to read alike.
#pragma once

#include <string>

namespace reigen::api {

namespace corev1 {
struct Pod;
struct PodSpec;
struct Taint;
struct Toleration;
}  // namespace corev1

// Kubernetes' Toleration.ToleratesTaint: an empty effect or key stands for every one; an operator that is not known tolerates nothing.
bool tolerates(const corev1::Toleration& toleration, const corev1::Taint& taint);

// "Guaranteed" (every container limits both CPU and memory, and the limits' sums are the requests' sums), "BestEffort" (no container
// names either) or "Burstable".
std::string qos_class(const corev1::PodSpec& spec);

// A run of a Container of docker.reigen.dev: it has the annotation kContainerAnnotation, and the Container so named is its controller. Only the
// container-controller can make one (admission plug-in ContainerLink). It counts against no limit of pods, and takes no pod address.
bool is_container_pod(const corev1::Pod& pod);

}  // namespace reigen::api
