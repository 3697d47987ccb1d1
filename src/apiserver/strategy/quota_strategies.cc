// ResourceQuota and LimitRange: rules of pkg/apis/core/validation.

#include <set>

#include <fmt/core.h>

#include "api/corev1.h"
#include "api/metav1.h"
#include "api/object.h"
#include "apiserver/metadata.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/strategy/other_strategies.h"
#include "apiserver/validation/checks.h"
#include "apiserver/validation/resources.h"

namespace reigen::apiserver {
namespace {

using api::FieldError;
using api::FieldErrors;
using api::FieldPath;
using api::Object;
using api::Quantity;
using namespace api::corev1;

void check_amounts(FieldErrors& errors, const FieldPath& path, const api::Map<Quantity>& amounts) {
  for (const auto& [name, value] : amounts) {
    check_quota_resource_name(errors, path.key(name), name);
    check_resource_quantity(errors, path.key(name), name, value);
  }
}

bool is_scope(std::string_view scope) {
  return is_one_of(scope, {"Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity"});
}

bool scope_fits(std::string_view scope, std::string_view resource) {
  if (!is_scope(scope) || resource == "pods") return true;
  return scope != "BestEffort" && is_one_of(resource, {"cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"});
}

// Adds `text` at `path` for each resource that the scope does not cover.
void check_scope(FieldErrors& errors, const FieldPath& path, const api::BadValue& shown, std::string_view scope, const ResourceQuotaSpec& spec) {
  for (const auto& [name, value] : spec.hard)
    if (is_standard_quota_resource(name) && !scope_fits(scope, name))
      errors.push_back(FieldError::invalid(path, shown, "unsupported scope applied to resource"));
}

void check_conflicts(FieldErrors& errors, const FieldPath& path, const ResourceQuotaSpec& spec, const std::set<std::string>& scopes) {
  if (scopes.contains("BestEffort") && scopes.contains("NotBestEffort"))
    errors.push_back(FieldError::invalid(path, go_strings(spec.scopes), "conflicting scopes"));
  if (scopes.contains("Terminating") && scopes.contains("NotTerminating"))
    errors.push_back(FieldError::invalid(path, go_strings(spec.scopes), "conflicting scopes"));
}

void check_requirement(FieldErrors& errors, const FieldPath& path, const ScopedResourceSelectorRequirement& requirement, const ResourceQuotaSpec& spec) {
  const std::string& scope = requirement.scope_name;
  const std::string& op = requirement.operator_;
  if (!is_scope(scope)) errors.push_back(FieldError::invalid(path.child("scopeName"), scope, "unsupported scope"));
  check_scope(errors, path, api::BadValue::raw("core.ScopeSelector"), scope, spec);
  if (is_scope(scope) && scope != "PriorityClass" && op != "Exists")
    errors.push_back(FieldError::invalid(path.child("operator"), op,
                                         "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
                                         "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"));
  if (op == "In" || op == "NotIn") {
    if (requirement.values.empty())
      errors.push_back(FieldError::required(path.child("values"), "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"));
  } else if (op == "Exists" || op == "DoesNotExist") {
    if (!requirement.values.empty())
      errors.push_back(FieldError::invalid(path.child("values"), go_strings(requirement.values),
                                           "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"));
  } else {
    errors.push_back(FieldError::invalid(path.child("operator"), op, "not a valid selector operator"));
  }
}

void check_quota_spec(FieldErrors& errors, const ResourceQuotaSpec& spec) {
  FieldPath root("spec"), scopes = root.child("scopes"), selector = root.child("scopeSelector"), expressions = selector.child("matchExpressions");
  check_amounts(errors, root.child("hard"), spec.hard);
  for (const std::string& scope : spec.scopes) {
    if (!is_scope(scope)) errors.push_back(FieldError::invalid(scopes, go_strings(spec.scopes), "unsupported scope"));
    check_scope(errors, scopes, go_strings(spec.scopes), scope, spec);
  }
  check_conflicts(errors, scopes, spec, {spec.scopes.begin(), spec.scopes.end()});
  if (!spec.scope_selector) return;
  std::set<std::string> named;
  for (const auto& requirement : spec.scope_selector->match_expressions) {
    check_requirement(errors, expressions, requirement, spec);
    named.insert(requirement.scope_name);
  }
  check_conflicts(errors, expressions, spec, named);
}

class ResourceQuotaStrategy final : public Strategy {
 public:
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override { check_quota_spec(errors, object.as<ResourceQuota>().spec); }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    const ResourceQuota& quota = object.as<ResourceQuota>();
    if (context.part == Part::kStatus) {
      FieldPath status("status");
      check_amounts(errors, status.child("hard"), quota.status.hard);
      return check_amounts(errors, status.child("used"), quota.status.used);
    }
    check_quota_spec(errors, quota.spec);
    const auto& before = old.as<ResourceQuota>().spec.scopes;
    FieldPath spec("spec");
    if (std::set(quota.spec.scopes.begin(), quota.spec.scopes.end()) != std::set(before.begin(), before.end()))
      errors.push_back(FieldError::invalid(spec.child("scopes"), go_strings(quota.spec.scopes), std::string(api::kFieldImmutable)));
  }
  bool returns_deleted_object() const override { return true; }
};

void check_limit_name(FieldErrors& errors, const FieldPath& path, std::string_view type, std::string_view name) {
  if (type == "Pod" || type == "Container") return check_container_resource_name(errors, path, name);
  check_resource_name(errors, path, name);
}

using Amounts = api::Map<Quantity>;

// `low` must not be more than `high`, or the error is at `path`, about `shown`.
void check_order(FieldErrors& errors, const FieldPath& path, const std::string& key, const Quantity* low, const Quantity* high, const Quantity* shown,
                 const char* low_name, const char* high_name) {
  if (!low || !high || *low <= *high) return;
  std::string text = fmt::format("{} value {} is greater than {} value {}", low_name, low->to_string(), high_name, high->to_string());
  errors.push_back(FieldError::invalid(path.key(key), shown->to_string(), std::move(text)));
}

void check_ratio(FieldErrors& errors, const FieldPath& path, const Quantity& ratio, const Quantity* min, const Quantity* max) {
  if (ratio < Quantity::from_int(1)) errors.push_back(FieldError::invalid(path, ratio.to_string(), "ratio " + ratio.to_string() + " is less than 1"));
  if (!min || !max || min->is_zero()) return;
  double limit = max->as_double() / min->as_double();
  if (ratio.as_double() > limit)
    errors.push_back(FieldError::invalid(path, ratio.to_string(), fmt::format("ratio {} is greater than max/min = {:f}", ratio.to_string(), limit)));
}

void check_amounts_of(FieldErrors& errors, const FieldPath& path, const LimitRangeItem& limit, const std::string& key) {
  FieldPath min_path = path.child("min"), default_path = path.child("default"), request_path = path.child("defaultRequest"),
            ratio_path = path.child("maxLimitRequestRatio");
  const Quantity *min = limit.min.get(key), *max = limit.max.get(key), *ratio = limit.max_limit_request_ratio.get(key);
  bool pod = limit.type == "Pod";
  const Quantity* standard = pod ? nullptr : limit.default_.get(key);
  const Quantity* request = pod ? nullptr : limit.default_request.get(key);
  check_order(errors, min_path, key, min, max, min, "min", "max");
  check_order(errors, request_path, key, min, request, request, "min", "default request");
  check_order(errors, request_path, key, request, max, request, "default request", "max");
  check_order(errors, request_path, key, request, standard, request, "default request", "default limit");
  check_order(errors, default_path, key, min, standard, min, "min", "default");
  check_order(errors, default_path, key, standard, max, max, "default", "max");
  if (ratio) check_ratio(errors, ratio_path.key(key), *ratio, min, max);
  if (!is_overcommit_allowed(key) && standard && request && *standard != *request)
    errors.push_back(
        FieldError::invalid(request_path.key(key), request->to_string(),
                            fmt::format("default value {} must equal to defaultRequest value {} in {}", standard->to_string(), request->to_string(), key)));
}

void check_limit(FieldErrors& errors, const FieldPath& path, const LimitRangeItem& limit) {
  std::set<std::string> keys;
  auto names = [&](const char* field, const Amounts& amounts) {
    FieldPath at = path.child(field);
    for (const auto& [key, value] : amounts) {
      check_limit_name(errors, at.key(key), limit.type, key);
      keys.insert(key);
    }
  };
  names("max", limit.max);
  names("min", limit.min);
  if (limit.type == "Pod") {
    if (!limit.default_.empty()) errors.push_back(FieldError::forbidden(path.child("default"), "may not be specified when `type` is 'Pod'"));
    if (!limit.default_request.empty()) errors.push_back(FieldError::forbidden(path.child("defaultRequest"), "may not be specified when `type` is 'Pod'"));
  } else {
    names("default", limit.default_);
    names("defaultRequest", limit.default_request);
  }
  if (limit.type == "PersistentVolumeClaim" && !limit.min.contains("storage") && !limit.max.contains("storage"))
    errors.push_back(FieldError::required(path.child("limits"), "either minimum or maximum storage value is required, but neither was provided"));
  names("maxLimitRequestRatio", limit.max_limit_request_ratio);
  for (const std::string& key : keys) check_amounts_of(errors, path, limit, key);
}

class LimitRangeStrategy final : public Strategy {
 public:
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    FieldPath spec("spec");
    std::set<std::string> types;
    const auto& limits = object.as<LimitRange>().spec.limits;
    for (size_t i = 0; i < limits.size(); ++i) {
      FieldPath path = spec.child("limits", i), type = path.child("type");
      auto messages = api::is_qualified_name(limits[i].type);
      api::add_invalid(errors, type, limits[i].type, messages);
      if (messages.empty() && limits[i].type.find('/') == std::string::npos && !is_one_of(limits[i].type, {"Pod", "Container", "PersistentVolumeClaim"}))
        errors.push_back(FieldError::invalid(type, limits[i].type, "must be a standard limit type or fully qualified"));
      if (!types.insert(limits[i].type).second) errors.push_back(FieldError::duplicate(type, limits[i].type));
      check_limit(errors, path, limits[i]);
    }
  }
  void validate_update(StrategyContext& context, const Object& object, const Object&, FieldErrors& errors) const override {
    repeat_meta(*this, object, true, errors);
    validate(context, object, errors);
  }
  bool repeats_metadata_errors() const override { return false; }
  bool allow_create_on_update() const override { return true; }
};

}  // namespace

const Strategy& resource_quota_strategy() { return instance<ResourceQuotaStrategy>(); }
const Strategy& limit_range_strategy() { return instance<LimitRangeStrategy>(); }

}  // namespace reigen::apiserver
