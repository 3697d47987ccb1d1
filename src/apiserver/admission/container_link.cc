// ContainerLink: only the container-controller makes a pod belong to a Container of docker.reigen.dev. Such a pod runs with whatever the
// Container asks for (privileges, the host's folders), so its marks must not be had by anybody who may merely write pods.

#include <fmt/core.h>

#include <algorithm>

#include "api/corev1.h"
#include "api/docker_names.h"
#include "api/dockerv1.h"
#include "api/errors.h"
#include "api/object.h"
#include "api/pod_rules.h"
#include "apiserver/admission/plugins.h"
#include "apiserver/docker_users.h"

namespace reigen::apiserver {
namespace {

using api::corev1::Pod;
using api::dockerv1::Container;
using api::metav1::OwnerReference;

constexpr std::string_view kCollectorUser = "system:serviceaccount:kube-system:generic-garbage-collector";

Fail refuse(const AdmissionRequest& request, std::string_view why) { return Fail(api::forbidden({"", "pods"}, request.name, why)); }

// The first of our keys that differs; nullptr for none. Both maps are sorted.
const std::string* changed_key(const api::Map<std::string>& now, const api::Map<std::string>* before) {
  for (const auto& [key, value] : now) {
    if (!key.starts_with(api::kDockerKeyPrefix)) continue;
    const std::string* old = before ? before->get(key) : nullptr;
    if (!old || *old != value) return &key;
  }
  if (!before) return nullptr;
  for (const auto& [key, value] : *before)
    if (key.starts_with(api::kDockerKeyPrefix) && !now.contains(key)) return &key;
  return nullptr;
}

std::vector<OwnerReference> container_owners(const Pod* pod) {
  std::vector<OwnerReference> out;
  if (!pod) return out;
  for (const OwnerReference& owner : pod->metadata.owner_references)
    if (owner.kind == "Container" && owner.api_version.starts_with(fmt::format("{}/", api::kDockerGroup))) out.push_back(owner);
  return out;
}

class ContainerLink final : public AdmissionPlugin {
 public:
  std::string_view name() const override { return "ContainerLink"; }
  bool handles(Operation operation) const override { return operation == Operation::kCreate || operation == Operation::kUpdate; }

  // After all that change the pod: whatever wrote the marks.
  Status validate(const AdmissionRequest& request) override {
    if (!request.group.empty() || request.resource != "pods" || !request.object) return {};
    const Pod* pod = request.object->try_as<Pod>();
    if (!pod) return {};
    const Pod* old = request.old_object ? request.old_object->try_as<Pod>() : nullptr;
    if (request.subresource == "ephemeralcontainers" || request.subresource == "resize") {
      if (old && api::is_container_pod(*old)) return refuse(request, fmt::format("pods of Containers have no {}", request.subresource));
    }
    if (request.user->name != kContainerControllerUser) return check_unchanged(request, *pod, old);
    return old ? check_kept(request, *pod, *old) : check_made(request, *pod);
  }

 private:
  static Status check_unchanged(const AdmissionRequest& request, const Pod& pod, const Pod* old) {
    if (const auto* key = changed_key(pod.metadata.annotations, old ? &old->metadata.annotations : nullptr))
      return refuse(request, fmt::format("annotation {} may only be set by the container controller", *key));
    if (const auto* key = changed_key(pod.metadata.labels, old ? &old->metadata.labels : nullptr))
      return refuse(request, fmt::format("label {} may only be set by the container controller", *key));
    auto owners = container_owners(&pod), before = container_owners(old);
    // A deletion that orphans: the pod is no Container's then, and the container-controller removes it.
    bool orphaned = owners.empty() && request.user->name == kCollectorUser;
    if (owners != before && !orphaned) return refuse(request, "an owner of kind Container may only be set by the container controller");
    // It would be stored and have no effect: what runs is made from the Container.
    if (old && request.subresource.empty() && api::is_container_pod(*old) && pod.spec != old->spec)
      return refuse(request, "pods of Containers are changed with docker");
    return {};
  }

  // What the controller makes must be of a Container that is there, on its node and under its name.
  static Status check_made(const AdmissionRequest& request, const Pod& pod) {
    auto owners = container_owners(&pod);
    if (!api::is_container_pod(pod) || owners.size() != 1) return refuse(request, "the container controller makes pods of Containers only");
    auto found = request.reader->get(api::kDockerGroup, "containers", "", owners[0].name);
    if (!found) return refuse(request, fmt::format("there is no Container {}", owners[0].name));
    const auto& container = found->as<Container>();
    if (container.metadata.uid != owners[0].uid) return refuse(request, fmt::format("the Container {} has another uid", owners[0].name));
    if (container.spec.node_name != pod.spec.node_name) return refuse(request, fmt::format("the Container is on node {}", container.spec.node_name));
    if (pod.metadata.name != api::container_pod_name(container.spec.docker_name, container.metadata.name))
      return refuse(request, "the name is not made from the Container's");
    return {};
  }

  static Status check_kept(const AdmissionRequest& request, const Pod& pod, const Pod& old) {
    const auto* id = pod.metadata.annotations.get(api::kContainerAnnotation);
    const auto* before = old.metadata.annotations.get(api::kContainerAnnotation);
    bool same = id && before ? *id == *before : id == before;
    if (!same || container_owners(&pod) != container_owners(&old)) return refuse(request, "a pod stays with its Container");
    return {};
  }
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_container_link() { return std::make_unique<ContainerLink>(); }

}  // namespace reigen::apiserver
