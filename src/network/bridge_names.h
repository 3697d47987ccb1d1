// How bridges and containers' links are named, and the records in their aliases: "reigen:<instance>:bridge:…" and "reigen:<instance>:<sandbox>:<endpoint>:…".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "network/container_network.h"

namespace reigen::network {

std::string bridge_prefix(const std::string& instance);          // "rn" and six digits
std::string container_link_prefix(const std::string& instance);  // "rc" and six digits: the host's ends
// `attempt` tells names apart whose hashes collide.
std::string bridge_name(const std::string& instance, const std::string& network, unsigned attempt);
std::string container_link_name(const std::string& instance, const std::string& endpoint, unsigned attempt);
std::string docker_table(const std::string& instance);  // reigen-<instance>-docker
// [a-zA-Z0-9_.-]{1,15}, and no folder's name.
bool is_link_name(std::string_view name);

// What must be known of a bridge when nobody is left who asked for it. `link`, `publish_on` and `mtu` of the specification are not in it; its name is
// cut to what fits.
std::string bridge_alias(const std::string& instance, const BridgeSpec& bridge);
// Nothing when the alias is not this instance's.
std::optional<BridgeSpec> parse_bridge_alias(const std::string& instance, std::string_view alias);

// Sandbox, endpoint, its mac, addresses and priority, and the link's name in the container. The network is that of the bridge it is a port of.
struct LegRecord {
  std::string sandbox;
  Endpoint endpoint;
  std::string name;
};
// Empty when it is longer than the 255 bytes of an alias.
std::string leg_alias(const std::string& instance, const LegRecord& record);
std::optional<LegRecord> parse_leg_alias(const std::string& instance, std::string_view alias);

// 02:42 and the IPv4 address; without one, 02:42 and digits of the endpoint's id.
linux::MacAddress endpoint_mac(const Endpoint& endpoint);
linux::MacAddress bridge_mac(const std::string& instance, const std::string& network);

}  // namespace reigen::network
