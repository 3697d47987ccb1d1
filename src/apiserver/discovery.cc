#include "apiserver/discovery.h"

#include <openssl/sha.h>

#include "api/scalars.h"
#include "api/value.h"

namespace reigen::apiserver {
namespace {

using api::Value;

struct VerbName {
  api::Verb verb;
  std::string_view name;
};
constexpr VerbName kVerbs[] = {{api::kCreate, "create"}, {api::kDelete, "delete"}, {api::kDeleteCollection, "deletecollection"},
                               {api::kGet, "get"},       {api::kList, "list"},     {api::kPatch, "patch"},
                               {api::kUpdate, "update"}, {api::kWatch, "watch"}};

Value verbs_of(const api::ResourceInfo& info) {
  Value verbs = Value::array();
  for (const VerbName& verb : kVerbs)
    if (info.has(verb.verb)) verbs.push_back(verb.name);
  return verbs;
}

Value strings_of(std::span<const std::string_view> texts) {
  Value list = Value::array();
  for (std::string_view text : texts) list.push_back(text);
  return list;
}

// The first 8 bytes of the SHA-256 of "group/version/kind" of the stored version.
std::string storage_version_hash(const api::KindInfo& kind) {
  std::string text = std::string(kind.group) + "/" + std::string(kind.version) + "/" + std::string(kind.kind);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return api::base64_encode(std::string_view(reinterpret_cast<const char*>(digest), 8));
}

// In-place resize is behind a feature gate that is off in v1.32: served, not announced.
bool announced(const api::ResourceInfo& info) { return info.subresource != "resize"; }

bool has_storage_hash(const Resource& resource) {
  return !resource.virtual_ && resource.group() != "apiextensions.k8s.io" && resource.group() != "apiregistration.k8s.io";
}

Value resource_document(const Registry& registry, const api::ResourceInfo& info) {
  Value out = Value::object();
  bool sub = !info.subresource.empty();
  out.set("name", sub ? std::string(info.plural) + "/" + std::string(info.subresource) : std::string(info.plural));
  out.set("singularName", sub ? std::string_view() : info.singular);
  out.set("namespaced", info.namespaced);
  if (info.kind->group != info.group || info.kind->version != info.version) {
    if (!info.kind->group.empty()) out.set("group", info.kind->group);
    out.set("version", info.kind->version);
  }
  out.set("kind", info.kind->kind);
  out.set("verbs", verbs_of(info));
  if (!info.short_names.empty()) out.set("shortNames", strings_of(info.short_names));
  if (!info.categories.empty()) out.set("categories", strings_of(info.categories));
  const Resource* resource = sub ? nullptr : registry.find(info.group, info.version, info.plural);
  if (resource && has_storage_hash(*resource)) out.set("storageVersionHash", storage_version_hash(*resource->stored));
  return out;
}

std::string group_version_text(const GroupVersion& gv) {
  return gv.group.empty() ? std::string(gv.version) : std::string(gv.group) + "/" + std::string(gv.version);
}

Value resource_list(const Registry& registry, const GroupVersion& gv) {
  Value out = Value::object({{"kind", "APIResourceList"}});
  if (!gv.group.empty()) out.set("apiVersion", "v1");
  out.set("groupVersion", group_version_text(gv));
  Value resources = Value::array();
  for (const api::ResourceInfo* info : gv.resources)
    if (announced(*info)) resources.push_back(resource_document(registry, *info));
  out.set("resources", std::move(resources));
  return out;
}

Value group_document(const Registry& registry, std::string_view group) {
  Value versions = Value::array();
  for (const GroupVersion& gv : registry.group_versions())
    if (gv.group == group) versions.push_back(Value::object({{"groupVersion", group_version_text(gv)}, {"version", gv.version}}));
  Value preferred = versions.items().front();
  return Value::object({{"name", group}, {"versions", std::move(versions)}, {"preferredVersion", std::move(preferred)}});
}

Value kind_reference(const api::KindInfo& kind) { return Value::object({{"group", kind.group}, {"version", kind.version}, {"kind", kind.kind}}); }

Value aggregated_resource(const Resource& resource) {
  const api::ResourceInfo& info = *resource.info;
  Value out = Value::object({{"resource", info.plural},
                             {"responseKind", kind_reference(*info.kind)},
                             {"scope", info.namespaced ? "Namespaced" : "Cluster"},
                             {"singularResource", info.singular},
                             {"verbs", verbs_of(info)}});
  if (!info.short_names.empty()) out.set("shortNames", strings_of(info.short_names));
  if (!info.categories.empty()) out.set("categories", strings_of(info.categories));
  Value subresources = Value::array();
  for (const api::ResourceInfo* sub : resource.subresources)
    if (announced(*sub))
      subresources.push_back(Value::object({{"subresource", sub->subresource}, {"responseKind", kind_reference(*sub->kind)}, {"verbs", verbs_of(*sub)}}));
  if (subresources.size() > 0) out.set("subresources", std::move(subresources));
  return out;
}

Value aggregated_version(const Registry& registry, const GroupVersion& gv) {
  Value resources = Value::array();
  for (const api::ResourceInfo* info : gv.resources) {
    const Resource* resource = info->subresource.empty() ? registry.find(info->group, info->version, info->plural) : nullptr;
    if (resource) resources.push_back(aggregated_resource(*resource));
  }
  return Value::object({{"version", gv.version}, {"resources", std::move(resources)}, {"freshness", "Current"}});
}

Discovery::Document document(const Value& value) { return std::make_shared<const std::string>(api::to_json(value) + "\n"); }

}  // namespace

Discovery::Discovery(const Registry& registry) {
  Value addresses = Value::array({Value::object({{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", ""}})});
  documents_["/api"] =
      document(Value::object({{"kind", "APIVersions"}, {"versions", Value::array({"v1"})}, {"serverAddressByClientCIDRs", std::move(addresses)}}));
  Value groups = Value::array();
  std::string_view last;
  for (const GroupVersion& gv : registry.group_versions()) {
    std::string path = (gv.group.empty() ? "/api/" : "/apis/") + group_version_text(gv);
    documents_[path] = document(resource_list(registry, gv));
    if (gv.group.empty() || gv.group == last) continue;
    last = gv.group;
    Value group = group_document(registry, gv.group);
    groups.push_back(group);
    Value alone = Value::object({{"kind", "APIGroup"}, {"apiVersion", "v1"}});
    for (auto& member : group.members()) alone.set(member.key(), member.value);
    documents_["/apis/" + std::string(gv.group)] = document(alone);
  }
  documents_["/apis"] = document(Value::object({{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}}));
  add_aggregated(registry, true);
  add_aggregated(registry, false);
}

void Discovery::add_aggregated(const Registry& registry, bool core) {
  Value items = Value::array();
  std::string_view last = "\n";
  for (const GroupVersion& gv : registry.group_versions()) {
    if (gv.group.empty() != core) continue;
    if (gv.group != last) {
      Value metadata = core ? Value::object() : Value::object({{"name", gv.group}});
      metadata.set("creationTimestamp", nullptr);
      items.push_back(Value::object({{"metadata", std::move(metadata)}, {"versions", Value::array()}}));
      last = gv.group;
    }
    items.items().back()["versions"].push_back(aggregated_version(registry, gv));
  }
  for (std::string_view version : {"v2", "v2beta1"}) {
    Value list = Value::object(
        {{"kind", "APIGroupDiscoveryList"}, {"apiVersion", "apidiscovery.k8s.io/" + std::string(version)}, {"metadata", Value::object()}, {"items", items}});
    documents_[(core ? "/api;" : "/apis;") + std::string(version)] = document(list);
  }
}

Discovery::Document Discovery::find(std::string_view path, Shape shape) const {
  auto found = documents_.end();
  if (shape == Shape::kDiscoveryV2 || shape == Shape::kDiscoveryV2Beta1) {
    std::string key = std::string(path) + (shape == Shape::kDiscoveryV2 ? ";v2" : ";v2beta1");
    found = documents_.find(key);
  }
  if (found == documents_.end()) found = documents_.find(path);
  return found == documents_.end() ? nullptr : found->second;
}

}  // namespace reigen::apiserver
