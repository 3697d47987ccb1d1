#include "apiserver/registry.h"

#include <algorithm>

#include "apiserver/strategy/strategies.h"

namespace reigen::apiserver {
namespace {

struct StoragePlace {
  std::string_view group, plural, prefix;
};
// Where kube-apiserver's keys differ from "/registry/<plural>/".
constexpr StoragePlace kPlaces[] = {
    {"", "nodes", "minions"},
    {"", "services", "services/specs"},
    {"", "endpoints", "services/endpoints"},
    {"", "replicationcontrollers", "controllers"},
    {"networking.k8s.io", "ingresses", "ingress"},
    {"apiextensions.k8s.io", "customresourcedefinitions", "apiextensions.k8s.io/customresourcedefinitions"},
    {"apiregistration.k8s.io", "apiservices", "apiregistration.k8s.io/apiservices"},
    {"docker.reigen.dev", "containers", "docker.reigen.dev/containers"},
    {"docker.reigen.dev", "nameclaims", "docker.reigen.dev/nameclaims"},
    {"docker.reigen.dev", "networks", "docker.reigen.dev/networks"},
    {"docker.reigen.dev", "volumes", "docker.reigen.dev/volumes"},
};

struct StoredAs {
  std::string_view group, version, kind, stored_group, stored_version;
};
// Served versions that are not the stored one.
constexpr StoredAs kStoredAs[] = {
    {"events.k8s.io", "v1", "Event", "", "v1"},
    {"autoscaling", "v1", "HorizontalPodAutoscaler", "autoscaling", "v2"},
};

struct Note {
  std::string_view group, plural, text;
};
// Kinds no controller acts on yet. A line leaves with the controller's arrival.
constexpr Note kNotActing[] = {
    {"apps", "daemonsets", "DaemonSet: stored, but no controller acts on it yet: no pods will be made"},
    {"apps", "statefulsets", "StatefulSet: stored, but no controller acts on it yet: no pods will be made"},
    {"batch", "jobs", "Job: stored, but no controller acts on it yet: no pods will be made"},
    {"batch", "cronjobs", "CronJob: stored, but no controller acts on it yet: no jobs will be made"},
    {"autoscaling", "horizontalpodautoscalers", "HorizontalPodAutoscaler: stored, but no controller acts on it yet: nothing will be scaled"},
    {"networking.k8s.io", "ingresses", "Ingress: stored, but no controller acts on it yet: no traffic will be routed"},
    {"networking.k8s.io", "networkpolicies", "NetworkPolicy: stored, but not enforced yet: traffic is not restricted"},
    {"", "resourcequotas", "ResourceQuota: stored, but not enforced yet"},
    {"", "limitranges", "LimitRange: stored, but not enforced yet"},
    {"", "persistentvolumeclaims", "PersistentVolumeClaim: stored, but no controller acts on it yet: it will not be bound"},
    {"certificates.k8s.io", "certificatesigningrequests", "CertificateSigningRequest: stored, but no controller signs it yet"},
    {"storage.k8s.io", "volumeattachments", "VolumeAttachment: stored, but no controller acts on it yet"},
};
// Objects that would only seem to protect or extend the cluster.
constexpr Note kRefused[] = {
    {"admissionregistration.k8s.io", "mutatingwebhookconfigurations", "admission webhooks are not supported yet: they would not be called"},
    {"admissionregistration.k8s.io", "validatingwebhookconfigurations", "admission webhooks are not supported yet: they would not be called"},
    {"admissionregistration.k8s.io", "validatingadmissionpolicies", "admission policies are not supported yet: they would not be enforced"},
    {"admissionregistration.k8s.io", "validatingadmissionpolicybindings", "admission policies are not supported yet: they would not be enforced"},
    {"apiregistration.k8s.io", "apiservices", "API aggregation is not supported yet: the API would not be served"},
    {"apiextensions.k8s.io", "customresourcedefinitions", "custom resources are not supported yet: the API would not be served"},
};

std::string_view note_of(std::span<const Note> notes, const api::ResourceInfo& info) {
  for (const Note& note : notes)
    if (note.group == info.group && note.plural == info.plural) return note.text;
  return {};
}

std::string storage_prefix(const api::ResourceInfo& info) {
  std::string_view group = info.group == "events.k8s.io" ? "" : info.group;
  for (const StoragePlace& place : kPlaces)
    if (place.group == group && place.plural == info.plural) return "/registry/" + std::string(place.prefix) + "/";
  return "/registry/" + std::string(info.plural) + "/";
}

const api::KindInfo* stored_kind(const api::KindInfo& served) {
  for (const StoredAs& line : kStoredAs)
    if (line.group == served.group && line.version == served.version && line.kind == served.kind)
      return api::find_kind(line.stored_group, line.stored_version, line.kind);
  return &served;
}

bool is_virtual(const api::ResourceInfo& info) {
  return info.plural == "bindings" || info.plural == "componentstatuses" || info.group == "authentication.k8s.io" || info.group == "authorization.k8s.io";
}

// The order of groups in /apis (kube-apiserver's aggregator priorities); others follow by name.
constexpr std::string_view kGroupOrder[] = {
    "",
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "docker.reigen.dev",
};

size_t rank_of(std::string_view group) { return static_cast<size_t>(std::ranges::find(kGroupOrder, group) - std::begin(kGroupOrder)); }

bool before(const GroupVersion& a, const GroupVersion& b) {
  if (rank_of(a.group) != rank_of(b.group)) return rank_of(a.group) < rank_of(b.group);
  if (a.group != b.group) return a.group < b.group;
  return a.version > b.version;
}

}  // namespace

std::string Resource::key(std::string_view namespace_, std::string_view name) const {
  std::string key;
  key.reserve(key_prefix.size() + namespace_.size() + name.size() + 1);
  key = key_prefix;
  if (info->namespaced) (key += namespace_) += '/';
  return key += name;
}

std::string Resource::list_prefix(std::string_view namespace_) const {
  return info->namespaced && !namespace_.empty() ? key_prefix + std::string(namespace_) + "/" : key_prefix;
}

const api::ResourceInfo* Resource::subresource(std::string_view name) const {
  for (const api::ResourceInfo* sub : subresources)
    if (sub->subresource == name) return sub;
  return nullptr;
}

Registry::Registry() {
  for (const api::ResourceInfo* info : api::all_resources()) add(*info);
  std::sort(group_versions_.begin(), group_versions_.end(), before);
}

void Registry::add(const api::ResourceInfo& info) {
  auto group_version = std::ranges::find_if(group_versions_, [&](const GroupVersion& gv) { return gv.group == info.group && gv.version == info.version; });
  if (group_version == group_versions_.end()) {
    group_versions_.push_back({info.group, info.version, {}});
    group_version = group_versions_.end() - 1;
  }
  group_version->resources.push_back(&info);
  if (!info.subresource.empty()) {
    // Discovery's order puts the main resource first.
    if (const Resource* main = find(info.group, info.version, info.plural)) const_cast<Resource*>(main)->subresources.push_back(&info);
    return;
  }
  auto resource = std::make_unique<Resource>();
  resource->info = &info;
  resource->kind = info.kind;
  resource->stored = stored_kind(*info.kind);
  resource->key_prefix = storage_prefix(info);
  resource->virtual_ = is_virtual(info);
  resource->strategy = &strategy_of(*resource->stored);
  resource->warning = note_of(kNotActing, info);
  resource->refusal = note_of(kRefused, info);
  by_plural_[info.plural].push_back(resource.get());
  resources_.push_back(std::move(resource));
}

const Resource* Registry::find(std::string_view group, std::string_view version, std::string_view plural) const {
  auto found = by_plural_.find(plural);
  if (found == by_plural_.end()) return nullptr;
  for (const Resource* resource : found->second)
    if (resource->info->group == group && resource->info->version == version) return resource;
  return nullptr;
}

const Resource* Registry::find_any(std::string_view group, std::string_view plural) const {
  auto found = by_plural_.find(plural);
  if (found == by_plural_.end()) return nullptr;
  const Resource* any = nullptr;
  for (const Resource* resource : found->second) {
    if (resource->info->group != group) continue;
    if (resource->kind == resource->stored) return resource;
    any = resource;
  }
  return any;
}

const Resource* Registry::of_kind(const api::KindInfo& kind) const {
  return kind.resource ? find(kind.resource->group, kind.resource->version, kind.resource->plural) : nullptr;
}

bool Registry::has_group_version(std::string_view group, std::string_view version) const {
  for (const GroupVersion& gv : group_versions_)
    if (gv.group == group && gv.version == version) return true;
  return false;
}

}  // namespace reigen::apiserver
