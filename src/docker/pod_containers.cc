#include "docker/pod_containers.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "api/pod_rules.h"
#include "docker/image_host.h"

namespace reigen::docker {

namespace {

using api::corev1::Pod;
using api::dockerv1::Container;

PodContainerFacts facts_of(const Engine& engine) {
  auto image = [&engine](const std::string& id) -> std::shared_ptr<const image::ImageConfig> {
    auto found = engine.images ? engine.images->find(id) : fail(Code::kNotFound, "no images");
    if (!found) return nullptr;
    return {*found, &(*found)->config};
  };
  return {.node_name = engine.node_name, .pods_dir = engine.pods_dir, .image = std::move(image)};
}

std::map<std::string, ContainerPtr> by_id(const Pod* pod, const PodContainerFacts& facts) {
  std::map<std::string, ContainerPtr> out;
  if (!pod) return out;
  for (auto& container : containers_of_pod(*pod, facts)) out[container->metadata.name] = std::move(container);
  return out;
}

// As it was before its program ran: an informer shows no such moment.
ContainerPtr before_start(const Container& container) {
  auto out = std::make_shared<Container>(container);
  out->status = {};
  out->status.state = "created";
  return out;
}

std::string pod_of(const Container& container) {
  const std::string* owner = container.metadata.annotations.get(kPodContainerAnnotation);
  return owner->substr(0, owner->find('/', owner->find('/') + 1));
}

}  // namespace

std::vector<ContainerPtr> pod_containers(const Engine& engine) {
  std::vector<ContainerPtr> out;
  auto facts = facts_of(engine);
  for (const auto& pod : engine.pods.list()) {
    for (auto& container : containers_of_pod(*pod, facts)) out.push_back(std::move(container));
  }
  return out;
}

ContainerPtr find_pod_container(const Engine& engine, std::string_view id) {
  auto has = [&](const std::vector<api::corev1::ContainerStatus>& statuses) {
    return std::ranges::any_of(statuses, [&](const auto& status) {
      const auto* last = status.last_state.terminated.get();
      return status.container_id.ends_with(id) || (last && last->container_id.ends_with(id));
    });
  };
  for (const auto& pod : engine.pods.list()) {
    const auto& status = pod->status;
    if (!has(status.container_statuses) && !has(status.init_container_statuses) && !has(status.ephemeral_container_statuses)) continue;
    for (auto& container : containers_of_pod(*pod, facts_of(engine))) {
      if (container->metadata.name == id) return container;
    }
  }
  return nullptr;
}

ContainerPtr any_container(const Engine& engine, std::string_view id) {
  if (auto found = engine.containers.get("", id)) return found;
  return find_pod_container(engine, id);
}

void pod_changed(Engine& engine, const Pod* previous, const Pod* current, bool tell) {
  if ((current ? current : previous)->spec.node_name != engine.node_name) return;
  // Without the images: the informer's strand does not wait for disks.
  PodContainerFacts facts{.node_name = engine.node_name, .pods_dir = {}, .image = {}};
  auto was = by_id(previous, facts), is = by_id(current, facts);
  for (const auto& [id, container] : is) {
    auto before = was.extract(id);
    ContainerPtr earlier = before ? before.mapped() : nullptr;
    if (earlier && earlier->status == container->status) continue;
    if (tell) {
      if (!earlier) engine.container_events.changed(nullptr, container);
      engine.container_events.changed(earlier ? earlier : before_start(*container), container);
    }
    engine.waits.changed(id, container);
  }
  for (const auto& [id, container] : was) {
    if (tell) engine.container_events.changed(container, nullptr);
    engine.execs.forget_container(id);
    engine.waits.changed(id, nullptr);
  }
}

bool is_pod_container(const Container& container) { return container.metadata.annotations.contains(kPodContainerAnnotation); }

Status check_changeable(const Container& container) {
  if (!is_pod_container(container)) return {};
  return fail(Code::kConflict,
              fmt::format("container {} belongs to the pod {} of Kubernetes: use kubectl to change it", container.spec.docker_name, pod_of(container)));
}

Status check_shareable(const Container& container) {
  if (!is_pod_container(container)) return {};
  return fail(Code::kConflict,
              fmt::format("container {} belongs to the pod {} of Kubernetes: containers of Docker cannot share its namespaces, volumes or name",
                          container.spec.docker_name, pod_of(container)));
}

}  // namespace reigen::docker
