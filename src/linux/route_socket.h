// RouteSocket: links, addresses, routes and neighbours of one network namespace, over rtnetlink.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/ip.h"
#include "base/result.h"

struct nlmsghdr;

namespace reigen::linux {

using MacAddress = std::array<uint8_t, 6>;

struct VethSpec {
  std::string name;  // here, at most 15 characters
  MacAddress mac{};
  std::string peer_name;  // in the other namespace
  MacAddress peer_mac{};
  int peer_namespace_fd = -1;
  int mtu = 1500;
};

struct Link {
  int index = 0;
  std::string name;
  std::string alias;
  std::string kind;  // "veth", "bridge"; empty for hardware
  int master = 0;    // the bridge it is a port of
  int mtu = 0;
  bool up = false;
};

struct LinkCounters {
  uint64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0, tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
};

// What a port of a bridge may do.
struct BridgePort {
  bool isolated = false;  // isolated ports do not see each other
  bool hairpin = false;   // frames may go out by the port they came in by
};

struct Address {
  int link_index = 0;
  IpAddress address;
  int prefix = 0;
  std::string label;
  IpAddress broadcast{};  // of IPv4; any: none
};

struct Route {
  IpNetwork destination;
  int link_index = 0;
  IpAddress gateway;     // any: directly on the link
  bool on_link = false;  // the gateway is reachable though no address says so
};

// Bound for ever to the namespace it was opened in; calls block, from one thread at a time. Adding what is there already is
// kAlreadyExists, removing what is not kNotFound.
class RouteSocket {
 public:
  static Result<RouteSocket> open();

  Status add_veth(const VethSpec& veth);
  // Without spanning tree, so that ports forward at once.
  Status add_bridge(const std::string& name, const MacAddress& mac, int mtu);
  Status set_master(int link_index, int bridge_index, const BridgePort& port = {});
  Status rename_link(int link_index, const std::string& name);  // it must be down on old kernels
  Status set_alias(int link_index, std::string_view alias);
  // Sets the alias (at most 255 bytes; empty: left as it is) and brings the link up.
  Status bring_up(int link_index, std::string_view alias = {});
  Status bring_down(int link_index);
  Status remove_link(int link_index);
  Result<Link> link(const std::string& name);
  // Links whose names begin so.
  Result<std::vector<Link>> links(std::string_view name_prefix = {});
  Result<LinkCounters> counters(int link_index);

  // A label (IPv4) must begin with the link's name.
  Status add_address(const Address& address);
  Status remove_address(const Address& address);
  Result<std::vector<Address>> addresses();

  Status add_route(const Route& route);  // replaces the route of the same destination
  Status remove_route(const IpNetwork& destination, int link_index);
  // Of the main table, both families.
  Result<std::vector<Route>> routes();
  // A neighbour that is never asked for.
  Status add_neighbour(int link_index, const IpAddress& address, const MacAddress& mac);

  // The MTU of the link that the IPv4 default route uses; 1500 without one.
  Result<int> default_route_mtu();

 private:
  explicit RouteSocket(Fd fd) : fd_(std::move(fd)) {}
  Status talk(nlmsghdr* message, const std::string& what, const std::function<void(const nlmsghdr*)>& each = {});
  Status set_address(const Address& address, uint16_t type, uint16_t flags);

  Fd fd_;
  uint32_t sequence_ = 0;
};

// Writes net.<name with dots as slashes> of the calling thread's namespace: set_sysctl("ipv4/ip_forward", "1"). Writes only
// when the value differs.
Status set_net_sysctl(const std::string& name, std::string_view value);
Result<std::string> net_sysctl(const std::string& name);

}  // namespace reigen::linux
