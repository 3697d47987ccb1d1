#include "network/bridge_names.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "network/names.h"

namespace reigen::network {
namespace {

constexpr size_t kMaxAlias = 255;
constexpr size_t kMaxLinkName = 15;

std::string head_of(const std::string& instance) { return fmt::format("reigen:{}:", instance); }

// The text up to the separator, which is taken off too; all of it where there is none.
std::string_view take(std::string_view& text, char separator) {
  auto at = std::min(text.find(separator), text.size());
  std::string_view part = text.substr(0, at);
  text.remove_prefix(std::min(text.size(), at + 1));
  return part;
}

std::string mac_digits(const linux::MacAddress& mac) {
  std::string text;
  for (uint8_t byte : mac) text += fmt::format("{:02x}", byte);
  return text;
}

std::optional<linux::MacAddress> parse_mac_digits(std::string_view text) {
  linux::MacAddress mac{};
  if (text.size() != mac.size() * 2) return std::nullopt;
  for (size_t i = 0; i < mac.size(); i++) {
    auto [end, error] = std::from_chars(text.data() + i * 2, text.data() + i * 2 + 2, mac[i], 16);
    if (error != std::errc{} || end != text.data() + i * 2 + 2) return std::nullopt;
  }
  return mac;
}

// "172.18.0.1/16"
std::optional<BridgeSpec::Pool> parse_pool(std::string_view text) {
  auto network = IpNetwork::parse(text);
  auto gateway = IpAddress::parse(take(text, '/'));
  if (!network || !gateway) return std::nullopt;
  return BridgeSpec::Pool{*network, *gateway};
}

}  // namespace

std::string bridge_prefix(const std::string& instance) { return "rn" + instance_digits(instance); }
std::string container_link_prefix(const std::string& instance) { return "rc" + instance_digits(instance); }

std::string bridge_name(const std::string& instance, const std::string& network, unsigned attempt) {
  if (attempt > 0) return bridge_prefix(instance) + name_digits(fmt::format("{}/{}", network, attempt));
  return bridge_prefix(instance) + network.substr(0, 7);
}

std::string container_link_name(const std::string& instance, const std::string& endpoint, unsigned attempt) {
  if (attempt > 0) return container_link_prefix(instance) + name_digits(fmt::format("{}/{}", endpoint, attempt));
  return container_link_prefix(instance) + endpoint.substr(0, 7);
}

std::string docker_table(const std::string& instance) { return "reigen-" + instance + "-docker"; }

bool is_link_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxLinkName || name == "." || name == "..") return false;
  return std::ranges::all_of(
      name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-'; });
}

std::string bridge_alias(const std::string& instance, const BridgeSpec& bridge) {
  std::string flags = "b";
  if (bridge.internal) flags += 'i';
  if (bridge.isolate_ports) flags += 'p';
  if (bridge.masquerade) flags += 'm';
  std::string alias = fmt::format("{}bridge:{}:{}:", head_of(instance), bridge.id, flags);
  for (size_t i = 0; i < bridge.pools.size(); i++) alias += fmt::format("{}{}/{}", i ? "," : "", bridge.pools[i].gateway.str(), bridge.pools[i].subnet.prefix);
  alias += ";" + bridge.name;
  if (alias.size() > kMaxAlias) alias.resize(kMaxAlias);
  return alias;
}

std::optional<BridgeSpec> parse_bridge_alias(const std::string& instance, std::string_view alias) {
  std::string head = head_of(instance) + "bridge:";
  if (!alias.starts_with(head)) return std::nullopt;
  alias.remove_prefix(head.size());
  BridgeSpec bridge;
  bridge.id = take(alias, ':');
  std::string_view flags = take(alias, ':');
  if (bridge.id.empty() || !flags.starts_with('b')) return std::nullopt;
  bridge.internal = flags.contains('i');
  bridge.isolate_ports = flags.contains('p');
  bridge.masquerade = flags.contains('m');
  std::string_view pools = take(alias, ';');
  while (!pools.empty()) {
    auto pool = parse_pool(take(pools, ','));
    if (!pool) return std::nullopt;
    bridge.pools.push_back(*pool);
  }
  bridge.name = alias;
  return bridge;
}

std::string leg_alias(const std::string& instance, const LegRecord& record) {
  const Endpoint& endpoint = record.endpoint;
  std::string alias = fmt::format("{}{}:{}:{},", head_of(instance), record.sandbox, endpoint.id, record.name);
  if (endpoint.gateway_priority != 0) alias += std::to_string(endpoint.gateway_priority);
  alias += ',';
  Endpoint plain = endpoint;
  plain.mac = {};
  if (endpoint.mac != endpoint_mac(plain)) alias += mac_digits(endpoint.mac);
  for (const IpAddress& address : endpoint.addresses) alias += "," + address.str();
  return alias.size() <= kMaxAlias ? alias : std::string();
}

std::optional<LegRecord> parse_leg_alias(const std::string& instance, std::string_view alias) {
  std::string head = head_of(instance);
  if (!alias.starts_with(head)) return std::nullopt;
  alias.remove_prefix(head.size());
  LegRecord record;
  record.sandbox = take(alias, ':');
  record.endpoint.id = take(alias, ':');
  record.name = take(alias, ',');
  if (record.sandbox.empty() || record.endpoint.id.empty() || !is_link_name(record.name)) return std::nullopt;
  if (std::string_view priority = take(alias, ','); !priority.empty()) {
    auto [end, error] = std::from_chars(priority.data(), priority.data() + priority.size(), record.endpoint.gateway_priority);
    if (error != std::errc{} || end != priority.data() + priority.size()) return std::nullopt;
  }
  std::string_view mac = take(alias, ',');
  while (!alias.empty()) {
    auto address = IpAddress::parse(take(alias, ','));
    if (!address) return std::nullopt;
    record.endpoint.addresses.push_back(*address);
  }
  auto given = parse_mac_digits(mac);
  if (!mac.empty() && !given) return std::nullopt;
  record.endpoint.mac = given ? *given : endpoint_mac(record.endpoint);
  return record;
}

linux::MacAddress endpoint_mac(const Endpoint& endpoint) {
  if (endpoint.mac != linux::MacAddress{}) return endpoint.mac;
  for (const IpAddress& address : endpoint.addresses)
    if (address.is_v4()) return {0x02, 0x42, address.data()[0], address.data()[1], address.data()[2], address.data()[3]};
  auto mac = parse_mac_digits("0242" + name_digits(endpoint.id) + "0");
  return mac ? *mac : linux::MacAddress{0x02, 0x42, 0, 0, 0, 1};
}

linux::MacAddress bridge_mac(const std::string& instance, const std::string& network) {
  auto mac = parse_mac_digits("0242" + name_digits(instance + "/" + network) + "1");
  return mac ? *mac : linux::MacAddress{0x02, 0x42, 0, 0, 0, 2};
}

}  // namespace reigen::network
