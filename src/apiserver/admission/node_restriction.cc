#include <fmt/core.h>

#include <algorithm>

#include "api/authenticationv1.h"
#include "api/corev1.h"
#include "api/docker_names.h"
#include "api/dockerv1.h"
#include "api/errors.h"
#include "api/object.h"
#include "apiserver/admission/plugins.h"
#include "apiserver/auth/node_authorizer.h"

namespace reigen::apiserver {
namespace {

using api::corev1::Node;
using api::corev1::Pod;

constexpr const char* kMirrorAnnotation = "kubernetes.io/config.mirror";

Fail refuse(const AdmissionRequest& request, std::string_view why) { return Fail(api::forbidden({request.group, request.resource}, request.name, why)); }

// Labels of kubernetes.io and k8s.io that a node may set on itself.
bool node_may_set_label(std::string_view key) {
  static constexpr std::string_view kAllowed[] = {"kubernetes.io/hostname",
                                                  "topology.kubernetes.io/zone",
                                                  "topology.kubernetes.io/region",
                                                  "failure-domain.beta.kubernetes.io/zone",
                                                  "failure-domain.beta.kubernetes.io/region",
                                                  "node.kubernetes.io/instance-type",
                                                  "beta.kubernetes.io/instance-type",
                                                  "kubernetes.io/os",
                                                  "kubernetes.io/arch",
                                                  "beta.kubernetes.io/os",
                                                  "beta.kubernetes.io/arch"};
  auto slash = key.find('/');
  if (slash == std::string_view::npos) return true;
  auto domain = key.substr(0, slash);
  bool reserved = domain == "kubernetes.io" || domain.ends_with(".kubernetes.io") || domain == "k8s.io" || domain.ends_with(".k8s.io");
  if (!reserved || std::find(std::begin(kAllowed), std::end(kAllowed), key) != std::end(kAllowed)) return true;
  return domain == "kubelet.kubernetes.io" || domain.ends_with(".kubelet.kubernetes.io") || domain == "node.kubernetes.io" ||
         domain.ends_with(".node.kubernetes.io");
}

std::vector<std::string> forbidden_labels(const Node& node, const Node* old) {
  std::vector<std::string> out;
  auto changed = [&](const std::string& key, const std::string* value, const std::string* before) {
    bool same = value && before ? *value == *before : value == before;
    if (!same && !node_may_set_label(key)) out.push_back(key);
  };
  for (const auto& [key, value] : node.metadata.labels) {
    auto before = old ? old->metadata.labels.find(key) : node.metadata.labels.end();
    changed(key, &value, old && before != old->metadata.labels.end() ? &before->second : nullptr);
  }
  if (!old) return out;
  for (const auto& [key, value] : old->metadata.labels) {
    if (!node.metadata.labels.contains(key)) changed(key, nullptr, &value);
  }
  return out;
}

class NodeRestriction final : public AdmissionPlugin {
 public:
  std::string_view name() const override { return "NodeRestriction"; }
  bool handles(Operation operation) const override { return operation != Operation::kConnect; }

  Status admit(AdmissionRequest& request) override {
    auto node = node_name_of(*request.user);
    if (node.empty()) return {};
    if (request.group.empty() && request.resource == "pods") return admit_pod(request, node);
    if (request.group.empty() && request.resource == "nodes") return admit_node(request, node);
    if (request.group.empty() && request.resource == "serviceaccounts" && request.subresource == "token") return admit_token(request, node);
    if (request.group == "coordination.k8s.io" && request.resource == "leases") return admit_lease(request, node);
    if (request.group == api::kDockerGroup && request.resource == "containers") return admit_container(request, node);
    return {};
  }

 private:
  Status admit_pod(const AdmissionRequest& request, std::string_view node) const {
    if (request.subresource == "status") {
      const auto& pod = request.old_object->as<Pod>();
      if (pod.spec.node_name != node)
        return refuse(request, fmt::format("node \"{}\" can only update pod status for pods with spec.nodeName set to itself", node));
      if (request.object->as<Pod>().metadata.labels != pod.metadata.labels)
        return refuse(request, fmt::format("node \"{}\" cannot update labels through pod status", node));
      return {};
    }
    if (request.subresource == "eviction" || request.operation == Operation::kDelete) return check_bound(request, node);
    if (!request.subresource.empty())
      return refuse(request, fmt::format("unexpected pod subresource \"{}\", only 'status' and 'eviction' are allowed", request.subresource));
    if (request.operation != Operation::kCreate)
      return refuse(request,
                    fmt::format("unexpected operation \"{}\", node \"{}\" can only create and delete mirror pods", to_string(request.operation), node));
    const auto& pod = request.object->as<Pod>();
    if (!pod.metadata.annotations.contains(kMirrorAnnotation))
      return refuse(request, fmt::format("pod does not have \"{}\" annotation, node \"{}\" can only create mirror pods", kMirrorAnnotation, node));
    if (pod.spec.node_name != node) return refuse(request, fmt::format("node \"{}\" can only create pods with spec.nodeName set to itself", node));
    return {};
  }

