#include "apiserver/validation/report.h"

#include <algorithm>

#include "api/validation.h"

namespace reigen::apiserver {

void check_choice(FieldErrors& errors, const FieldPath& path, std::string_view value, std::initializer_list<std::string_view> choices) {
  if (!is_one_of(value, choices)) report_unsupported(errors, path, value, choices);
}

void check_required_choice(FieldErrors& errors, const FieldPath& path, std::string_view value, std::initializer_list<std::string_view> choices) {
  if (value.empty()) require(errors, path);
  else check_choice(errors, path, value, choices);
}

void check_non_negative(FieldErrors& errors, const FieldPath& path, int64_t value) { api::append(errors, api::validate_non_negative(path, value)); }

void check_dns_label(FieldErrors& errors, const FieldPath& path, std::string_view value) {
  api::add_invalid(errors, path, value, api::is_dns1123_label(value));
}

void check_dns_subdomain(FieldErrors& errors, const FieldPath& path, std::string_view value) {
  api::add_invalid(errors, path, value, api::is_dns1123_subdomain(value));
}

void check_mode(FieldErrors& errors, const FieldPath& path, const std::optional<int32_t>& mode) {
  if (mode && (*mode > 0777 || *mode < 0)) reject(errors, path, *mode, "must be a number between 0 and 0777 (octal), both inclusive");
}

void check_no_backsteps(FieldErrors& errors, const FieldPath& path, std::string_view value) {
  std::string_view rest = value;
  while (true) {
    size_t slash = rest.find('/');
    if (rest.substr(0, slash) == "..") return reject(errors, path, value, "must not contain '..'");
    if (slash == std::string_view::npos) return;
    rest.remove_prefix(slash + 1);
  }
}

void check_descending_path(FieldErrors& errors, const FieldPath& path, std::string_view value) {
  if (value.starts_with('/')) reject(errors, path, value, "must be a relative path");
  check_no_backsteps(errors, path, value);
}

void check_projected_path(FieldErrors& errors, const FieldPath& path, std::string_view value) {
  check_descending_path(errors, path, value);
  // Only "../" at the front was refused above; of ".." alone both messages are given.
  if (value.starts_with("..") && !value.starts_with("../")) reject(errors, path, value, "must not start with '..'");
}

}  // namespace reigen::apiserver
