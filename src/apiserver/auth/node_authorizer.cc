#include "apiserver/auth/node_authorizer.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "api/corev1.h"
#include "api/docker_names.h"
#include "api/dockerv1.h"
#include "api/object.h"

namespace reigen::apiserver {
namespace {

using api::corev1::Pod;

constexpr std::string_view kPrefix = "system:node:";

struct StaticRule {
  std::string_view group, resource, subresource;
  std::initializer_list<std::string_view> verbs;
};

// What every node may do whatever its pods (Kubernetes' NodeRules without those checked by relation or selector).
const StaticRule kRules[] = {
    {"authentication.k8s.io", "tokenreviews", "", {"create"}},
    {"authorization.k8s.io", "subjectaccessreviews", "", {"create"}},
    {"authorization.k8s.io", "localsubjectaccessreviews", "", {"create"}},
    {"", "services", "", {"get", "list", "watch"}},
    {"", "nodes", "", {"create"}},
    {"", "nodes", "status", {"update", "patch"}},
    {"", "nodes", "", {"update", "patch"}},
    {"", "events", "", {"create", "update", "patch"}},
    {"", "pods", "", {"create", "delete"}},
    {"", "pods", "status", {"update", "patch"}},
    {"", "pods", "eviction", {"create"}},
    {"certificates.k8s.io", "certificatesigningrequests", "", {"create", "get", "list", "watch"}},
    {"node.k8s.io", "runtimeclasses", "", {"get", "list", "watch"}},
    {"storage.k8s.io", "volumeattachments", "", {"get"}},
    {"docker.reigen.dev", "networks", "", {"get", "list", "watch"}},
    {"docker.reigen.dev", "volumes", "", {"get", "list", "watch"}},
};

bool is_one_of(std::string_view value, std::initializer_list<std::string_view> list) { return std::find(list.begin(), list.end(), value) != list.end(); }

bool uses_volume(const api::corev1::Volume& volume, std::string_view resource, std::string_view name) {
  if (resource == "secrets" && volume.secret && volume.secret->secret_name == name) return true;
  if (resource == "configmaps" && volume.config_map && volume.config_map->name == name) return true;
  if (resource == "persistentvolumeclaims" && volume.persistent_volume_claim && volume.persistent_volume_claim->claim_name == name) return true;
  if (!volume.projected) return false;
  return std::any_of(volume.projected->sources.begin(), volume.projected->sources.end(), [&](const auto& source) {
    return (resource == "secrets" && source.secret && source.secret->name == name) ||
           (resource == "configmaps" && source.config_map && source.config_map->name == name);
  });
}

template <class Container>
bool uses_environment(const Container& container, std::string_view resource, std::string_view name) {
  for (const auto& from : container.env_from) {
    if (resource == "secrets" && from.secret_ref && from.secret_ref->name == name) return true;
    if (resource == "configmaps" && from.config_map_ref && from.config_map_ref->name == name) return true;
  }
  for (const auto& env : container.env) {
    if (!env.value_from) continue;
    if (resource == "secrets" && env.value_from->secret_key_ref && env.value_from->secret_key_ref->name == name) return true;
    if (resource == "configmaps" && env.value_from->config_map_key_ref && env.value_from->config_map_key_ref->name == name) return true;
  }
  return false;
}

bool pod_uses(const Pod& pod, std::string_view resource, std::string_view name) {
  const auto& spec = pod.spec;
  if (resource == "serviceaccounts") return spec.service_account_name == name;
  auto by_container = [&](const auto& container) { return uses_environment(container, resource, name); };
  if (resource == "secrets" && std::any_of(spec.image_pull_secrets.begin(), spec.image_pull_secrets.end(), [&](const auto& ref) { return ref.name == name; }))
    return true;
  return std::any_of(spec.volumes.begin(), spec.volumes.end(), [&](const auto& volume) { return uses_volume(volume, resource, name); }) ||
         std::any_of(spec.containers.begin(), spec.containers.end(), by_container) ||
         std::any_of(spec.init_containers.begin(), spec.init_containers.end(), by_container) ||
         std::any_of(spec.ephemeral_containers.begin(), spec.ephemeral_containers.end(), by_container);
}

// The name a list or watch is limited to by "metadata.name=x", or the request's own name.
std::string_view single_name(const AccessRequest& request) {
  if (!request.name.empty()) return request.name;
  constexpr std::string_view kField = "metadata.name=";
  if (request.field_selector.starts_with(kField)) return request.field_selector.substr(kField.size());
  return {};
}

Verdict allow() { return {.decision = Decision::kAllow, .reason = {}, .error = {}}; }

Verdict no_opinion(std::string reason) { return {.decision = Decision::kNoOpinion, .reason = std::move(reason), .error = {}}; }

}  // namespace

std::string_view node_name_of(const User& user) {
  if (!user.name.starts_with(kPrefix) || !user.in_group(kGroupNodes)) return {};
  return std::string_view(user.name).substr(kPrefix.size());
}

bool NodeAuthorizer::related(std::string_view node, const AccessRequest& request) const {
  bool found = false;
  auto name = single_name(request);
  reader_.for_each("", "pods", request.namespace_, [&](const api::Object& object) {
    const auto& pod = object.as<Pod>();
    found = pod.spec.node_name == node && pod_uses(pod, request.resource, name);
    return !found;
  });
  return found;
}

Verdict NodeAuthorizer::authorize_related(const AccessRequest& request, std::string_view node, std::string_view kind) {
  if (single_name(request).empty()) return no_opinion(fmt::format("No Object name found", kind));
  if (!related(node, request)) return no_opinion(fmt::format("no relationship found between node '{}' and this object", node));
  return allow();
}

// Its own Containers to read, and their status to write.
Verdict NodeAuthorizer::authorize_container(const AccessRequest& request, std::string_view node) {
  if (request.subresource.empty() && is_one_of(request.verb, {"list", "watch"})) {
    return request.field_selector == fmt::format("spec.nodeName={}", node) ? allow()
                                                                           : no_opinion("can only list/watch Containers with spec.nodeName field selector");
  }
  bool reads = request.subresource.empty() && request.verb == "get";
  bool writes = request.subresource == "status" && is_one_of(request.verb, {"update", "patch"});
  if (!reads && !writes) return no_opinion("can only read Containers and write their status");
  auto found = reader_.get(api::kDockerGroup, "containers", "", request.name);
  // A missing one is told by the verb itself.
  if (!found || found->as<api::dockerv1::Container>().spec.node_name == node) return allow();
  return no_opinion(fmt::format("no relationship found between node '{}' and this object", node));
}

Verdict NodeAuthorizer::authorize(const AccessRequest& request) {
  auto node = node_name_of(*request.user);
  if (node.empty() || !request.resource_request) return {};
  bool reads = is_one_of(request.verb, {"get", "list", "watch"});
  if (request.group.empty()) {
    if (is_one_of(request.resource, {"secrets", "configmaps", "persistentvolumeclaims"})) {
      if (!reads || !request.subresource.empty()) return no_opinion("can only read resources of this type");
      return authorize_related(request, node, request.resource);
    }
    if (request.resource == "serviceaccounts") {
      if (request.subresource == "token" && request.verb == "create") return authorize_related(request, node, "serviceaccount");
      if (request.verb == "get" && request.subresource.empty()) return authorize_related(request, node, "serviceaccount");
      return no_opinion("can only get or create tokens for service accounts of its pods");
    }
    if (request.resource == "nodes" && reads && request.subresource.empty()) {
      return single_name(request) == node ? allow() : no_opinion(fmt::format("node '{}' cannot read all nodes, only its own Node object", node));
    }
    if (request.resource == "pods" && reads && request.subresource.empty()) {
      if (request.verb == "get" || request.field_selector == fmt::format("spec.nodeName={}", node)) return allow();
      return no_opinion(fmt::format("can only list/watch pods with spec.nodeName field selector"));
    }
  }
  if (request.group == "coordination.k8s.io" && request.resource == "leases") {
    bool own = request.namespace_ == "kube-node-lease" && (request.name == node || request.verb == "create");
    return own && is_one_of(request.verb, {"get", "create", "update", "patch", "delete"})
               ? allow()
               : no_opinion("can only access node lease with the same name as the requesting node");
  }
  if (request.group == api::kDockerGroup && request.resource == "containers") return authorize_container(request, node);
  for (const auto& rule : kRules) {
    if (rule.group == request.group && rule.resource == request.resource && rule.subresource == request.subresource && is_one_of(request.verb, rule.verbs))
      return allow();
  }
  return {};
}

}  // namespace reigen::apiserver
