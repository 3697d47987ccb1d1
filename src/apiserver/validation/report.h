// Short names for adding field errors, and the checks of single values that many kinds share.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "api/field_error.h"
#include "apiserver/validation/one_of.h"

namespace reigen::apiserver {

using api::BadValue;
using api::FieldErrors;
using api::FieldPath;

inline void require(FieldErrors& errors, const FieldPath& path, std::string detail = {}) {
  errors.push_back(api::FieldError::required(path, std::move(detail)));
}
inline void reject(FieldErrors& errors, const FieldPath& path, const BadValue& value, std::string detail) {
  errors.push_back(api::FieldError::invalid(path, value, std::move(detail)));
}
inline void forbid(FieldErrors& errors, const FieldPath& path, std::string detail) { errors.push_back(api::FieldError::forbidden(path, std::move(detail))); }
inline void report_duplicate(FieldErrors& errors, const FieldPath& path, const BadValue& value) { errors.push_back(api::FieldError::duplicate(path, value)); }
inline void report_unsupported(FieldErrors& errors, const FieldPath& path, const BadValue& value, std::initializer_list<std::string_view> supported) {
  errors.push_back(api::FieldError::not_supported(path, value, supported));
}

// Unsupported unless one of them. The choices are printed in the order given.
void check_choice(FieldErrors& errors, const FieldPath& path, std::string_view value, std::initializer_list<std::string_view> choices);
// As check_choice, but an empty value is a missing one.
void check_required_choice(FieldErrors& errors, const FieldPath& path, std::string_view value, std::initializer_list<std::string_view> choices);
void check_non_negative(FieldErrors& errors, const FieldPath& path, int64_t value);
void check_dns_label(FieldErrors& errors, const FieldPath& path, std::string_view value);
void check_dns_subdomain(FieldErrors& errors, const FieldPath& path, std::string_view value);
void check_qualified_name(FieldErrors& errors, const FieldPath& path, std::string_view value);
// A file's permissions: 0 to 0777.
void check_mode(FieldErrors& errors, const FieldPath& path, const std::optional<int32_t>& mode);
// No ".." as a part.
void check_no_backsteps(FieldErrors& errors, const FieldPath& path, std::string_view value);
// Relative, no "..".
void check_descending_path(FieldErrors& errors, const FieldPath& path, std::string_view value);
// As above, and free of names that begin with "..", which atomic updates of volumes need.
void check_projected_path(FieldErrors& errors, const FieldPath& path, std::string_view value);

}  // namespace reigen::apiserver
