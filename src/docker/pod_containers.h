// The containers of Kubernetes' pods as Docker's clients see them: under the names kubelet's Docker gave them (k8s_…), to be looked at, not changed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "docker/engine.h"
#include "image/image_config.h"

namespace reigen::docker {

// Where a Container made up here came from, in metadata.annotations: "namespace/pod/uid/container".
inline constexpr std::string_view kPodContainerAnnotation = "docker.reigen.dev/pod-container";
inline constexpr std::string_view kPodAddressAnnotation = "docker.reigen.dev/pod-ip";

struct PodContainerFacts {
  std::string node_name;
  std::string pods_dir;  // a pod's volumes are below its uid there
  // By id; null when it is not here any more. Empty function: what images say is left out.
  std::function<std::shared_ptr<const image::ImageConfig>(const std::string& id)> image;
};

// Of a pod of this node that is no run of a Container: what has run, init containers and ephemeral ones too, and of each the run before. Pure.
std::vector<ContainerPtr> containers_of_pod(const api::corev1::Pod& pod, const PodContainerFacts& facts);

std::vector<ContainerPtr> pod_containers(const Engine& engine);
// By full id; null when there is none.
ContainerPtr find_pod_container(const Engine& engine, std::string_view id);
// A Container, or a pod's.
ContainerPtr any_container(const Engine& engine, std::string_view id);
// By the informer of pods: events and waits. `tell`: events too.
void pod_changed(Engine& engine, const api::corev1::Pod* previous, const api::corev1::Pod* current, bool tell);

bool is_pod_container(const api::dockerv1::Container& container);
// "k8s_NAME_POD_NAMESPACE_UID_ATTEMPT"
std::string pod_container_name(std::string_view container, std::string_view pod, std::string_view namespace_, std::string_view uid, int attempt);
// 409: what Docker may not do to it.
Status check_changeable(const api::dockerv1::Container& container);
// 409: a pod's namespaces and volumes are not shared with Docker's containers.
Status check_shareable(const api::dockerv1::Container& container);

}  // namespace reigen::docker
