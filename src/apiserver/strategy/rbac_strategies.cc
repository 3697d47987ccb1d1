// Roles and bindings: rules of pkg/apis/rbac/validation and pkg/registry/rbac.

#include "api/errors.h"
#include "api/label_selector.h"
#include "api/metav1.h"
#include "api/object.h"
#include "api/rbacv1.h"
#include "apiserver/auth/escalation.h"
#include "apiserver/metadata.h"
#include "apiserver/strategy/core_strategies.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/validation/checks.h"

namespace reigen::apiserver {
namespace {

using api::BadValue;
using api::FieldError;
using api::FieldErrors;
using api::FieldPath;
using api::Object;
using namespace api::rbacv1;

constexpr std::string_view kGroup = "rbac.authorization.k8s.io";

void check_rule(FieldErrors& errors, const FieldPath& path, const PolicyRule& rule, bool namespaced) {
  if (rule.verbs.empty()) errors.push_back(FieldError::required(path.child("verbs"), "verbs must contain at least one value"));
  if (!rule.non_resource_urls.empty()) {
    FieldPath urls = path.child("nonResourceURLs");
    BadValue shown = go_strings(rule.non_resource_urls);
    if (namespaced) errors.push_back(FieldError::invalid(urls, shown, "namespaced rules cannot apply to non-resource URLs"));
    if (!rule.api_groups.empty() || !rule.resources.empty() || !rule.resource_names.empty())
      errors.push_back(FieldError::invalid(urls, shown, "rules cannot apply to both regular resources and non-resource URLs"));
    return;
  }
  if (rule.api_groups.empty()) errors.push_back(FieldError::required(path.child("apiGroups"), "resource rules must supply at least one api group"));
  if (rule.resources.empty()) errors.push_back(FieldError::required(path.child("resources"), "resource rules must supply at least one resource"));
}

void check_rules(FieldErrors& errors, const std::vector<PolicyRule>& rules, bool namespaced) {
  FieldPath path("rules");
  for (size_t i = 0; i < rules.size(); ++i) check_rule(errors, path.index(i), rules[i], namespaced);
}

void check_aggregation(FieldErrors& errors, const AggregationRule& rule) {
  FieldPath root("aggregationRule"), path = root.child("clusterRoleSelectors");
  if (rule.cluster_role_selectors.empty())
    errors.push_back(FieldError::required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil"));
  for (size_t i = 0; i < rule.cluster_role_selectors.size(); ++i) {
    auto found = api::validate_label_selector(path.index(i), rule.cluster_role_selectors[i]);
    bool fine = found.empty();
    api::append(errors, std::move(found));
    if (!fine) errors.push_back(FieldError::invalid(path.index(i), nullptr, "invalid label selector."));
  }
}

void check_subject(FieldErrors& errors, const FieldPath& path, const Subject& subject, bool namespaced) {
  FieldPath name = path.child("name"), group = path.child("apiGroup");
  if (subject.name.empty()) errors.push_back(FieldError::required(name));
  if (subject.kind == "ServiceAccount") {
    if (!subject.name.empty()) check_subdomain(errors, name, subject.name);
    if (!subject.api_group.empty()) errors.push_back(FieldError::not_supported(group, subject.api_group, {""}));
    if (!namespaced && subject.namespace_.empty()) errors.push_back(FieldError::required(path.child("namespace")));
  } else if (subject.kind == "User" || subject.kind == "Group") {
    check_known(errors, group, subject.api_group, {kGroup});
  } else {
    errors.push_back(FieldError::not_supported(path.child("kind"), subject.kind, {"ServiceAccount", "User", "Group"}));
  }
}

void check_binding(FieldErrors& errors, const RoleRef& role, const std::vector<Subject>& subjects, bool namespaced) {
  FieldPath ref("roleRef"), path("subjects");
  check_known(errors, ref.child("apiGroup"), role.api_group, {kGroup});
  if (role.kind != "ClusterRole" && (!namespaced || role.kind != "Role")) {
    if (namespaced) errors.push_back(FieldError::not_supported(ref.child("kind"), role.kind, {"Role", "ClusterRole"}));
    else errors.push_back(FieldError::not_supported(ref.child("kind"), role.kind, {"ClusterRole"}));
  }
  if (role.name.empty()) errors.push_back(FieldError::required(ref.child("name")));
  else api::add_invalid(errors, ref.child("name"), role.name, api::is_path_segment_name(role.name));
  for (size_t i = 0; i < subjects.size(); ++i) check_subject(errors, path.index(i), subjects[i], namespaced);
}

void check_same_role(FieldErrors& errors, const RoleRef& role, const RoleRef& old) {
  if (role == old) return;
  std::string shown =
      "rbac.RoleRef{APIGroup:" + BadValue(role.api_group).text() + ", Kind:" + BadValue(role.kind).text() + ", Name:" + BadValue(role.name).text() + "}";
  errors.push_back(FieldError::invalid(FieldPath("roleRef"), BadValue::raw(std::move(shown)), "cannot change roleRef"));
}

// Is the difference only what the garbage collector needs to delete the object?
bool only_collects(const Object& object, const Object& old) {
  const auto& now = object.meta();
  const auto& before = old.meta();
  return now.labels == before.labels && now.annotations == before.annotations &&
         (now.finalizers != before.finalizers || now.owner_references != before.owner_references);
}

Result<Rollback> answer(const Status& status, std::string_view resource, const Object& object) {
  if (status) return Rollback();
  if (api::find_status(status.error())) return fail(status.error());
  return fail(api::forbidden({kGroup, resource}, object.meta().name, status.error().message()));
}

class RbacStrategy : public Strategy {
 public:
  explicit RbacStrategy(bool namespaced) : namespaced_(namespaced) {}
  Result<Rollback> begin_create(StrategyContext& context, Object& object) const override {
    return answer(may_write(context, object, nullptr), resource(), object);
  }
  Result<Rollback> begin_update(StrategyContext& context, Object& object, const Object& old) const override {
    return answer(only_collects(object, old) && same_rights(object, old) ? Status() : may_write(context, object, &old), resource(), object);
  }
  void validate_update(StrategyContext& context, const Object& object, const Object&, FieldErrors& errors) const override {
    repeat_meta(*this, object, namespaced_, errors);
    validate(context, object, errors);
  }
  bool allow_create_on_update() const override { return true; }
  std::vector<std::string> check_name(std::string_view name, bool prefix) const override { return api::is_path_segment_name(name, prefix); }

 protected:
  virtual std::string_view resource() const = 0;
  virtual Status may_write(const StrategyContext& context, const Object& object, const Object* old) const = 0;
  virtual bool same_rights(const Object& object, const Object& old) const = 0;

 private:
  bool namespaced_;
};

class RoleStrategy final : public RbacStrategy {
 public:
  RoleStrategy() : RbacStrategy(true) {}
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override { check_rules(errors, object.as<Role>().rules, true); }

 protected:
  std::string_view resource() const override { return "roles"; }
  Status may_write(const StrategyContext& context, const Object& object, const Object* old) const override {
    return may_grant_rules(context, resource(), old ? std::string_view(object.meta().name) : "", object.as<Role>().rules, false);
  }
  bool same_rights(const Object& object, const Object& old) const override { return object.as<Role>().rules == old.as<Role>().rules; }
};

bool aggregates(const ClusterRole& role) { return role.aggregation_rule && !role.aggregation_rule->cluster_role_selectors.empty(); }

class ClusterRoleStrategy final : public RbacStrategy {
 public:
  ClusterRoleStrategy() : RbacStrategy(false) {}
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    const ClusterRole& role = object.as<ClusterRole>();
    check_rules(errors, role.rules, false);
    if (role.aggregation_rule) check_aggregation(errors, *role.aggregation_rule);
  }

 protected:
  std::string_view resource() const override { return "clusterroles"; }
  Status may_write(const StrategyContext& context, const Object& object, const Object* old) const override {
    const ClusterRole& role = object.as<ClusterRole>();
    bool gathers = aggregates(role) || (old && aggregates(old->as<ClusterRole>()));
    return may_grant_rules(context, resource(), old ? std::string_view(role.metadata.name) : "", role.rules, gathers);
  }
  bool same_rights(const Object& object, const Object& old) const override {
    return object.as<ClusterRole>().rules == old.as<ClusterRole>().rules && object.as<ClusterRole>().aggregation_rule == old.as<ClusterRole>().aggregation_rule;
  }
};

template <class T>
class BindingStrategy final : public RbacStrategy {
 public:
  static constexpr bool kNamespaced = std::is_same_v<T, RoleBinding>;
  BindingStrategy() : RbacStrategy(kNamespaced) {}
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    const T& binding = object.as<T>();
    check_binding(errors, binding.role_ref, binding.subjects, kNamespaced);
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    RbacStrategy::validate_update(context, object, old, errors);
    check_same_role(errors, object.as<T>().role_ref, old.as<T>().role_ref);
  }

 protected:
  std::string_view resource() const override { return kNamespaced ? "rolebindings" : "clusterrolebindings"; }
  Status may_write(const StrategyContext& context, const Object& object, const Object*) const override { return may_bind(context, object.as<T>().role_ref); }
  bool same_rights(const Object& object, const Object& old) const override {
    return object.as<T>().role_ref == old.as<T>().role_ref && object.as<T>().subjects == old.as<T>().subjects;
  }
};

}  // namespace

const Strategy& role_strategy() { return instance<RoleStrategy>(); }
const Strategy& cluster_role_strategy() { return instance<ClusterRoleStrategy>(); }
const Strategy& role_binding_strategy() { return instance<BindingStrategy<RoleBinding>>(); }
const Strategy& cluster_role_binding_strategy() { return instance<BindingStrategy<ClusterRoleBinding>>(); }

}  // namespace reigen::apiserver
