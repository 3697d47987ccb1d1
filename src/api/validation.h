// The checks every kind's validation is made of, with the messages of Kubernetes' apimachinery/pkg/util/validation.
//
// A check returns what is wrong as messages to put into FieldError::invalid, none where the value is fine.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/field_error.h"
#include "api/map.h"

namespace reigen::api {

using Messages = std::vector<std::string>;

inline constexpr int kDns1123LabelMaxLength = 63;
inline constexpr int kDns1123SubdomainMaxLength = 253;
inline constexpr int kLabelValueMaxLength = 63;

Messages is_qualified_name(std::string_view value);
Messages is_label_value(std::string_view value);
Messages is_dns1123_label(std::string_view value);
Messages is_dns1123_subdomain(std::string_view value);
Messages is_dns1123_subdomain_with_underscore(std::string_view value);
Messages is_dns1035_label(std::string_view value);
Messages is_wildcard_dns1123_subdomain(std::string_view value);
Messages is_c_identifier(std::string_view value);
Messages is_port_number(int64_t port);
Messages is_in_range(int64_t value, int64_t min, int64_t max);
Messages is_user_id(int64_t id);
Messages is_group_id(int64_t id);
Messages is_port_name(std::string_view value);
Messages is_percent(std::string_view value);
Messages is_http_header_name(std::string_view value);
Messages is_env_var_name(std::string_view value);
Messages is_relaxed_env_var_name(std::string_view value);
Messages is_config_map_key(std::string_view value);
// What may stand in a URL's path and in a key of the store. With `prefix`, for generateName.
Messages is_path_segment_name(std::string_view value, bool prefix = false);
// A generateName ends in '-', which the random suffix makes good.
std::string mask_trailing_dash(std::string_view value);

FieldErrors validate_fully_qualified_name(const FieldPath& path, std::string_view value);
FieldErrors validate_fully_qualified_domain_name(const FieldPath& path, std::string_view value);
FieldErrors validate_domain_prefixed_path(const FieldPath& path, std::string_view value);
FieldErrors validate_ip(const FieldPath& path, std::string_view value);
FieldErrors validate_ipv4(const FieldPath& path, std::string_view value);
FieldErrors validate_ipv6(const FieldPath& path, std::string_view value);
FieldErrors validate_cidr(const FieldPath& path, std::string_view value);
FieldErrors validate_label_name(const FieldPath& path, std::string_view name);
FieldErrors validate_labels(const FieldPath& path, const Map<std::string>& labels);
FieldErrors validate_annotations(const FieldPath& path, const Map<std::string>& annotations);
FieldErrors validate_field_manager(const FieldPath& path, std::string_view manager);
FieldErrors validate_non_negative(const FieldPath& path, int64_t value);
inline constexpr std::string_view kMustBeNonNegative = "must be greater than or equal to 0";
inline constexpr std::string_view kFieldImmutable = "field is immutable";

// Adds one `invalid` per message.
void add_invalid(FieldErrors& errors, const FieldPath& path, std::string_view value, const Messages& messages);

std::string max_length_message(int64_t length);
std::string inclusive_range_message(int64_t low, int64_t high);
std::string regex_message(std::string_view message, std::string_view regex, std::initializer_list<std::string_view> examples);

// An IP address as Kubernetes has read them so far: leading zeros in IPv4 are decimal. IPv4 and IPv4-in-IPv6 are both IPv4.
struct Ip {
  bool v4 = true;
  std::array<uint8_t, 16> bytes{};  // the first four for IPv4
  // The canonical text.
  std::string to_string() const;
  bool operator==(const Ip&) const = default;
};
std::optional<Ip> parse_ip(std::string_view text);
struct Cidr {
  Ip address;  // as written
  int prefix = 0;
  Ip network() const;             // host bits cleared
  std::string to_string() const;  // network/prefix
  bool contains(const Ip& ip) const;
};
std::optional<Cidr> parse_cidr(std::string_view text);

}  // namespace reigen::api
