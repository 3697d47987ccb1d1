#include "apiserver/auth/rbac_authorizer.h"

#include <fmt/core.h>

#include <algorithm>

#include "api/object.h"
#include "api/rbacv1.h"

namespace reigen::apiserver {
namespace {

using api::rbacv1::PolicyRule;
using api::rbacv1::Subject;

constexpr std::string_view kGroup = "rbac.authorization.k8s.io";

bool has(const std::vector<std::string>& list, std::string_view wanted) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& item) { return item == wanted || item == "*"; });
}

bool resource_matches(const PolicyRule& rule, std::string_view resource, std::string_view subresource) {
  for (const auto& item : rule.resources) {
    if (item == "*") return true;
    if (subresource.empty()) {
      if (item == resource) return true;
      continue;
    }
    std::string_view view = item;
    auto slash = view.find('/');
    if (slash == std::string_view::npos || view.substr(slash + 1) != subresource) continue;
    auto left = view.substr(0, slash);
    if (left == "*" || left == resource) return true;
  }
  return false;
}

bool url_matches(const std::vector<std::string>& urls, std::string_view path) {
  for (std::string_view url : urls) {
    if (url == "*" || url == path) return true;
    if (url.ends_with('*') && path.starts_with(url.substr(0, url.size() - 1))) return true;
  }
  return false;
}

// The key under which a subject's bindings stand in the index.
std::string subject_key(const Subject& subject, std::string_view binding_namespace) {
  if (subject.kind == "ServiceAccount") {
    std::string_view ns = subject.namespace_.empty() ? binding_namespace : std::string_view(subject.namespace_);
    return fmt::format("usystem:serviceaccount:{}:{}", ns, subject.name);
  }
  return (subject.kind == "Group" ? "g" : "u") + subject.name;
}

// Every single permission of `wanted` must be one of `owned`'s.
bool single_covered(const std::vector<const PolicyRule*>& owned, const AccessRequest& single) {
  return std::any_of(owned.begin(), owned.end(), [&](const PolicyRule* rule) { return rule_allows(*rule, single); });
}

}  // namespace

bool rule_allows(const PolicyRule& rule, const AccessRequest& request) {
  if (!has(rule.verbs, request.verb)) return false;
  if (!request.resource_request) return url_matches(rule.non_resource_urls, request.path);
  if (!has(rule.api_groups, request.group)) return false;
  if (!resource_matches(rule, request.resource, request.subresource)) return false;
  if (rule.resource_names.empty()) return true;
  return std::find(rule.resource_names.begin(), rule.resource_names.end(), request.name) != rule.resource_names.end();
}

bool rules_cover(const std::vector<const PolicyRule*>& owned, const PolicyRule& wanted) {
  for (const auto& verb : wanted.verbs) {
    for (const auto& url : wanted.non_resource_urls) {
      AccessRequest single;
      single.verb = verb;
      single.path = url;
      if (!single_covered(owned, single)) return false;
    }
    for (const auto& group : wanted.api_groups) {
      for (const auto& resource : wanted.resources) {
        AccessRequest single;
        single.verb = verb;
        single.resource_request = true;
        single.group = group;
        auto slash = resource.find('/');
        single.resource = std::string_view(resource).substr(0, slash);
        if (slash != std::string::npos) single.subresource = std::string_view(resource).substr(slash + 1);
        if (wanted.resource_names.empty() && !single_covered(owned, single)) return false;
        for (const auto& name : wanted.resource_names) {
          single.name = name;
          if (!single_covered(owned, single)) return false;
        }
      }
    }
  }
  return true;
}

struct RbacAuthorizer::Index {
  struct Grant {
    std::string role_kind, role_name;
    std::string binding;     // for the reason: ClusterRoleBinding "x" or RoleBinding "x/ns"
    std::string namespace_;  // of a RoleBinding
    std::string subject;     // for the reason: User "x", Group "x", ServiceAccount "x/ns"
  };
  uint64_t changes[4] = {};
  std::map<std::string, std::vector<PolicyRule>, std::less<>> roles;  // "name" of a cluster role, "namespace/name" of a role
  // By namespace ("" for cluster bindings) and subject key.
  std::map<std::string, std::map<std::string, std::vector<Grant>, std::less<>>, std::less<>> grants;

  void add_binding(const api::rbacv1::RoleRef& ref, const std::vector<Subject>& subjects, const std::string& ns, const std::string& name) {
    for (const auto& subject : subjects) {
      Grant grant;
      grant.role_kind = ref.kind;
      grant.role_name = ref.name;
      grant.binding = ns.empty() ? fmt::format("ClusterRoleBinding \"{}\" of ClusterRole \"{}\"", name, ref.name)
                                 : fmt::format("RoleBinding \"{}/{}\" of {} \"{}\"", name, ns, ref.kind, ref.name);
      grant.namespace_ = ns;
      grant.subject = subject.kind == "ServiceAccount"
                          ? fmt::format("ServiceAccount \"{}/{}\"", subject.name, subject.namespace_.empty() ? ns : subject.namespace_)
                          : fmt::format("{} \"{}\"", subject.kind, subject.name);
      grants[ns][subject_key(subject, ns)].push_back(std::move(grant));
    }
  }

