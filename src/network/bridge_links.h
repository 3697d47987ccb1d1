// Making bridges, and containers' links with what is inside of their namespaces.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "linux/route_socket.h"
#include "network/container_network.h"

namespace reigen::network {

// Makes the bridge with addresses and alias and brings it up; complete or not at all. Returns its name. kAlreadyExists when a wanted name is taken.
Result<std::string> make_bridge(linux::RouteSocket& route, const std::string& instance, const BridgeSpec& bridge, int mtu);

// Makes the pair, the host's end a port of the bridge, the other down and without addresses in the namespace. Fills in `leg.link`.
Status make_leg(linux::RouteSocket& route, const std::string& instance, const std::string& sandbox, const BridgeSpec& bridge, int bridge_index, int mtu,
                int netns_fd, Leg& leg);

// What the default routes of both families go by; without a leg there is none.
struct DefaultRoutes {
  struct Way {
    std::string name;  // of the link in the container
    IpAddress gateway;
    bool operator==(const Way&) const = default;
  };
  std::optional<Way> v4, v6;
  bool operator==(const DefaultRoutes&) const = default;
};

// In the namespace: addresses (prefixes from the networks' pools) and sysctls of new links, which come up; then the default routes. `before`: what the
// routes were.
struct NewLeg {
  const BridgeSpec* bridge = nullptr;
  const Endpoint* endpoint = nullptr;
  std::string name;
};
Status set_up_container(int netns_fd, const std::vector<NewLeg>& legs, const DefaultRoutes& before, const DefaultRoutes& routes);

// "net.ipv4.conf.IFNAME.log_martians" of link eth0 as "ipv4/conf/eth0/log_martians"; nothing when it is none of net.*.IFNAME.*.
std::optional<std::string> endpoint_sysctl_path(std::string_view name, const std::string& link);

// The prefix of the pool that holds the address; nothing when none does.
std::optional<IpNetwork> subnet_of(const BridgeSpec& bridge, const IpAddress& address);

}  // namespace reigen::network
