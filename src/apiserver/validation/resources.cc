#include "apiserver/validation/resources.h"

#include "apiserver/validation/checks.h"

namespace reigen::apiserver {

using api::FieldError;
using api::FieldErrors;
using api::FieldPath;

namespace {

bool has_domain(std::string_view name) { return name.find('/') != std::string_view::npos; }
bool is_quota_hugepage(std::string_view name) { return name.starts_with("hugepages-") || name.starts_with("requests.hugepages-"); }

}  // namespace

bool is_hugepage_resource(std::string_view name) { return name.starts_with("hugepages-"); }
bool is_native_resource(std::string_view name) { return !has_domain(name) || name.find("kubernetes.io/") != std::string_view::npos; }
bool is_extended_resource(std::string_view name) {
  return !is_native_resource(name) && !name.starts_with("requests.") && api::is_qualified_name("requests." + std::string(name)).empty();
}
bool is_overcommit_allowed(std::string_view name) { return is_native_resource(name) && !is_hugepage_resource(name); }

bool is_integer_resource(std::string_view name) {
  return is_one_of(name, {"pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims",
                          "services.nodeports", "services.loadbalancers"}) ||
         is_extended_resource(name);
}

bool is_standard_quota_resource(std::string_view name) {
  return is_one_of(name, {"cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory", "requests.storage", "requests.ephemeral-storage",
                          "limits.cpu", "limits.memory", "limits.ephemeral-storage", "pods", "resourcequotas", "services", "replicationcontrollers", "secrets",
                          "persistentvolumeclaims", "configmaps", "services.nodeports", "services.loadbalancers"}) ||
         is_quota_hugepage(name);
}
bool is_standard_resource(std::string_view name) { return name == "storage" || is_standard_quota_resource(name); }

void check_resource_name(FieldErrors& errors, const FieldPath& path, std::string_view name) {
  auto messages = api::is_qualified_name(name);
  auto shown = api::BadValue::raw(std::string(name));  // a type of its own in Go, which is not quoted
  for (const auto& message : messages) errors.push_back(FieldError::invalid(path, shown, message));
  if (messages.empty() && !has_domain(name) && !is_standard_resource(name))
    errors.push_back(FieldError::invalid(path, shown, "must be a standard resource type or fully qualified"));
}

void check_container_resource_name(FieldErrors& errors, const FieldPath& path, std::string_view name) {
  check_resource_name(errors, path, name);
  auto shown = api::BadValue::raw(std::string(name));
  if (!has_domain(name)) {
    if (!is_one_of(name, {"cpu", "memory", "ephemeral-storage"}) && !is_hugepage_resource(name))
      errors.push_back(FieldError::invalid(path, shown, "must be a standard resource for containers"));
  } else if (!is_native_resource(name) && !is_extended_resource(name)) {
    errors.push_back(FieldError::invalid(path, shown, "doesn't follow extended resource name standard"));
  }
}

void check_quota_resource_name(FieldErrors& errors, const FieldPath& path, std::string_view name) {
  check_resource_name(errors, path, name);
  if (!has_domain(name) && !is_standard_quota_resource(name))
    errors.push_back(FieldError::invalid(path, api::BadValue::raw(std::string(name)), "must be a standard resource for quota"));
}

void check_non_negative_quantity(FieldErrors& errors, const FieldPath& path, const api::Quantity& value) {
  if (value.is_negative()) errors.push_back(FieldError::invalid(path, value.to_string(), std::string(api::kMustBeNonNegative)));
}

void check_resource_quantity(FieldErrors& errors, const FieldPath& path, std::string_view name, const api::Quantity& value) {
  check_non_negative_quantity(errors, path, value);
  if (is_integer_resource(name) && value.milli_value() % 1000 != 0) errors.push_back(FieldError::invalid(path, value.to_string(), kMustBeInteger));
}

}  // namespace reigen::apiserver
