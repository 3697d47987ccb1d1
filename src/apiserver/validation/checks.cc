#include "apiserver/validation/checks.h"

#include <arpa/inet.h>

#include "api/scalars.h"

namespace reigen::apiserver {

using api::BadValue;
using api::FieldError;
using api::FieldErrors;
using api::FieldPath;

BadValue go_strings(const std::vector<std::string>& values) {
  if (values.empty()) return BadValue::raw("[]string(nil)");
  std::string out = "[]string{";
  for (size_t i = 0; i < values.size(); ++i) (out += i ? ", " : "") += BadValue(values[i]).text();
  return BadValue::raw(out + "}");
}

void require(FieldErrors& errors, const FieldPath& path, std::string_view value, std::string detail) {
  if (value.empty()) errors.push_back(FieldError::required(path, std::move(detail)));
}

void check_known(FieldErrors& errors, const FieldPath& path, std::string_view value, std::initializer_list<std::string_view> known) {
  if (!is_one_of(value, known)) errors.push_back(FieldError::not_supported(path, value, known));
}

void check_port(FieldErrors& errors, const FieldPath& path, int64_t port) {
  for (std::string& message : api::is_port_number(port)) errors.push_back(FieldError::invalid(path, port, std::move(message)));
}

void check_port_or_name(FieldErrors& errors, const FieldPath& path, const api::IntOrString& port) {
  if (!port.is_string) return check_port(errors, path, port.number);
  api::add_invalid(errors, path, port.text, api::is_port_name(port.text));
}

void check_qualified_name(FieldErrors& errors, const FieldPath& path, std::string_view value) {
  api::add_invalid(errors, path, value, api::is_qualified_name(value));
}

void check_subdomain(FieldErrors& errors, const FieldPath& path, std::string_view value) {
  api::add_invalid(errors, path, value, api::is_dns1123_subdomain(value));
}

void check_label(FieldErrors& errors, const FieldPath& path, std::string_view value) { api::add_invalid(errors, path, value, api::is_dns1123_label(value)); }

void check_non_special_ip(FieldErrors& errors, const FieldPath& path, std::string_view address) {
  auto ip = api::parse_ip(address);
  auto wrong = [&](std::string text) { errors.push_back(FieldError::invalid(path, address, std::move(text))); };
  if (!ip) return wrong("must be a valid IP address");
  const auto& b = ip->bytes;
  bool zero = std::all_of(b.begin(), b.begin() + 15, [](uint8_t byte) { return byte == 0; });
  if (ip->v4 ? b[0] == 0 && b[1] == 0 && b[2] == 0 && b[3] == 0 : zero && b[15] == 0) wrong("may not be unspecified (" + std::string(address) + ")");
  if (ip->v4 ? b[0] == 127 : zero && b[15] == 1) wrong("may not be in the loopback range (127.0.0.0/8, ::1/128)");
  if (ip->v4 ? b[0] == 169 && b[1] == 254 : b[0] == 0xfe && (b[1] & 0xc0) == 0x80) wrong("may not be in the link-local range (169.254.0.0/16, fe80::/10)");
  if (ip->v4 ? b[0] == 224 && b[1] == 0 && b[2] == 0 : b[0] == 0xff && (b[1] & 0x0f) == 0x02)
    wrong("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
}

namespace {

// What Go's netip.ParseAddr says of an address that Go's old parser takes: leading zeros.
std::string strict_fault(std::string_view address) {
  if (address.find(':') != std::string_view::npos) return {};
  for (size_t start = 0; start < address.size();) {
    size_t end = std::min(address.find('.', start), address.size());
    if (end - start > 1 && address[start] == '0') return "ParseAddr(" + BadValue(address).text() + "): IPv4 field has octet with leading zero";
    start = end + 1;
  }
  return {};
}

std::string canonical(const api::Ip& ip, std::string_view written) {
  if (!ip.v4 || written.find(':') == std::string_view::npos) return ip.to_string();
  return "::ffff:" + ip.to_string();
}

}  // namespace

void warn_ip(std::vector<std::string>& texts, const FieldPath& path, std::string_view address) {
  auto ip = api::parse_ip(address);
  if (!ip) return;
  std::string fault = strict_fault(address);
  if (!fault.empty()) {
    texts.push_back(path.to_string() + ": IP address was accepted, but will be invalid in a future Kubernetes release: " + fault);
    return;
  }
  std::string form = canonical(*ip, address);
  if (address.find(':') != std::string_view::npos && form != address)
    texts.push_back(path.to_string() + ": IPv6 address " + BadValue(address).text() + " is not in RFC 5952 canonical format (" + BadValue(form).text() +
                    "), which may cause controller apply-loops");
}

void warn_cidr(std::vector<std::string>& texts, const FieldPath& path, std::string_view cidr) {
  auto parsed = api::parse_cidr(cidr);
  if (!parsed) return;
  std::string_view address = cidr.substr(0, cidr.find('/'));
  std::string fault = strict_fault(address);
  if (!fault.empty()) {
    texts.push_back(path.to_string() + ": IP prefix was accepted, but will be invalid in a future Kubernetes release: netip.ParsePrefix(" +
                    BadValue(cidr).text() + "): " + fault);
    return;
  }
  std::string form = canonical(parsed->address, address) + std::string(cidr.substr(cidr.find('/')));
  if (address.find(':') != std::string_view::npos && form != cidr)
    texts.push_back(path.to_string() + ": IPv6 prefix " + BadValue(cidr).text() + " is not in RFC 5952 canonical format (" + BadValue(form).text() +
                    "), which may cause controller apply-loops");
}

}  // namespace reigen::apiserver
