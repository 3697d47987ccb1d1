#include "docker/network_requests.h"

#include <fmt/core.h>

#include "apiserver/docker_error.h"
#include "base/ip.h"
#include "docker/wire_form.h"

namespace reigen::docker {

namespace {

using api::Value;
using api::dockerv1::Network;
using api::dockerv1::NetworkRequest;

Fail wrong(std::string message) { return fail(Code::kInvalidArgument, std::move(message)); }

std::vector<std::string> strings_of(const Value* list) {
  std::vector<std::string> out;
  if (!list || !list->is_array()) return out;
  for (const auto& item : list->items()) out.emplace_back(item.text());
  return out;
}

// "name:alias", "name" and what inspect of older engines gives: "/name:/parent/alias".
Result<std::vector<std::string>> resolve_links(const std::vector<std::string>& links, bool user_defined, const NetworkContext& context) {
  std::vector<std::string> out;
  for (const auto& link : links) {
    size_t colon = link.find(':');
    std::string name = link.substr(0, colon);
    std::string alias = colon == std::string::npos ? name : link.substr(colon + 1);
    if (size_t slash = alias.rfind('/'); slash != std::string::npos) alias.erase(0, slash + 1);
    if (name.empty() || alias.empty() || alias.find(':') != std::string::npos) return wrong(fmt::format("bad format for links: {}", link));
    auto id = context.find_container(name);
    if (!id && user_defined) {
      out.push_back(name + ":" + alias);  // only a name that may come
      continue;
    }
    if (!id) return wrong(fmt::format("could not get container for {}: {}", name, id.error().message()));
    out.push_back(*id + ":" + alias);
  }
  return out;
}

bool has_given_pool(const Network& network, bool v6) {
  for (const auto& pool : network.spec.pools) {
    if (pool.given && (pool.subnet.find(':') != std::string::npos) == v6) return true;
  }
  return false;
}

Status check_address(const std::string& address, bool v6, std::string_view name, const Network* network) {
  if (address.empty()) return {};
  auto parsed = IpAddress::parse(address);
  if (!parsed || parsed->is_v4() == v6) return wrong(fmt::format("invalid {} address: {}", v6 ? "IPv6" : "IPv4", address));
  if (is_predefined_network(name)) return wrong("user specified IP address is supported on user defined networks only");
  if (network && !has_given_pool(*network, v6))
    return wrong("user specified IP address is supported only when connecting to networks with user configured subnets");
  return {};
}

// "02:42:ac:11:00:02", also with '-'.
bool is_mac(std::string_view text) {
  if (text.size() != 17) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (i % 3 == 2 ? c != ':' && c != '-' : !hex) return false;
  }
  return true;
}

// The id in place of the name, so that a rename of the other does not matter.
Status pin_shared(Value& host, std::string_view field, const NetworkContext& context) {
  std::string mode(host.text_at({field}));
  if (!mode.starts_with("container:")) return {};
  auto id = context.find_container(mode.substr(10));
  if (id) {
    host.set(field, "container:" + *id);
    return {};
  }
  if (id.error().code() == Code::kConflict) return fail(id.error());
  // Of a network it is told at the start.
  return field == "NetworkMode" ? Status() : wrong(id.error().message());
}

}  // namespace

bool is_predefined_network(std::string_view name) { return name == "bridge" || name == "default" || name == "host" || name == "none"; }

Result<NetworkRequest> endpoint_request(const std::string& name, const Network* network, const Value& settings, const NetworkContext& context) {
  NetworkRequest out;
  out.network = name;
  if (settings.is_null()) return out;
  TRY_ASSIGN(Value formed, wire_form<api::dockerv1::EndpointSettings>(settings));
  out.aliases = strings_of(formed.find("Aliases"));
  if (!out.aliases.empty() && is_predefined_network(name)) return wrong("network-scoped alias is supported only for containers in user defined networks");
  out.ipv4_address = formed.text_at({"IPAMConfig", "IPv4Address"});
  out.ipv6_address = formed.text_at({"IPAMConfig", "IPv6Address"});
  TRY(check_address(out.ipv4_address, false, name, network));
  TRY(check_address(out.ipv6_address, true, name, network));
  out.mac_address = formed.text_at({"MacAddress"});
  if (!out.mac_address.empty() && !is_mac(out.mac_address)) return wrong(fmt::format("invalid MAC address: {}", out.mac_address));
  TRY_ASSIGN(out.links, resolve_links(strings_of(formed.find("Links")), !is_predefined_network(name), context));
  if (const Value* priority = formed.find("GwPriority")) out.gateway_priority = static_cast<int32_t>(priority->int_or(0));
  Value kept = Value::object();
  for (std::string_view field : {"IPAMConfig", "Links", "Aliases", "DriverOpts"}) {
    if (const Value* value = formed.find(field); value && !value->is_null()) kept.set(field, *value);
  }
  if (kept.size() > 0) out.config = api::RawExtension(api::to_json(kept));
  return out;
}

Result<std::vector<NetworkRequest>> resolve_networks(CreateRequest& request, const NetworkContext& context) {
  for (std::string_view field : {"NetworkMode", "PidMode", "IpcMode"}) TRY(pin_shared(request.host, field, context));
  std::string mode(request.host.text_at({"NetworkMode"}));
  std::vector<NetworkRequest> out;
  if (mode.starts_with("container:")) {
    if (!request.endpoints.empty()) return wrong("container sharing network namespace with another container or host cannot be connected to any other network");
    return out;
  }
  std::string first = mode == "default" ? "bridge" : mode;
  auto network_of = [&](std::string_view name) { return context.find_network(name); };
  auto add = [&](const std::string& name, const Value& settings) -> Status {
    auto network = network_of(name);
    TRY_ASSIGN(NetworkRequest endpoint, endpoint_request(network ? network->spec.docker_name : name, network.get(), settings, context));
    if (network) endpoint.network_id = "";  // filled at the start: until then a network of the name may go and come again
    out.push_back(std::move(endpoint));
    return {};
  };
  auto given = request.endpoints.find(mode);
  if (given == request.endpoints.end()) given = request.endpoints.find(first);
  TRY(add(first, given == request.endpoints.end() ? Value() : given->second));
  for (const auto& [name, settings] : request.endpoints) {
    if (name == mode || name == first) continue;
    auto network = network_of(name);
    if (network && network->spec.docker_name == out[0].network) {
      out.clear();
      TRY(add(name, settings));
      continue;
    }
    if (first == "host" || first == "none") return wrong("container cannot be connected to multiple networks with one of the networks in private (none) mode");
    TRY(add(name, settings));
  }
  if (std::string mac(request.config.text_at({"MacAddress"})); !mac.empty()) {
    if (!is_mac(mac)) return wrong(fmt::format("invalid MAC address: {}", mac));
    if (out[0].mac_address.empty()) out[0].mac_address = mac;
  }
  TRY_ASSIGN(auto links, resolve_links(strings_of(request.host.find("Links")), false, context));
  for (auto& link : links) out[0].links.push_back(std::move(link));
  return out;
}

}  // namespace reigen::docker
