#include "docker/network_checks.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <string_view>

#include "api/docker_subnets.h"
#include "apiserver/docker_error.h"
#include "base/ip.h"
#include "docker/error_answer.h"

namespace reigen::docker {
namespace {

using api::dockerv1::AddressPool;

constexpr int kForbidden = 403, kServerError = 500;
constexpr size_t kMaxLinkName = 15;
constexpr std::string_view kPrefix = "com.docker.network.";

Fail no_value(std::string_view label, std::string_view value, std::string_view why) {
  return fail(unreadable(fmt::format("failed to parse {} value: {} ({})", label, value, why)));
}

Status check_mtu(const std::string& label, const std::string& text) {
  int64_t mtu = 0;
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  auto [end, error] = std::from_chars(begin, text.data() + text.size(), mtu);
  if (error == std::errc::result_out_of_range) return no_value(label, text, fmt::format("strconv.Atoi: parsing \"{}\": value out of range", text));
  if (error != std::errc() || end != text.data() + text.size()) return no_value(label, text, fmt::format("strconv.Atoi: parsing \"{}\": invalid syntax", text));
  if (mtu < 0 || mtu > 65535) return fail(Code::kInvalidArgument, fmt::format("invalid MTU number: {}", mtu));
  return {};
}

Status check_link_name(std::string_view name) {
  bool plain = std::ranges::all_of(
      name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-'; });
  if (plain && name.size() <= kMaxLinkName && name != "." && name != "..") return {};
  return fail(Code::kInvalidArgument, fmt::format("invalid bridge name {}: at most {} of [a-zA-Z0-9_.-]", name, kMaxLinkName));
}

Status check_pool(const AddressPool& pool) {
  auto subnet = IpNetwork::parse(pool.subnet);
  if (!subnet) return {};
  auto taken = [](const std::string& what) { return fail(apiserver::docker_error(kServerError, what + ": Address already in use")); };
  auto gateway = api::pool_gateway(*subnet, pool.gateway, pool.ip_range);
  if (!gateway) return fail(apiserver::docker_error(kServerError, "failed to allocate gateway (): no available addresses on this pool"));
  if (api::is_edge(*subnet, *gateway)) return taken(fmt::format("failed to allocate gateway ({})", pool.gateway));
  std::set<IpAddress> used{*gateway};
  for (const auto& [name, text] : pool.reserved) {
    auto address = IpAddress::parse(text);
    if (!address || api::is_edge(*subnet, *address) || !used.insert(*address).second)
      return taken(fmt::format("failed to allocate secondary ip address ({}:{})", name, text));
  }
  return {};
}

}  // namespace

bool is_go_bool(std::string_view text) {
  for (std::string_view known : {"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"})
    if (text == known) return true;
  return false;
}

Status check_bridge_options(const api::Map<std::string>& options) {
  for (const auto& [label, value] : options) {
    if (!label.starts_with(kPrefix)) continue;
    std::string_view name = std::string_view(label).substr(kPrefix.size());
    if (name == "bridge.name" && !value.empty()) TRY(check_link_name(value));
    if (name == "driver.mtu") TRY(check_mtu(label, value));
    if ((name == "bridge.enable_icc" || name == "bridge.enable_ip_masquerade" || name == "bridge.default_bridge" || name == "bridge.inhibit_ipv4") &&
        !is_go_bool(value))
      return no_value(label, value, fmt::format("strconv.ParseBool: parsing \"{}\": invalid syntax", value));
    if (name == "bridge.host_binding_ipv4" && !IpAddress::parse(value)) return no_value(label, value, "nil ip");
    if ((name == "bridge.gateway_mode_ipv4" || name == "bridge.gateway_mode_ipv6") && !value.empty() && value != "nat")
      return fail(Code::kUnimplemented, fmt::format("gateway mode {} is not supported by this engine", value));
  }
  return {};
}

Status check_pools(const std::vector<AddressPool>& pools) {
  for (bool v6 : {false, true}) {
    auto of_family = std::ranges::count_if(pools, [&](const AddressPool& pool) { return (pool.subnet.find(':') != std::string::npos) == v6; });
    if (of_family > 1) return fail(apiserver::docker_error(kForbidden, "bridge driver doesn't support multiple subnets"));
  }
  for (const AddressPool& pool : pools) TRY(check_pool(pool));
  return {};
}

}  // namespace reigen::docker