  static Status check_bound(const AdmissionRequest& request, std::string_view node) {
    auto found = request.reader->get("", "pods", request.namespace_, request.name);
    if (!found || found->as<Pod>().spec.node_name == node) return {};
    const char* verb = request.operation == Operation::kDelete ? "delete" : "evict";
    return refuse(request, fmt::format("node \"{}\" can only {} pods with spec.nodeName set to itself", node, verb));
  }

  static Status admit_node(const AdmissionRequest& request, std::string_view node) {
    std::string_view name = request.name;
    if (name.empty() && request.object) name = request.object->meta().name;
    if (name != node) return refuse(request, fmt::format("node \"{}\" is not allowed to modify node \"{}\"", node, name));
    if (request.operation == Operation::kDelete || !request.object || !request.object->is<Node>()) return {};
    const auto& object = request.object->as<Node>();
    const auto* old = request.old_object ? &request.old_object->as<Node>() : nullptr;
    if (request.operation == Operation::kCreate && object.spec.config_source)
      return refuse(request, fmt::format("node \"{}\" is not allowed to create pods with a non-nil configSource", node));
    if (auto labels = forbidden_labels(object, old); !labels.empty()) {
      std::string list;
      for (const auto& label : labels) list += (list.empty() ? "" : ", ") + label;
      return refuse(request, fmt::format("is not allowed to modify labels: {}", list));
    }
    if (old && request.subresource.empty() && !same_taints(object, *old))
      return refuse(request, fmt::format("node \"{}\" is not allowed to modify taints", node));
    return {};
  }

  static bool same_taints(const Node& a, const Node& b) {
    return std::equal(a.spec.taints.begin(), a.spec.taints.end(), b.spec.taints.begin(), b.spec.taints.end(),
                      [](const auto& x, const auto& y) { return x.key == y.key && x.value == y.value && x.effect == y.effect; });
  }

  // A node gets tokens only for its own pods, bound to them.
  static Status admit_token(const AdmissionRequest& request, std::string_view node) {
    const auto* token = request.object ? request.object->try_as<api::authenticationv1::TokenRequest>() : nullptr;
    if (!token || !token->spec.bound_object_ref || token->spec.bound_object_ref->kind != "Pod" || token->spec.bound_object_ref->name.empty())
      return refuse(request, "node requested token not bound to a pod");
    auto pod = request.reader->get("", "pods", request.namespace_, token->spec.bound_object_ref->name);
    if (!pod || pod->meta().uid != token->spec.bound_object_ref->uid) return refuse(request, "node requested token bound to a pod that does not exist");
    if (pod->as<Pod>().spec.node_name != node) return refuse(request, "node requested token bound to a pod scheduled on a different node");
    return {};
  }

  // The status of its own Containers, and nothing of their metadata.
  static Status admit_container(const AdmissionRequest& request, std::string_view node) {
    const auto* container = request.object ? request.object->try_as<api::dockerv1::Container>() : nullptr;
    const auto* old = request.old_object ? request.old_object->try_as<api::dockerv1::Container>() : nullptr;
    if (request.subresource != "status" || !container || !old) return refuse(request, "a node can only write the status of Containers");
    if (old->spec.node_name != node)
      return refuse(request, fmt::format("node \"{}\" can only update the status of Containers with spec.nodeName set to itself", node));
    const auto &meta = container->metadata, &before = old->metadata;
    if (meta.labels != before.labels || meta.annotations != before.annotations || meta.finalizers != before.finalizers ||
        meta.owner_references != before.owner_references)
      return refuse(request, fmt::format("node \"{}\" cannot update metadata through the status", node));
    return {};
  }

  static Status admit_lease(const AdmissionRequest& request, std::string_view node) {
    if (request.namespace_ != "kube-node-lease") return refuse(request, "can only access leases in the \"kube-node-lease\" system namespace");
    std::string_view name = request.name;
    if (request.operation == Operation::kCreate && request.object) name = request.object->meta().name;
    if (name != node) return refuse(request, "can only access node lease with the same name as the requesting node");
    return {};
  }
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_node_restriction() { return std::make_unique<NodeRestriction>(); }

}  // namespace reigen::apiserver
