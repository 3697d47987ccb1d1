// RBAC: roles and bindings decide (Kubernetes' rbac.authorization.k8s.io/v1).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "apiserver/authorizer.h"
#include "apiserver/object_reader.h"

namespace reigen::api::rbacv1 {
struct PolicyRule;
struct Subject;
}  // namespace reigen::api::rbacv1

namespace reigen::apiserver {

// Does the rule cover the request? Shared with the escalation check.
bool rule_allows(const api::rbacv1::PolicyRule& rule, const AccessRequest& request);
// Is everything `wanted` allows also allowed by the rules of `owned` together?
bool rules_cover(const std::vector<const api::rbacv1::PolicyRule*>& owned, const api::rbacv1::PolicyRule& wanted);

// Thread-safe. Keeps an index by subject, made anew when a role or binding has changed.
class RbacAuthorizer final : public Authorizer {
 public:
  explicit RbacAuthorizer(ObjectReader& reader) : reader_(reader) {}

  Verdict authorize(const AccessRequest& request) override;
  void add_rules(const User& user, std::string_view namespace_, RuleList& rules) override;

  // Calls fn for each rule that applies to the user in the namespace ("" only cluster-wide ones) until it returns false; `why` names the
  // binding. Errors (a binding whose role is missing) are gathered in `errors`.
  using RuleVisitor = std::function<bool(const api::rbacv1::PolicyRule& rule, const std::string& why)>;
  void visit_rules(const User& user, std::string_view namespace_, const RuleVisitor& fn, std::string* errors);

  // The rules of the role a binding names; kNotFound with Kubernetes' text.
  Result<std::vector<api::rbacv1::PolicyRule>> role_rules(std::string_view kind, std::string_view namespace_, std::string_view name);

 private:
  struct Index;
  std::shared_ptr<const Index> index();

  ObjectReader& reader_;
  std::mutex mutex_;
  std::shared_ptr<const Index> index_;
};

}  // namespace reigen::apiserver
