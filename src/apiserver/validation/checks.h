// Small pieces that the validation of many kinds shares.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "api/field_error.h"
#include "api/validation.h"
#include "apiserver/validation/one_of.h"

namespace reigen::api {
struct IntOrString;
}

namespace reigen::apiserver {

// Go's %#v of a []string.
api::BadValue go_strings(const std::vector<std::string>& values);

// Each of these adds what is wrong.
void require(api::FieldErrors& errors, const api::FieldPath& path, std::string_view value, std::string detail = {});
// `known` sorted.
void check_known(api::FieldErrors& errors, const api::FieldPath& path, std::string_view value, std::initializer_list<std::string_view> known);
void check_port(api::FieldErrors& errors, const api::FieldPath& path, int64_t port);
void check_port_or_name(api::FieldErrors& errors, const api::FieldPath& path, const api::IntOrString& port);
void check_qualified_name(api::FieldErrors& errors, const api::FieldPath& path, std::string_view value);
void check_subdomain(api::FieldErrors& errors, const api::FieldPath& path, std::string_view value);
void check_label(api::FieldErrors& errors, const api::FieldPath& path, std::string_view value);
// Loopback, link-local, unspecified.
void check_non_special_ip(api::FieldErrors& errors, const api::FieldPath& path, std::string_view address);
template <class T>
void check_immutable(api::FieldErrors& errors, const api::FieldPath& path, const T& value, const T& old, const api::BadValue& shown) {
  if (!(value == old)) errors.push_back(api::FieldError::invalid(path, shown, std::string(api::kFieldImmutable)));
}
template <class T>
  requires std::constructible_from<api::BadValue, const T&>
void check_immutable(api::FieldErrors& errors, const api::FieldPath& path, const T& value, const T& old) {
  check_immutable(errors, path, value, old, api::BadValue(value));
}

// Warnings of IP addresses and CIDRs that a later Kubernetes will not read, or that are not in RFC 5952's form.
void warn_ip(std::vector<std::string>& texts, const api::FieldPath& path, std::string_view address);
void warn_cidr(std::vector<std::string>& texts, const api::FieldPath& path, std::string_view cidr);

}  // namespace reigen::apiserver