  const std::vector<PolicyRule>* rules_of(const Grant& grant) const {
    auto found = roles.find(grant.role_kind == "Role" ? grant.namespace_ + "/" + grant.role_name : grant.role_name);
    return found == roles.end() ? nullptr : &found->second;
  }

  // False when fn ended the visit.
  bool visit(std::string_view ns, const std::string& key, const RuleVisitor& fn, std::string* errors) const {
    auto in_namespace = grants.find(ns);
    if (in_namespace == grants.end()) return true;
    auto found = in_namespace->second.find(key);
    if (found == in_namespace->second.end()) return true;
    for (const auto& grant : found->second) {
      const auto* rules = rules_of(grant);
      if (!rules) {
        if (errors)
          *errors += fmt::format("{}{}.rbac.authorization.k8s.io \"{}\" not found", errors->empty() ? "" : ", ",
                                 grant.role_kind == "Role" ? "role" : "clusterrole", grant.role_name);
        continue;
      }
      for (const auto& rule : *rules) {
        if (!fn(rule, fmt::format("{} to {}", grant.binding, grant.subject))) return false;
      }
    }
    return true;
  }
};

std::shared_ptr<const RbacAuthorizer::Index> RbacAuthorizer::index() {
  static constexpr std::string_view kResources[] = {"clusterroles", "roles", "clusterrolebindings", "rolebindings"};
  uint64_t changes[4];
  for (int i = 0; i < 4; ++i) changes[i] = reader_.changes(kGroup, kResources[i]);
  std::lock_guard lock(mutex_);
  if (index_ && std::equal(changes, changes + 4, index_->changes)) return index_;
  auto fresh = std::make_shared<Index>();
  std::copy(changes, changes + 4, fresh->changes);
  reader_.for_each(kGroup, "clusterroles", "", [&](const api::Object& object) {
    fresh->roles[object.meta().name] = object.as<api::rbacv1::ClusterRole>().rules;
    return true;
  });
  reader_.for_each(kGroup, "roles", "", [&](const api::Object& object) {
    fresh->roles[object.meta().namespace_ + "/" + object.meta().name] = object.as<api::rbacv1::Role>().rules;
    return true;
  });
  reader_.for_each(kGroup, "clusterrolebindings", "", [&](const api::Object& object) {
    const auto& binding = object.as<api::rbacv1::ClusterRoleBinding>();
    fresh->add_binding(binding.role_ref, binding.subjects, "", binding.metadata.name);
    return true;
  });
  reader_.for_each(kGroup, "rolebindings", "", [&](const api::Object& object) {
    const auto& binding = object.as<api::rbacv1::RoleBinding>();
    fresh->add_binding(binding.role_ref, binding.subjects, binding.metadata.namespace_, binding.metadata.name);
    return true;
  });
  index_ = fresh;
  return fresh;
}

void RbacAuthorizer::visit_rules(const User& user, std::string_view namespace_, const RuleVisitor& fn, std::string* errors) {
  auto current = index();
  auto visit_namespace = [&](std::string_view ns) {
    if (!current->visit(ns, "u" + user.name, fn, errors)) return false;
    return std::all_of(user.groups.begin(), user.groups.end(), [&](const std::string& group) { return current->visit(ns, "g" + group, fn, errors); });
  };
  if (visit_namespace("") && !namespace_.empty()) visit_namespace(namespace_);
}

Verdict RbacAuthorizer::authorize(const AccessRequest& request) {
  Verdict verdict;
  std::string_view ns = request.resource_request ? request.namespace_ : std::string_view();
  visit_rules(
      *request.user, ns,
      [&](const PolicyRule& rule, const std::string& why) {
        if (!rule_allows(rule, request)) return true;
        verdict.decision = Decision::kAllow;
        verdict.reason = "RBAC: allowed by " + why;
        return false;
      },
      &verdict.error);
  if (verdict.decision == Decision::kAllow) verdict.error.clear();
  else if (!verdict.error.empty()) verdict.reason = "RBAC: " + verdict.error;
  return verdict;
}

void RbacAuthorizer::add_rules(const User& user, std::string_view namespace_, RuleList& rules) {
  visit_rules(
      user, namespace_,
      [&](const PolicyRule& rule, const std::string&) {
        if (!rule.resources.empty()) rules.resource_rules.push_back({rule.verbs, rule.api_groups, rule.resources, rule.resource_names});
        if (!rule.non_resource_urls.empty()) rules.non_resource_rules.push_back({rule.verbs, rule.non_resource_urls});
        return true;
      },
      &rules.error);
}

Result<std::vector<PolicyRule>> RbacAuthorizer::role_rules(std::string_view kind, std::string_view namespace_, std::string_view name) {
  auto current = index();
  auto found = current->roles.find(kind == "Role" ? fmt::format("{}/{}", namespace_, name) : std::string(name));
  if (found == current->roles.end()) {
    return fail(Code::kNotFound, fmt::format("{}.rbac.authorization.k8s.io \"{}\" not found", kind == "Role" ? "roles" : "clusterroles", name));
  }
  return found->second;
}

}  // namespace reigen::apiserver
