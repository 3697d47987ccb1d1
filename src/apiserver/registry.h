// Registry: every resource the server serves, with its place in the store and its strategy.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/errors.h"
#include "api/kind_info.h"

namespace reigen::apiserver {

class Strategy;

// A main resource of one served group version. Lives as long as the registry.
struct Resource {
  const api::ResourceInfo* info = nullptr;
  const api::KindInfo* kind = nullptr;    // served
  const api::KindInfo* stored = nullptr;  // in the store, and what strategies and admission see
  const Strategy* strategy = nullptr;
  std::string key_prefix;    // "/registry/pods/"
  bool virtual_ = false;     // not stored: bindings, reviews, componentstatuses
  std::string_view warning;  // of creations and updates while no controller acts on the kind; ""
  std::string_view refusal;  // why creations are refused for now; ""
  std::vector<const api::ResourceInfo*> subresources;

  std::string_view group() const { return info->group; }
  std::string_view plural() const { return info->plural; }
  api::GroupName name() const { return {info->group, info->plural}; }
  // As errors name it: the internal kind, which both groups of events share.
  api::GroupName kind_name() const { return {stored->group, stored->kind}; }
  std::string key(std::string_view namespace_, std::string_view name) const;
  std::string list_prefix(std::string_view namespace_) const;
  const api::ResourceInfo* subresource(std::string_view name) const;
};

struct GroupVersion {
  std::string_view group, version;
  std::vector<const api::ResourceInfo*> resources;  // with subresources, in the order of discovery
};

class Registry {
 public:
  Registry();

  const Resource* find(std::string_view group, std::string_view version, std::string_view plural) const;
  // By any served version.
  const Resource* find_any(std::string_view group, std::string_view plural) const;
  // The resource an object of the kind belongs to; nullptr for kinds that are no resource.
  const Resource* of_kind(const api::KindInfo& kind) const;
  bool has_group_version(std::string_view group, std::string_view version) const;
  // In the order of discovery: by kube-apiserver's group priorities, the preferred version of a group first.
  const std::vector<GroupVersion>& group_versions() const { return group_versions_; }
  const std::vector<std::unique_ptr<Resource>>& resources() const { return resources_; }

 private:
  void add(const api::ResourceInfo& info);
  std::vector<std::unique_ptr<Resource>> resources_;
  std::unordered_map<std::string_view, std::vector<Resource*>> by_plural_;
  std::vector<GroupVersion> group_versions_;
};

}  // namespace reigen::apiserver
