#include "network/bridge_links.h"

#include <algorithm>

#include "linux/network_namespace.h"
#include "network/bridge_names.h"

namespace reigen::network {

using linux::RouteSocket;
using linux::set_net_sysctl;

namespace {

constexpr unsigned kNameAttempts = 8;

// The files are missing where the kernel has no IPv6.
void quieten_ipv6(const std::string& link) {
  (void)set_net_sysctl("ipv6/conf/" + link + "/addr_gen_mode", "1");
  (void)set_net_sysctl("ipv6/conf/" + link + "/accept_ra", "0");
}

bool has_v6(const std::vector<IpAddress>& addresses) {
  return std::ranges::any_of(addresses, [](const IpAddress& address) { return !address.is_v4(); });
}

// Any: none, as in networks of one or two addresses and in IPv6.
IpAddress broadcast_of(const IpNetwork& subnet) {
  if (!subnet.address.is_v4() || subnet.prefix > 30) return {};
  return subnet.address.plus(subnet.size() - 1);
}

// With an alias from its first moment, so that it is found after a crash whatever it is called.
Result<linux::Link> add_bridge(RouteSocket& route, const std::string& instance, const BridgeSpec& bridge, int mtu) {
  Status added;
  std::string name;
  for (unsigned attempt = 0; attempt < kNameAttempts; attempt++) {
    name = bridge_name(instance, bridge.id, attempt);
    added = route.add_bridge(name, bridge_mac(instance, bridge.id), mtu);
    if (added || added.error().code() != Code::kAlreadyExists) break;
  }
  TRY(added);
  TRY_ASSIGN(linux::Link link, route.link(name));
  Status named = route.set_alias(link.index, bridge_alias(instance, bridge));
  if (named && !bridge.link.empty()) named = route.rename_link(link.index, bridge.link);
  if (!named) {
    (void)route.remove_link(link.index);
    if (named.error().code() == Code::kAlreadyExists) return fail(Code::kAlreadyExists, "network link " + bridge.link + " is there already");
    return fail(std::move(named.error()));
  }
  if (!bridge.link.empty()) link.name = bridge.link;
  return link;
}

Status set_up_bridge(RouteSocket& route, const linux::Link& link, const BridgeSpec& bridge) {
  std::string conf = "ipv4/conf/" + link.name + "/";
  TRY(set_net_sysctl(conf + "rp_filter", "1"));
  TRY(set_net_sysctl(conf + "route_localnet", "1"));
  TRY(set_net_sysctl(conf + "send_redirects", "0"));
  bool v6 = std::ranges::any_of(bridge.pools, [](const BridgeSpec::Pool& pool) { return !pool.gateway.is_v4(); });
  if (v6) (void)set_net_sysctl("ipv6/conf/" + link.name + "/accept_ra", "0");
  else quieten_ipv6(link.name);
  for (const BridgeSpec::Pool& pool : bridge.pools) TRY(route.add_address({link.index, pool.gateway, pool.subnet.prefix, {}, broadcast_of(pool.subnet)}));
  return route.bring_up(link.index);
}

// Where bridged packets pass the host's rules a published port of the container itself sends a frame back to where it came from.
bool bridged_packets_pass_rules() {
  for (const char* name : {"bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables"})
    if (auto value = linux::net_sysctl(name); value && *value == "1") return true;
  return false;
}

Status set_up_link(RouteSocket& route, const NewLeg& leg) {
  TRY_ASSIGN(linux::Link link, route.link(leg.name));
  const Endpoint& endpoint = *leg.endpoint;
  std::string v6_conf = "ipv6/conf/" + leg.name + "/";
  if (has_v6(endpoint.addresses)) {
    (void)set_net_sysctl(v6_conf + "accept_ra", "0");
    TRY(set_net_sysctl(v6_conf + "disable_ipv6", "0"));
  } else {
    (void)set_net_sysctl(v6_conf + "disable_ipv6", "1");
  }
  // A neighbour may remember another owner of the address.
  (void)set_net_sysctl("ipv4/conf/" + leg.name + "/arp_notify", "1");
  for (const auto& [name, value] : endpoint.sysctls) {
    auto path = endpoint_sysctl_path(name, leg.name);
    if (!path) return fail(Code::kInvalidArgument, "endpoint sysctl " + name + " is none of net.*.IFNAME.*");
    if (Status set = set_net_sysctl(*path, value); !set) return fail(std::move(set.error()).context("endpoint sysctl " + name));
  }
  for (const IpAddress& address : endpoint.addresses) {
    auto subnet = subnet_of(*leg.bridge, address);
    if (!subnet) return fail(Code::kInvalidArgument, "address " + address.str() + " is not of network " + leg.bridge->id);
    TRY(route.add_address({link.index, address, subnet->prefix, {}, broadcast_of(*subnet)}));
  }
  return route.bring_up(link.index);
}

Status set_default_route(RouteSocket& route, IpFamily family, const std::optional<DefaultRoutes::Way>& before, const std::optional<DefaultRoutes::Way>& way) {
  IpNetwork everything{IpAddress::any(family), 0};
  if (way) {
    TRY_ASSIGN(linux::Link link, route.link(way->name));
    // IPv6 keeps one route a link: the old one would stay beside.
    if (before && before->name != way->name)
      if (auto old = route.link(before->name)) (void)route.remove_route(everything, old->index);
    return route.add_route({everything, link.index, way->gateway, false});
  }
  // Gone with its link, or taken off by the container itself.
  if (before)
    if (auto old = route.link(before->name)) (void)route.remove_route(everything, old->index);
  return {};
}

}  // namespace

Result<std::string> make_bridge(RouteSocket& route, const std::string& instance, const BridgeSpec& bridge, int mtu) {
  if (bridge.id.size() < 7 || (!bridge.link.empty() && !is_link_name(bridge.link)))
    return fail(Code::kInvalidArgument, "network " + bridge.id + ": bridge name \"" + bridge.link + "\" is not valid");
  TRY_ASSIGN(linux::Link link, add_bridge(route, instance, bridge, mtu));
  if (Status made = set_up_bridge(route, link, bridge); !made) {
    (void)route.remove_link(link.index);
    return fail(std::move(made.error()).context("bridge of network " + bridge.id));
  }
  return link.name;
}

Status make_leg(RouteSocket& route, const std::string& instance, const std::string& sandbox, const BridgeSpec& bridge, int bridge_index, int mtu, int netns_fd,
                Leg& leg) {
  std::string alias = leg_alias(instance, {sandbox, leg.endpoint, leg.name});
  if (alias.empty()) return fail(Code::kInvalidArgument, "the endpoint's record is too long for a link");
  linux::VethSpec veth;
  veth.mac = bridge_mac(instance, leg.endpoint.id);
  veth.peer_name = leg.name;
  veth.peer_mac = leg.endpoint.mac;
  veth.peer_namespace_fd = netns_fd;
  veth.mtu = mtu;
  Status added;
  for (unsigned attempt = 0; attempt < kNameAttempts; attempt++) {
    veth.name = container_link_name(instance, leg.endpoint.id, attempt);
    added = route.add_veth(veth);
    // The name inside may be the one that exists: then ours is free.
    if (added || added.error().code() != Code::kAlreadyExists || !route.link(veth.name)) break;
  }
  TRY(added);
  leg.link = veth.name;
  TRY_ASSIGN(linux::Link link, route.link(veth.name));
  quieten_ipv6(veth.name);
  linux::BridgePort port;
  port.isolated = bridge.isolate_ports;
  port.hairpin = bridged_packets_pass_rules();
  TRY(route.set_master(link.index, bridge_index, port));
  return route.bring_up(link.index, alias);
}

Status set_up_container(int netns_fd, const std::vector<NewLeg>& legs, const DefaultRoutes& before, const DefaultRoutes& routes) {
  return linux::in_network_namespace(netns_fd, [&]() -> Status {
    TRY_ASSIGN(RouteSocket route, RouteSocket::open());
    for (const NewLeg& leg : legs) TRY(set_up_link(route, leg));
    if (before.v4 != routes.v4) TRY(set_default_route(route, IpFamily::kV4, before.v4, routes.v4));
    if (before.v6 != routes.v6) TRY(set_default_route(route, IpFamily::kV6, before.v6, routes.v6));
    return {};
  });
}

std::optional<std::string> endpoint_sysctl_path(std::string_view name, const std::string& link) {
  constexpr std::string_view kHead = "net.", kLink = "IFNAME";
  if (!name.starts_with(kHead)) return std::nullopt;
  name.remove_prefix(kHead.size());
  std::string path;
  bool has_link = false;
  while (!name.empty()) {
    auto dot = std::min(name.find('.'), name.size());
    std::string_view part = name.substr(0, dot);
    bool plain = !part.empty() && std::ranges::all_of(part, [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; });
    if (!plain || dot + 1 == name.size()) return std::nullopt;
    name.remove_prefix(std::min(name.size(), dot + 1));
    if (!path.empty()) path += '/';
    bool is_link = part == kLink;
    // A sysctl of the whole namespace is not the endpoint's.
    if (is_link && (has_link || path.empty() || name.empty())) return std::nullopt;
    has_link |= is_link;
    path += is_link ? std::string_view(link) : part;
  }
  if (!has_link) return std::nullopt;
  return path;
}

std::optional<IpNetwork> subnet_of(const BridgeSpec& bridge, const IpAddress& address) {
  for (const BridgeSpec::Pool& pool : bridge.pools)
    if (pool.subnet.contains(address)) return pool.subnet;
  return std::nullopt;
}

}  // namespace reigen::network
