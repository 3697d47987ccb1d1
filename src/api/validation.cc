#include "api/validation.h"

#include <algorithm>
#include <climits>

#include <fmt/core.h>

#include "api/go_quote.h"

namespace reigen::api {
namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_lower_alnum(char c) { return is_lower(c) || is_digit(c); }
bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }

// The patterns as messages quote them. They are matched by hand below.
constexpr std::string_view kQualifiedNameFmt = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
constexpr std::string_view kQualifiedNameText =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
constexpr std::string_view kLabelValueFmt = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
constexpr std::string_view kLabelValueText =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character";
constexpr std::string_view kDns1123LabelFmt = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
constexpr std::string_view kDns1123LabelText =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric "
    "character";
constexpr std::string_view kSubdomainFmt = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
constexpr std::string_view kSubdomainText =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    "alphanumeric character";
constexpr std::string_view kUnderscoreSubdomainText =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an "
    "alphanumeric character";
constexpr std::string_view kDns1035Fmt = "[a-z]([-a-z0-9]*[a-z0-9])?";
constexpr std::string_view kDns1035Text =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an "
    "alphanumeric character";
constexpr std::string_view kWildcardFmt = "\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
constexpr std::string_view kWildcardText =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric "
    "characters, '-' or '.' and end with an alphanumeric character";

bool all(std::string_view text, auto accept) { return std::ranges::all_of(text, accept); }

