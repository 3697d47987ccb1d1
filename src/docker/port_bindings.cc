#include "docker/port_bindings.h"

#include <fmt/core.h>

#include <charconv>

#include "base/ip.h"

namespace reigen::docker {

namespace {

bool parse_number(std::string_view text, uint16_t& out) {
  unsigned value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value > 65535) return false;
  out = static_cast<uint16_t>(value);
  return true;
}

Fail invalid(std::string_view text) { return fail(Code::kInvalidArgument, fmt::format("invalid port specification: \"{}\"", text)); }

}  // namespace

Result<PortRange> parse_port_range(std::string_view text) {
  PortRange out;
  if (text.empty()) return out;
  size_t dash = text.find('-');
  if (!parse_number(text.substr(0, dash), out.first)) return invalid(text);
  out.last = out.first;
  if (dash != std::string_view::npos && !parse_number(text.substr(dash + 1), out.last)) return invalid(text);
  if (out.last < out.first) return invalid(text);
  return out;
}

Result<PortSpec> parse_port(std::string_view text) {
  PortSpec out;
  size_t slash = text.find('/');
  std::string_view number = text.substr(0, slash);
  if (slash != std::string_view::npos && slash + 1 < text.size()) {
    out.protocol = text.substr(slash + 1);
    for (char& c : out.protocol) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
  }
  if (number.empty()) return invalid(number);
  TRY_ASSIGN(out.ports, parse_port_range(number));
  if (out.protocol != "tcp" && out.protocol != "udp" && out.protocol != "sctp")
    return fail(Code::kInvalidArgument, fmt::format("Invalid proto: {}", out.protocol));
  return out;
}

Status check_port(std::string_view text) {
  TRY_ASSIGN(PortSpec port, parse_port(text));
  if (port.ports.first == 0) return invalid(text.substr(0, text.find('/')));
  return {};
}

Status check_port_bindings(const api::dockerv1::HostConfig& host) {
  for (const auto& [port, bindings] : host.port_bindings) {
    TRY(check_port(port));
    for (const auto& binding : bindings) {
      TRY(parse_port_range(binding.host_port));
      if (!binding.host_ip.empty() && !IpAddress::parse(binding.host_ip))
        return fail(Code::kInvalidArgument, fmt::format("invalid IP address in port binding: {}", binding.host_ip));
    }
  }
  return {};
}

}  // namespace reigen::docker
