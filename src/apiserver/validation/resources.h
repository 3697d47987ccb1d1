// Names and quantities of resources: rules of pkg/apis/core/helper and pkg/apis/core/validation.
#pragma once

#include <string_view>

#include "api/field_error.h"
#include "api/map.h"
#include "api/quantity.h"

namespace reigen::apiserver {

// pods, services, persistentvolumeclaims, ... and extended resources come in whole numbers.
bool is_integer_resource(std::string_view name);
bool is_native_resource(std::string_view name);    // no domain, or one of kubernetes.io
bool is_extended_resource(std::string_view name);  // a domain other than kubernetes.io's
bool is_hugepage_resource(std::string_view name);
bool is_overcommit_allowed(std::string_view name);
bool is_standard_resource(std::string_view name);
bool is_standard_quota_resource(std::string_view name);

inline constexpr const char* kMustBeInteger = "must be an integer";

void check_resource_name(api::FieldErrors& errors, const api::FieldPath& path, std::string_view name);
// Of a container's requests and limits.
void check_container_resource_name(api::FieldErrors& errors, const api::FieldPath& path, std::string_view name);
void check_quota_resource_name(api::FieldErrors& errors, const api::FieldPath& path, std::string_view name);
void check_non_negative_quantity(api::FieldErrors& errors, const api::FieldPath& path, const api::Quantity& value);
// Not negative, and whole where the resource is.
void check_resource_quantity(api::FieldErrors& errors, const api::FieldPath& path, std::string_view name, const api::Quantity& value);

}  // namespace reigen::apiserver
