// Who may grant what: a user gives away only what he has, unless he may escalate roles or bind them. Rules of pkg/registry/rbac.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace reigen::api::rbacv1 {
struct PolicyRule;
struct RoleRef;
}  // namespace reigen::api::rbacv1

namespace reigen::apiserver {

struct StrategyContext;

// `resource`: "roles" or "clusterroles". ok, or kForbidden without a Status: the text that a 403 shows.
Status may_grant_rules(const StrategyContext& context, std::string_view resource, std::string_view name, const std::vector<api::rbacv1::PolicyRule>& rules,
                       bool aggregates);
Status may_bind(const StrategyContext& context, const api::rbacv1::RoleRef& role);

// The single permissions of `wanted` that `owned` lacks, put together by resource; as Kubernetes prints them, sorted.
std::vector<std::string> missing_rules(const std::vector<const api::rbacv1::PolicyRule*>& owned, const std::vector<api::rbacv1::PolicyRule>& wanted);

}  // namespace reigen::apiserver
