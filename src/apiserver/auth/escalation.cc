#include "apiserver/auth/escalation.h"

#include <map>
#include <set>

#include "api/errors.h"
#include "api/field_error.h"
#include "api/metav1.h"
#include "api/rbacv1.h"
#include "apiserver/auth/rbac_authorizer.h"
#include "apiserver/authorizer.h"
#include "apiserver/strategy.h"
#include "apiserver/user.h"

namespace reigen::apiserver {
namespace {

using api::rbacv1::PolicyRule;

constexpr std::string_view kGroup = "rbac.authorization.k8s.io";

// Go's %q of a []string.
std::string quoted(const std::vector<std::string>& values) {
  std::string out = "[";
  for (size_t i = 0; i < values.size(); ++i) (out += i ? " " : "") += api::BadValue(values[i]).text();
  return out + "]";
}

std::string shown(const PolicyRule& rule) {
  std::string out;
  auto add = [&](const char* name, const std::vector<std::string>& values) {
    if (!values.empty()) out += (out.empty() ? "" : ", ") + std::string(name) + ":" + quoted(values);
  };
  add("APIGroups", rule.api_groups);
  add("Resources", rule.resources);
  add("NonResourceURLs", rule.non_resource_urls);
  add("ResourceNames", rule.resource_names);
  add("Verbs", rule.verbs);
  return "{" + out + "}";
}

// One permission a rule.
std::vector<PolicyRule> singles(const PolicyRule& rule) {
  std::vector<PolicyRule> out;
  auto add = [&](const std::string& group, const std::string& resource, const std::string& verb) {
    PolicyRule single;
    single.api_groups = {group};
    single.resources = {resource};
    single.verbs = {verb};
    if (rule.resource_names.empty()) out.push_back(single);
    for (const std::string& name : rule.resource_names) {
      single.resource_names = {name};
      out.push_back(single);
    }
  };
  for (const std::string& group : rule.api_groups)
    for (const std::string& resource : rule.resources)
      for (const std::string& verb : rule.verbs) add(group, resource, verb);
  for (const std::string& url : rule.non_resource_urls) {
    for (const std::string& verb : rule.verbs) {
      PolicyRule& single = out.emplace_back();
      single.non_resource_urls = {url};
      single.verbs = {verb};
    }
  }
  return out;
}

bool is_master(const StrategyContext& context) { return context.user && context.user->in_group(kGroupMasters); }

bool allowed(const StrategyContext& context, std::string_view verb, std::string_view resource, std::string_view name) {
  if (!context.authorizer) return true;
  AccessRequest access;
  access.user = context.user;
  access.verb = verb;
  access.resource_request = true;
  access.namespace_ = context.namespace_;
  access.group = kGroup;
  access.version = "*";
  access.resource = resource;
  access.name = name;
  return context.authorizer->authorize(access).decision == Decision::kAllow;
}

Status confirm(const StrategyContext& context, const std::vector<PolicyRule>& rules) {
  if (!context.rbac || !context.user) return {};
  std::vector<PolicyRule> kept;
  std::string errors;
  context.rbac->visit_rules(
      *context.user, context.namespace_,
      [&](const PolicyRule& rule, const std::string&) {
        kept.push_back(rule);
        return true;
      },
      &errors);
  std::vector<const PolicyRule*> owned;
  for (const PolicyRule& rule : kept) owned.push_back(&rule);
  std::vector<std::string> missing = missing_rules(owned, rules);
  if (missing.empty()) return {};
  std::string text = "user " + api::BadValue(context.user->name).text() + " (groups=" + quoted(context.user->groups) +
                     ") is attempting to grant RBAC permissions not currently held:\n";
  for (size_t i = 0; i < missing.size(); ++i) text += (i ? "\n" : "") + missing[i];
  if (!errors.empty()) text += "; resolution errors: [" + errors + "]";
  return fail(Code::kPermissionDenied, std::move(text));
}

}  // namespace

std::vector<std::string> missing_rules(const std::vector<const PolicyRule*>& owned, const std::vector<PolicyRule>& wanted) {
  std::map<std::vector<std::string>, PolicyRule> by_resource;
  std::set<std::string> texts;
  for (const PolicyRule& rule : wanted) {
    for (PolicyRule& single : singles(rule)) {
      if (rules_cover(owned, single)) continue;
      if (!single.non_resource_urls.empty()) {
        texts.insert(shown(single));
        continue;
      }
      std::vector<std::string> key{single.api_groups[0], single.resources[0]};
      if (!single.resource_names.empty()) key.push_back(single.resource_names[0]);
      auto [it, fresh] = by_resource.emplace(key, single);
      if (!fresh) it->second.verbs.push_back(single.verbs[0]);
    }
  }
  for (const auto& [key, rule] : by_resource) texts.insert(shown(rule));
  return {texts.begin(), texts.end()};
}

Status may_grant_rules(const StrategyContext& context, std::string_view resource, std::string_view name, const std::vector<PolicyRule>& rules,
                       bool aggregates) {
  if (is_master(context) || allowed(context, "escalate", resource, name)) return {};
  TRY(confirm(context, rules));
  if (!aggregates) return {};
  PolicyRule resources, urls;
  resources.verbs = resources.api_groups = resources.resources = {"*"};
  urls.verbs = urls.non_resource_urls = {"*"};
  if (!confirm(context, {resources, urls})) return fail(Code::kPermissionDenied, "must have cluster-admin privileges to use the aggregationRule");
  return {};
}

Status may_bind(const StrategyContext& context, const api::rbacv1::RoleRef& role) {
  if (is_master(context) || !context.rbac) return {};
  bool known = role.kind == "Role" || role.kind == "ClusterRole";
  if (known && allowed(context, "bind", role.kind == "Role" ? "roles" : "clusterroles", role.name)) return {};
  auto rules = context.rbac->role_rules(role.kind, context.namespace_, role.name);
  if (!rules) return fail(api::not_found({kGroup, role.kind == "Role" ? "roles" : "clusterroles"}, role.name));
  return confirm(context, *rules);
}

}  // namespace reigen::apiserver