bool matches_qualified(std::string_view text) {
  return !text.empty() && is_alnum(text.front()) && is_alnum(text.back()) && all(text, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool matches_dns_label(std::string_view text) {
  return !text.empty() && is_lower_alnum(text.front()) && is_lower_alnum(text.back()) && all(text, [](char c) { return is_lower_alnum(c) || c == '-'; });
}

bool matches_underscore_label(std::string_view text) {
  if (text.starts_with('_')) text.remove_prefix(1);
  return !text.empty() && is_lower_alnum(text.front()) && is_lower_alnum(text.back()) &&
         all(text, [](char c) { return is_lower_alnum(c) || c == '-' || c == '_'; });
}

template <class F>
bool each_part(std::string_view text, char separator, F accept) {
  for (;;) {
    size_t end = text.find(separator);
    if (!accept(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

bool matches_subdomain(std::string_view text) { return each_part(text, '.', matches_dns_label); }

void add_prefixed(Messages& messages, std::string_view prefix, const Messages& more) {
  for (const auto& message : more) messages.push_back(std::string(prefix) + message);
}

std::string join(const Messages& messages, std::string_view separator) {
  std::string out;
  for (const auto& message : messages) (out += out.empty() ? "" : separator) += message;
  return out;
}

Messages check_directory_prefix(std::string_view value) {
  if (value == ".") return {"must not be '.'"};
  if (value == "..") return {"must not be '..'"};
  if (value.starts_with("..")) return {"must not start with '..'"};
  return {};
}

}  // namespace

std::string max_length_message(int64_t length) { return fmt::format("must be no more than {} characters", length); }

std::string inclusive_range_message(int64_t low, int64_t high) { return fmt::format("must be between {} and {}, inclusive", low, high); }

std::string regex_message(std::string_view message, std::string_view regex, std::initializer_list<std::string_view> examples) {
  if (examples.size() == 0) return fmt::format("{} (regex used for validation is '{}')", message, regex);
  std::string out = fmt::format("{} (e.g. ", message);
  bool first = true;
  for (auto example : examples) {
    if (!first) out += " or ";
    first = false;
    out += fmt::format("'{}', ", example);
  }
  return out += fmt::format("regex used for validation is '{}')", regex);
}

Messages is_qualified_name(std::string_view value) {
  auto pattern = [] { return regex_message(kQualifiedNameText, kQualifiedNameFmt, {"MyName", "my.name", "123-abc"}); };
  Messages messages;
  std::string_view name = value;
  if (size_t slash = value.find('/'); slash != std::string_view::npos) {
    std::string_view prefix = value.substr(0, slash);
    name = value.substr(slash + 1);
    if (name.find('/') != std::string_view::npos)
      return {"a qualified name " + pattern() + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"};
    if (prefix.empty()) messages.push_back("prefix part must be non-empty");
    else add_prefixed(messages, "prefix part ", is_dns1123_subdomain(prefix));
  }
  if (name.empty()) messages.push_back("name part must be non-empty");
  else if (name.size() > 63) messages.push_back("name part " + max_length_message(63));
  if (!matches_qualified(name)) messages.push_back("name part " + pattern());
  return messages;
}

Messages is_label_value(std::string_view value) {
  Messages messages;
  if (value.size() > kLabelValueMaxLength) messages.push_back(max_length_message(kLabelValueMaxLength));
  if (!value.empty() && !matches_qualified(value)) messages.push_back(regex_message(kLabelValueText, kLabelValueFmt, {"MyValue", "my_value", "12345"}));
  return messages;
}

Messages is_dns1123_label(std::string_view value) {
  Messages messages;
  if (value.size() > kDns1123LabelMaxLength) messages.push_back(max_length_message(kDns1123LabelMaxLength));
  if (matches_dns_label(value)) return messages;
  messages.push_back(matches_subdomain(value) ? "must not contain dots" : regex_message(kDns1123LabelText, kDns1123LabelFmt, {"my-name", "123-abc"}));
  return messages;
}

Messages is_dns1123_subdomain(std::string_view value) {
  Messages messages;
  if (value.size() > kDns1123SubdomainMaxLength) messages.push_back(max_length_message(kDns1123SubdomainMaxLength));
  if (!matches_subdomain(value)) messages.push_back(regex_message(kSubdomainText, kSubdomainFmt, {"example.com"}));
  return messages;
}

Messages is_dns1123_subdomain_with_underscore(std::string_view value) {
  Messages messages;
  if (value.size() > kDns1123SubdomainMaxLength) messages.push_back(max_length_message(kDns1123SubdomainMaxLength));
  if (!each_part(value, '.', matches_underscore_label)) messages.push_back(regex_message(kUnderscoreSubdomainText, kSubdomainFmt, {"example.com"}));
  return messages;
}

Messages is_dns1035_label(std::string_view value) {
  Messages messages;
  if (value.size() > 63) messages.push_back(max_length_message(63));
  if (!matches_dns_label(value) || !is_lower(value.front())) messages.push_back(regex_message(kDns1035Text, kDns1035Fmt, {"my-name", "abc-123"}));
  return messages;
}

Messages is_wildcard_dns1123_subdomain(std::string_view value) {
  Messages messages;
  if (value.size() > kDns1123SubdomainMaxLength) messages.push_back(max_length_message(kDns1123SubdomainMaxLength));
  if (!value.starts_with("*.") || !matches_subdomain(value.substr(2))) messages.push_back(regex_message(kWildcardText, kWildcardFmt, {"*.example.com"}));
  return messages;
}

Messages is_c_identifier(std::string_view value) {
  if (!value.empty() && !is_digit(value.front()) && all(value, [](char c) { return is_alnum(c) || c == '_'; })) return {};
  return {regex_message("a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
                        "[A-Za-z_][A-Za-z0-9_]*", {"my_name", "MY_NAME", "MyName"})};
}

Messages is_in_range(int64_t value, int64_t min, int64_t max) {
  if (value >= min && value <= max) return {};
  return {inclusive_range_message(min, max)};
}
Messages is_port_number(int64_t port) { return is_in_range(port, 1, 65535); }
Messages is_user_id(int64_t id) { return is_in_range(id, 0, INT32_MAX); }
Messages is_group_id(int64_t id) { return is_in_range(id, 0, INT32_MAX); }

Messages is_port_name(std::string_view value) {
  Messages messages;
  if (value.size() > 15) messages.push_back(max_length_message(15));
  if (value.empty() || !all(value, [](char c) { return is_lower_alnum(c) || c == '-'; }))
    messages.push_back("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  if (std::ranges::none_of(value, is_lower)) messages.push_back("must contain at least one letter (a-z)");
  if (value.find("--") != std::string_view::npos) messages.push_back("must not contain consecutive hyphens");
  if (value.starts_with('-') || value.ends_with('-')) messages.push_back("must not begin or end with a hyphen");
  return messages;
}

Messages is_percent(std::string_view value) {
  if (value.size() >= 2 && value.ends_with('%') && all(value.substr(0, value.size() - 1), is_digit)) return {};
  return {regex_message("a valid percent string must be a numeric string followed by an ending '%'", "[0-9]+%", {"1%", "93%"})};
}

Messages is_http_header_name(std::string_view value) {
  if (!value.empty() && all(value, [](char c) { return is_alnum(c) || c == '-'; })) return {};
  return {regex_message("a valid HTTP header must consist of alphanumeric characters or '-'", "[-A-Za-z0-9]+", {"X-Header-Name"})};
}

Messages is_env_var_name(std::string_view value) {
  Messages messages;
  if (value.empty() || is_digit(value.front()) || !all(value, [](char c) { return is_alnum(c) || c == '-' || c == '.' || c == '_'; }))
    messages.push_back(
        regex_message("a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
                      "[-._a-zA-Z][-._a-zA-Z0-9]*", {"my.env-name", "MY_ENV.NAME", "MyEnvName1"}));
  add_prefixed(messages, "", check_directory_prefix(value));
  return messages;
}

Messages is_relaxed_env_var_name(std::string_view value) {
  Messages messages;
  if (value.empty()) messages.push_back("environment variable name must be non-empty");
  if (!all(value, [](char c) { return c >= 0x20 && c < 0x7f && c != '='; }))
    messages.push_back("a valid environment variable name must consist only of printable ASCII characters other than '='");
  return messages;
}

Messages is_config_map_key(std::string_view value) {
  Messages messages;
  if (value.size() > kDns1123SubdomainMaxLength) messages.push_back(max_length_message(kDns1123SubdomainMaxLength));
  if (value.empty() || !all(value, [](char c) { return is_alnum(c) || c == '-' || c == '.' || c == '_'; }))
    messages.push_back(
        regex_message("a valid config key must consist of alphanumeric characters, '-', '_' or '.'", "[-._a-zA-Z0-9]+", {"key.name", "KEY_NAME", "key-name"}));
  add_prefixed(messages, "", check_directory_prefix(value));
  return messages;
}

Messages is_path_segment_name(std::string_view value, bool prefix) {
  if (!prefix && (value == "." || value == "..")) return {fmt::format("may not be '{}'", value)};
  Messages messages;
  for (char c : {'/', '%'})
    if (value.find(c) != std::string_view::npos) messages.push_back(fmt::format("may not contain '{}'", c));
  return messages;
}

std::string mask_trailing_dash(std::string_view value) {
  if (value.size() > 1 && value.ends_with('-')) return std::string(value.substr(0, value.size() - 2)) + "a";
  return std::string(value);
}

FieldErrors validate_fully_qualified_name(const FieldPath& path, std::string_view value) {
  if (value.empty()) return {FieldError::required(path)};
  if (auto messages = is_dns1123_subdomain(value); !messages.empty()) return {FieldError::invalid(path, value, join(messages, ","))};
  if (std::ranges::count(value, '.') < 2) return {FieldError::invalid(path, value, "should be a domain with at least three segments separated by dots")};
  return {};
}

FieldErrors validate_fully_qualified_domain_name(const FieldPath& path, std::string_view value) {
  if (value.empty()) return {FieldError::required(path)};
  if (value.ends_with('.')) value.remove_suffix(1);
  if (auto messages = is_dns1123_subdomain(value); !messages.empty()) return {FieldError::invalid(path, value, join(messages, ","))};
  if (std::ranges::count(value, '.') < 1) return {FieldError::invalid(path, value, "should be a domain with at least two segments separated by dots")};
  FieldErrors errors;
  each_part(value, '.', [&](std::string_view label) {
    auto messages = is_dns1123_label(label);
    if (!messages.empty()) errors.push_back(FieldError::invalid(path, label, join(messages, ",")));
    return messages.empty();
  });
  return errors;
}

FieldErrors validate_domain_prefixed_path(const FieldPath& path, std::string_view value) {
  if (value.empty()) return {FieldError::required(path)};
  size_t slash = value.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == value.size())
    return {FieldError::invalid(path, value, "must be a domain-prefixed path (such as \"acme.io/foo\")")};
  FieldErrors errors;
  add_invalid(errors, path, value.substr(0, slash), is_dns1123_subdomain(value.substr(0, slash)));
  auto rest = value.substr(slash + 1);
  if (!all(rest, [](char c) { return is_alnum(c) || std::string_view("/-._~%!$&'()*+,;=:").find(c) != std::string_view::npos; }))
    errors.push_back(FieldError::invalid(path, rest, regex_message("Invalid path", R"([A-Za-z0-9/\-._~%!$&'()*+,;=:]+)", {})));
  return errors;
}

FieldErrors validate_ip(const FieldPath& path, std::string_view value) {
  if (parse_ip(value)) return {};
  return {FieldError::invalid(path, value, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")};
}
FieldErrors validate_ipv4(const FieldPath& path, std::string_view value) {
  auto ip = parse_ip(value);
  if (ip && ip->v4) return {};
  return {FieldError::invalid(path, value, "must be a valid IPv4 address")};
}
FieldErrors validate_ipv6(const FieldPath& path, std::string_view value) {
  auto ip = parse_ip(value);
  if (ip && !ip->v4) return {};
  return {FieldError::invalid(path, value, "must be a valid IPv6 address")};
}
FieldErrors validate_cidr(const FieldPath& path, std::string_view value) {
  if (parse_cidr(value)) return {};
  return {FieldError::invalid(path, value, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")};
}

FieldErrors validate_label_name(const FieldPath& path, std::string_view name) {
  FieldErrors errors;
  add_invalid(errors, path, name, is_qualified_name(name));
  return errors;
}

FieldErrors validate_labels(const FieldPath& path, const Map<std::string>& labels) {
  FieldErrors errors;
  for (const auto& [name, value] : labels) {
    add_invalid(errors, path, name, is_qualified_name(name));
    add_invalid(errors, path, value, is_label_value(value));
  }
  return errors;
}

FieldErrors validate_annotations(const FieldPath& path, const Map<std::string>& annotations) {
  constexpr size_t kTotalLimit = 256 << 10;
  FieldErrors errors;
  size_t total = 0;
  for (const auto& [name, value] : annotations) {
    std::string lower = name;
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    add_invalid(errors, path, name, is_qualified_name(lower));
    total += name.size() + value.size();
  }
  if (total > kTotalLimit) errors.push_back(FieldError::too_long(path, kTotalLimit));
  return errors;
}

FieldErrors validate_field_manager(const FieldPath& path, std::string_view manager) {
  FieldErrors errors;
  if (manager.size() > 128) errors.push_back(FieldError::too_long(path, 128));
  for (size_t i = 0; i < manager.size(); ++i) {
    auto c = static_cast<unsigned char>(manager[i]);
    if (c >= 0x20 && c != 0x7f) continue;
    errors.push_back(FieldError::invalid(path, manager, fmt::format("invalid character U+{:04X} (at position {})", c, i)));
  }
  return errors;
}

FieldErrors validate_non_negative(const FieldPath& path, int64_t value) {
  if (value >= 0) return {};
  return {FieldError::invalid(path, value, std::string(kMustBeNonNegative))};
}

void add_invalid(FieldErrors& errors, const FieldPath& path, std::string_view value, const Messages& messages) {
  for (const auto& message : messages) errors.push_back(FieldError::invalid(path, value, message));
}

}  // namespace reigen::api
