#include "network/container_network.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "base/log.h"
#include "linux/conntrack.h"
#include "linux/network_namespace.h"
#include "linux/nftables.h"
#include "network/bridge_links.h"
#include "network/bridge_names.h"
#include "network/bridge_rules.h"
#include "network/firewall.h"
#include "network/names.h"
#include "network/port_table.h"
#include "network/published_ports.h"

namespace reigen::network {

using linux::RouteSocket;

namespace {

constexpr size_t kMaxSandbox = 64;
constexpr uint8_t kUdp = 17;

struct Sandbox {
  std::string name;  // the container's, for errors; unknown after a restart
  std::vector<Leg> legs;
  std::vector<Publication> wanted;
  bool released = false;
};

// Number of "eth12"; names sort by it.
int leg_number(const std::string& name) { return std::atoi(name.c_str() + std::min<size_t>(name.size(), 3)); }

const IpAddress* address_of(const Endpoint& endpoint, IpFamily family) {
  auto found = std::ranges::find_if(endpoint.addresses, [&](const IpAddress& address) { return address.family() == family; });
  return found == endpoint.addresses.end() ? nullptr : &*found;
}

const IpAddress* gateway_of(const Leg& leg, IpFamily family) {
  auto found = std::ranges::find_if(leg.gateways, [&](const IpAddress& address) { return address.family() == family; });
  return found == leg.gateways.end() ? nullptr : &*found;
}

std::vector<IpAddress> gateways_of(const BridgeSpec& bridge) {
  std::vector<IpAddress> gateways;
  if (!bridge.internal)
    for (const BridgeSpec::Pool& pool : bridge.pools) gateways.push_back(pool.gateway);
  return gateways;
}

// A host that gets its own routes by router advertisements must go on doing so although it forwards now.
Status forward_v6(RouteSocket& route) {
  if (auto now = linux::net_sysctl("ipv6/conf/all/forwarding"); !now || *now == "1") return {};
  TRY_ASSIGN(auto links, route.links());
  for (const linux::Link& link : links) {
    std::string name = "ipv6/conf/" + link.name + "/accept_ra";
    if (auto accepts = linux::net_sysctl(name); accepts && *accepts == "1") (void)linux::set_net_sysctl(name, "2");
  }
  return linux::set_net_sysctl("ipv6/conf/all/forwarding", "1");
}

class HostContainerNetwork final : public ContainerNetwork {
 public:
  HostContainerNetwork(PodNetworkOptions options, RouteSocket route, linux::NftSocket nft)
      : options_(std::move(options)), route_(std::move(route)), nft_(std::move(nft)), chooser_(*options_.ports) {}

  Status start() {
    if (options_.mtu == 0) {
      TRY_ASSIGN(options_.mtu, route_.default_route_mtu());
    }
    TRY(linux::set_net_sysctl("ipv4/ip_forward", "1"));
    TRY(adopt_bridges());
    TRY(adopt_legs());
    adopt_ports();
    if (!bridges_.empty()) TRY(replace_rules());
    for (const Finding& finding : check()) LOG(kWarning, "network", "{} ({})", finding.what, finding.remedy);
    return {};
  }

  Result<ContainerAttachment> attach(const std::string& sandbox, const std::string& netns_path, const std::string& name,
                                     const std::vector<std::pair<BridgeSpec, Endpoint>>& legs, const std::vector<Publication>& ports) override {
    std::lock_guard lock(mutex_);
    if (auto known = sandboxes_.find(sandbox); known != sandboxes_.end()) return attachment_of(sandbox, known->second);
    TRY(check_sandbox(sandbox));
    TRY_ASSIGN(Fd netns, linux::open_network_namespace(netns_path));
    Sandbox& entry = sandboxes_[sandbox];
    entry.name = name;
    entry.wanted = ports;
    Status made = add_legs(sandbox, entry, netns.get(), legs);
    if (made) made = publish(sandbox, entry);
    if (made) return attachment_of(sandbox, entry);
    undo(sandbox);
    return fail(std::move(made.error()));
  }

  Result<ContainerAttachment> connect(const std::string& sandbox, const std::string& netns_path, const BridgeSpec& bridge, const Endpoint& endpoint) override {
    std::lock_guard lock(mutex_);
    TRY_ASSIGN(Fd netns, linux::open_network_namespace(netns_path));
    TRY(check_sandbox(sandbox));
    Sandbox& entry = sandboxes_[sandbox];
    for (const Leg& leg : entry.legs)
      if (leg.endpoint.network == bridge.id) return fail(Code::kAlreadyExists, "sandbox " + sandbox + " is on network " + bridge.id + " already");
    const size_t before = entry.legs.size();
    Status made = add_legs(sandbox, entry, netns.get(), {{bridge, endpoint}});
    if (made) made = move_ports(sandbox, entry);
    if (made) return attachment_of(sandbox, entry);
    if (entry.legs.size() > before) {
      DefaultRoutes with = routes_of(entry);
      (void)remove_link(entry.legs.back());
      entry.legs.pop_back();
      (void)set_up_container(netns.get(), {}, with, routes_of(entry));
      (void)move_ports(sandbox, entry);
    }
    return fail(std::move(made.error()));
  }

  Status disconnect(const std::string& sandbox, const std::string& netns_path, const std::string& network) override {
    std::lock_guard lock(mutex_);
    auto entry = sandboxes_.find(sandbox);
    auto on_network = [&](const Leg& leg) { return leg.endpoint.network == network; };
    if (entry == sandboxes_.end() || std::ranges::none_of(entry->second.legs, on_network))
      return fail(Code::kNotFound, "sandbox " + sandbox + " is not on network " + network);
    std::vector<Leg>& legs = entry->second.legs;
    auto leg = std::ranges::find_if(legs, on_network);
    DefaultRoutes before = routes_of(entry->second);
    TRY(remove_link(*leg));
    legs.erase(leg);
    if (DefaultRoutes now = routes_of(entry->second); now != before) {
      TRY_ASSIGN(Fd netns, linux::open_network_namespace(netns_path));
      TRY(set_up_container(netns.get(), {}, before, now));
    }
    return move_ports(sandbox, entry->second);
  }

  Status release(const std::string& sandbox) override {
    std::lock_guard lock(mutex_);
    auto entry = sandboxes_.find(sandbox);
    return entry == sandboxes_.end() ? Status() : release_locked(sandbox, entry->second);
  }

  // The kernel takes some 20 ms for a link; others need not wait for that.
  Status detach(const std::string& sandbox) override {
    Sandbox gone;
    {
      std::lock_guard lock(mutex_);
      auto entry = sandboxes_.find(sandbox);
      if (entry == sandboxes_.end()) return {};
      if (Status done = release_locked(sandbox, entry->second); !done) LOG(kWarning, "network", "detach sandbox {}: {}", sandbox, done.error().message());
      gone = std::move(entry->second);
      sandboxes_.erase(entry);
    }
    Status removed = remove_links(gone.legs);
    if (removed) return {};
    std::lock_guard lock(mutex_);
    sandboxes_.try_emplace(sandbox, std::move(gone));
    return removed;
  }

  Status remove_bridge(const std::string& network) override {
    std::lock_guard lock(mutex_);
    return remove_bridge_locked(network);
  }

  std::optional<ContainerAttachment> find(const std::string& sandbox) const override {
    std::lock_guard lock(mutex_);
    auto entry = sandboxes_.find(sandbox);
    if (entry == sandboxes_.end()) return std::nullopt;
    return attachment_of(sandbox, entry->second);
  }

  Status collect(const std::set<std::string>& live_sandboxes, const std::set<std::string>& live_networks) override {
    std::lock_guard lock(mutex_);
    std::vector<std::string> dead, unused;
    for (const auto& [sandbox, entry] : sandboxes_)
      if (!live_sandboxes.contains(sandbox)) dead.push_back(sandbox);
    for (const auto& [network, bridge] : bridges_)
      if (!live_networks.contains(network)) unused.push_back(network);
    Status first;
    auto keep = [&](Status done) {
      if (!done && first) first = std::move(done);
    };
    for (const std::string& sandbox : dead) keep(detach_locked(sandbox));
    for (const std::string& network : unused) keep(remove_bridge_locked(network));
    return first;
  }

  Result<std::vector<IpNetwork>> networks_in_use() override {
    std::lock_guard lock(mutex_);
    TRY_ASSIGN(auto links, route_.links());
    std::set<int> foreign;
    for (const linux::Link& link : links)
      if (link.name != "lo" && !is_ours(link)) foreign.insert(link.index);
    std::vector<IpNetwork> networks;
    auto add = [&](const IpNetwork& network, int link) {
      bool link_local = !network.address.is_v4() && IpNetwork{*IpAddress::parse("fe80::"), 10}.contains(network.address);
      if (network.prefix > 0 && foreign.contains(link) && !link_local && std::ranges::find(networks, network) == networks.end()) networks.push_back(network);
    };
    TRY_ASSIGN(auto routes, route_.routes());
    for (const linux::Route& route : routes) add(route.destination, route.link_index);
    TRY_ASSIGN(auto addresses, route_.addresses());
    for (const linux::Address& address : addresses)
      if (auto network = IpNetwork::parse(address.address.str() + "/" + std::to_string(address.prefix))) add(*network, address.link_index);
    return networks;
  }

  Result<std::vector<Counters>> counters(const std::string& sandbox) override {
    std::lock_guard lock(mutex_);
    auto entry = sandboxes_.find(sandbox);
    if (entry == sandboxes_.end()) return fail(Code::kNotFound, "sandbox " + sandbox + " has no network");
    std::vector<Counters> all;
    for (const Leg& leg : entry->second.legs) {
      TRY_ASSIGN(linux::Link link, route_.link(leg.link));
      TRY_ASSIGN(linux::LinkCounters host, route_.counters(link.index));
      // What the host's end sends the container receives.
      all.push_back(
          {leg.name, host.tx_bytes, host.tx_packets, host.tx_errors, host.tx_dropped, host.rx_bytes, host.rx_packets, host.rx_errors, host.rx_dropped});
    }
    return all;
  }

  std::vector<Finding> check() override {
    std::lock_guard lock(mutex_);
    std::vector<Finding> findings;
    if (bridges_.empty()) return findings;
    if (auto forwarding = linux::net_sysctl("ipv4/ip_forward"); forwarding && *forwarding != "1") {
      bool mended = static_cast<bool>(linux::set_net_sysctl("ipv4/ip_forward", "1"));
      findings.push_back({mended, "net.ipv4.ip_forward was off", "set net.ipv4.ip_forward=1 in /etc/sysctl.d"});
    }
    std::set<std::string> kinds;
    for (const auto& [network, bridge] : bridges_) kinds.insert(own_name(bridge.link));
    for (const std::string& name : kinds) mend(name, findings);
    return findings;
  }

 private:
  static Status check_sandbox(const std::string& sandbox) {
    if (sandbox.empty() || sandbox.size() > kMaxSandbox || sandbox.find_first_of(": \n") != std::string::npos)
      return fail(Code::kInvalidArgument, "attach " + sandbox + ": not an id of a sandbox");
    return {};
  }

  // Empty for a bridge named by us.
  std::string own_name(const std::string& link) const { return link.starts_with(bridge_prefix(options_.instance)) ? "" : link; }

  void mend(const std::string& name, std::vector<Finding>& findings) {
    auto found = mend_firewall(nft_, bridge_links(options_.instance, name));
    if (found) findings.insert(findings.end(), found->begin(), found->end());
    else findings.push_back({false, "the host's firewall could not be read: " + found.error().message(), "run as root"});
  }

  bool is_ours(const linux::Link& link) const {
    const std::string& instance = options_.instance;
    return link.name.starts_with(link_prefix(instance)) || link.name.starts_with(container_link_prefix(instance)) ||
           link.name.starts_with(bridge_prefix(instance)) || (link.kind == "bridge" && parse_bridge_alias(instance, link.alias));
  }

  // One that is not up was being made when its maker died.
  Status adopt_bridges() {
    TRY_ASSIGN(auto links, route_.links());
    for (const linux::Link& link : links) {
      if (link.kind != "bridge") continue;
      auto record = parse_bridge_alias(options_.instance, link.alias);
      if (record && link.up) {
        record->link = link.name;
        bridges_[record->id] = {link.name, *record};
      } else if (record || link.name.starts_with(bridge_prefix(options_.instance))) {
        TRY(gone(route_.remove_link(link.index)));
      }
    }
    return {};
  }

  Status adopt_legs() {
    std::map<int, std::string> networks;
    for (const auto& [network, bridge] : bridges_) {
      TRY_ASSIGN(linux::Link link, route_.link(bridge.link));
      networks[link.index] = network;
    }
    TRY_ASSIGN(auto links, route_.links(container_link_prefix(options_.instance)));
    for (const linux::Link& link : links) {
      auto record = parse_leg_alias(options_.instance, link.alias);
      auto network = networks.find(link.master);
      if (!record || network == networks.end()) {
        TRY(gone(route_.remove_link(link.index)));
        continue;
      }
      record->endpoint.network = network->second;
      Sandbox& entry = sandboxes_[record->sandbox];
      entry.legs.push_back({record->endpoint, link.name, record->name, gateways_of(bridges_[network->second].spec)});
      entry.released |= !link.up;
    }
    for (auto& [sandbox, entry] : sandboxes_) std::ranges::sort(entry.legs, {}, [](const Leg& leg) { return leg_number(leg.name); });
    return {};
  }

  void adopt_ports() {
    options_.ports->keep(true, [&](const PortMapping& mapping) {
      auto entry = sandboxes_.find(mapping.sandbox);
      return entry != sandboxes_.end() && !entry->second.released && std::ranges::any_of(entry->second.legs, [&](const Leg& leg) {
               return std::ranges::find(leg.endpoint.addresses, mapping.pod) != leg.endpoint.addresses.end();
             });
    });
    for (const PortMapping& mapping : options_.ports->all(true)) {
      const HostPort& port = mapping.port;
      sandboxes_[mapping.sandbox].wanted.push_back({port.protocol, port.host_ip, false, port.host_port, port.host_port, port.container_port});
    }
  }

  Status replace_rules() {
    TRY_ASSIGN(auto tables, nft_.tables());
    std::vector<BridgeLink> bridges;
    for (const auto& [network, bridge] : bridges_) bridges.push_back(bridge);
    std::vector<PortMapping> ports = options_.ports->all(true);
    for (IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
      bool exists = std::ranges::find(tables, bridges_table(options_.instance, family)) != tables.end();
      bool used = family == IpFamily::kV4 || std::ranges::any_of(bridges, [](const BridgeLink& bridge) {
                    return std::ranges::any_of(bridge.spec.pools, [](const BridgeSpec::Pool& pool) { return !pool.gateway.is_v4(); });
                  });
      if (used || exists) TRY(nft_.commit(replace_bridge_rules(options_.instance, family, exists, bridges, ports)));
      (family == IpFamily::kV4 ? v4_rules_ : v6_rules_) = used || exists;
    }
    return {};
  }

  // The bridge's index. An administrator may have taken the link away; its endpoints are lost then, new ones are not.
  Result<int> ensure_bridge(const BridgeSpec& spec) {
    if (auto known = bridges_.find(spec.id); known != bridges_.end()) {
      if (auto link = route_.link(known->second.link)) {
        known->second.spec = spec;  // what the record does not hold
        return link->index;
      }
      LOG(kWarning, "network", "bridge {} of network {} is gone; it is made again", known->second.link, spec.id);
      bridges_.erase(known);
    }
    if (spec.pools.empty()) return fail(Code::kInvalidArgument, "network " + spec.id + " has no addresses");
    TRY_ASSIGN(std::string name, make_bridge(route_, options_.instance, spec, spec.mtu > 0 ? spec.mtu : options_.mtu));
    bridges_[spec.id] = {name, spec};
    Status done = replace_rules();
    if (done && v6_rules_) done = forward_v6(route_);
    if (!done) {
      (void)remove_bridge_locked(spec.id);
      return fail(std::move(done.error()));
    }
    std::vector<Finding> findings;
    mend(own_name(name), findings);
    for (const Finding& finding : findings)
      if (!finding.mended) LOG(kWarning, "network", "{} ({})", finding.what, finding.remedy);
    TRY_ASSIGN(linux::Link link, route_.link(name));
    return link.index;
  }

  static std::string free_name(const Sandbox& entry) {
    for (int number = 0;; number++) {
      std::string name = "eth" + std::to_string(number);
      if (std::ranges::none_of(entry.legs, [&](const Leg& leg) { return leg.name == name; })) return name;
    }
  }

  Status add_legs(const std::string& sandbox, Sandbox& entry, int netns, const std::vector<std::pair<BridgeSpec, Endpoint>>& legs) {
    DefaultRoutes before = routes_of(entry);
    std::vector<NewLeg> fresh;
    for (const auto& [bridge, endpoint] : legs) {
      if (endpoint.id.size() < 7 || endpoint.addresses.empty()) return fail(Code::kInvalidArgument, "endpoint " + endpoint.id + " has no id or no address");
      TRY_ASSIGN(int index, ensure_bridge(bridge));
      Leg leg{endpoint, {}, free_name(entry), gateways_of(bridge)};
      leg.endpoint.network = bridge.id;
      leg.endpoint.mac = endpoint_mac(endpoint);
      leg.endpoint.sysctls.clear();
      if (Status made = make_leg(route_, options_.instance, sandbox, bridge, index, bridge.mtu > 0 ? bridge.mtu : options_.mtu, netns, leg); !made) {
        if (!leg.link.empty()) (void)remove_link(leg);
        return fail(std::move(made.error()).context("link of sandbox " + sandbox));
      }
      fresh.push_back({&bridge, &endpoint, leg.name});
      entry.legs.push_back(std::move(leg));
    }
    if (fresh.empty()) return {};
    return set_up_container(netns, fresh, before, routes_of(entry));
  }

  // Whose gateway is the default one of a family. Legs are in order, so the first of equals wins.
  const Leg* way_out(const Sandbox& entry, IpFamily family) const {
    const Leg* best = nullptr;
    auto name = [&](const Leg& leg) {
      auto bridge = bridges_.find(leg.endpoint.network);
      return bridge == bridges_.end() ? std::string() : bridge->second.spec.name;
    };
    auto families = [](const Leg& leg) {
      return std::ranges::count_if(leg.gateways, [&](const IpAddress& gateway) { return address_of(leg.endpoint, gateway.family()) != nullptr; });
    };
    for (const Leg& leg : entry.legs) {
      if (!gateway_of(leg, family) || !address_of(leg.endpoint, family)) continue;
      if (!best) best = &leg;
      else if (leg.endpoint.gateway_priority != best->endpoint.gateway_priority)
        best = leg.endpoint.gateway_priority > best->endpoint.gateway_priority ? &leg : best;
      else if (families(leg) != families(*best)) best = families(leg) > families(*best) ? &leg : best;
      else if (name(leg) < name(*best)) best = &leg;
    }
    return best;
  }

  DefaultRoutes routes_of(const Sandbox& entry) const {
    DefaultRoutes routes;
    if (const Leg* leg = way_out(entry, IpFamily::kV4)) routes.v4 = {leg->name, *gateway_of(*leg, IpFamily::kV4)};
    if (const Leg* leg = way_out(entry, IpFamily::kV6)) routes.v6 = {leg->name, *gateway_of(*leg, IpFamily::kV6)};
    return routes;
  }

  PublishTarget target_of(const Sandbox& entry) const {
    PublishTarget target;
    if (const Leg* leg = way_out(entry, IpFamily::kV4)) target.v4 = *address_of(leg->endpoint, IpFamily::kV4);
    if (const Leg* leg = way_out(entry, IpFamily::kV6)) target.v6 = *address_of(leg->endpoint, IpFamily::kV6);
    return target;
  }

  // A publication without an address is on the network's own, where it has one.
  std::vector<Publication> placed(const Sandbox& entry, const Leg& leg) const {
    std::vector<Publication> ports = entry.wanted;
    auto bridge = bridges_.find(leg.endpoint.network);
    if (bridge == bridges_.end() || bridge->second.spec.publish_on.is_any()) return ports;
    for (Publication& port : ports) {
      if (!port.host_ip.is_any() || !port.both_families) continue;
      port.host_ip = bridge->second.spec.publish_on;
      port.both_families = false;
    }
    return ports;
  }

  Status publish(const std::string& sandbox, const Sandbox& entry) {
    const Leg* leg = way_out(entry, IpFamily::kV4);
    if (!leg) leg = way_out(entry, IpFamily::kV6);
    if (!leg || entry.wanted.empty()) return {};
    auto claimed = chooser_.claim(sandbox, placed(entry, *leg), target_of(entry));
    Status done = claimed ? change_kernel_ports(*claimed, true) : Status(fail(std::move(claimed.error())));
    if (done) return {};
    options_.ports->release(sandbox);
    return fail(done.error().code(),
                "driver failed programming external connectivity on endpoint " + entry.name + " (" + leg->endpoint.id + "): " + done.error().message());
  }

  // After a change of legs: ports lead to where the default route does.
  Status move_ports(const std::string& sandbox, Sandbox& entry) {
    if (entry.wanted.empty() || entry.released) return {};
    std::vector<PortMapping> before = options_.ports->of(sandbox);
    if (before.empty()) return publish(sandbox, entry);
    PublishTarget target = target_of(entry);
    if (target.v4.is_any() && !target.v6) return unpublish(sandbox);
    std::vector<PortMapping> now = moved_to(before, target);
    if (now == before) return {};
    TRY(options_.ports->replace(sandbox, now));
    TRY(change_kernel_ports(before, false));
    return change_kernel_ports(now, true);
  }

  Status change_kernel_ports(const std::vector<PortMapping>& ports, bool add) {
    linux::NftBatch batch;
    if (v4_rules_) change_published(batch, options_.instance, IpFamily::kV4, ports, add);
    if (v6_rules_) change_published(batch, options_.instance, IpFamily::kV6, ports, add);
    TRY(nft_.commit(batch));
    if (Status forgotten = forget_udp(ports); !forgotten) LOG(kWarning, "network", "UDP flows of published ports: {}", forgotten.error().message());
    return {};
  }

  // UDP flows go on being translated, or not, as they began.
  Status forget_udp(const std::vector<PortMapping>& ports) {
    std::set<uint16_t> numbers;
    for (const PortMapping& mapping : ports)
      if (mapping.port.protocol == "UDP" && !served_by_helper(mapping)) numbers.insert(mapping.port.host_port);
    if (numbers.empty()) return {};
    TRY_ASSIGN(auto addresses, route_.addresses());
    std::set<IpAddress> local;
    for (const linux::Address& address : addresses) local.insert(address.address);
    for (IpFamily family : {IpFamily::kV4, IpFamily::kV6})
      TRY(linux::forget_flows(kUdp, family, [&](const linux::Flow& flow) {
        return numbers.contains(flow.original_port) && (local.contains(flow.original_destination) || flow.original_destination.is_loopback());
      }));
    return {};
  }

  Status unpublish(const std::string& sandbox) {
    std::vector<PortMapping> ports = options_.ports->of(sandbox);
    if (ports.empty()) return {};
    Status done = change_kernel_ports(ports, false);
    options_.ports->release(sandbox);
    return done;
  }

  static Status gone(Status removed) { return removed || removed.error().code() == Code::kNotFound ? Status() : removed; }

  static Status remove_link(RouteSocket& route, const Leg& leg) {
    auto link = route.link(leg.link);
    if (!link) return link.error().code() == Code::kNotFound ? Status() : fail(std::move(link.error()));
    return gone(route.remove_link(link->index));
  }
  Status remove_link(const Leg& leg) { return remove_link(route_, leg); }

  static Status remove_links(const std::vector<Leg>& legs) {
    TRY_ASSIGN(RouteSocket route, RouteSocket::open());
    for (const Leg& leg : legs) TRY(remove_link(route, leg));
    return {};
  }

  Status release_locked(const std::string& sandbox, Sandbox& entry) {
    if (entry.released) return {};
    Status first = unpublish(sandbox);
    for (const Leg& leg : entry.legs) {
      auto link = route_.link(leg.link);
      Status down = link ? route_.bring_down(link->index) : Status(fail(std::move(link.error())));
      if (!down && down.error().code() != Code::kNotFound && first) first = std::move(down);
    }
    entry.released = static_cast<bool>(first);
    return first;
  }

  Status detach_locked(const std::string& sandbox) {
    auto entry = sandboxes_.find(sandbox);
    if (entry == sandboxes_.end()) return {};
    if (!entry->second.released) {
      // Someone may have emptied our table by hand; the ports are free all the same.
      if (Status done = unpublish(sandbox); !done) LOG(kWarning, "network", "detach sandbox {}: {}", sandbox, done.error().message());
    }
    for (const Leg& leg : entry->second.legs) TRY(remove_link(leg));
    sandboxes_.erase(entry);
    return {};
  }

  void undo(const std::string& sandbox) {
    if (Status done = detach_locked(sandbox); !done) {
      LOG(kWarning, "network", "undo the attachment of sandbox {}: {}", sandbox, done.error().message());
      sandboxes_.erase(sandbox);
    }
  }

  Status remove_bridge_locked(const std::string& network) {
    auto bridge = bridges_.find(network);
    if (bridge == bridges_.end()) return {};
    for (const auto& [sandbox, entry] : sandboxes_)
      for (const Leg& leg : entry.legs)
        if (leg.endpoint.network == network) return fail(Code::kConflict, "network " + network + " has active endpoints");
    std::string name = bridge->second.link;
    if (auto link = route_.link(name)) TRY(gone(route_.remove_link(link->index)));
    bridges_.erase(bridge);
    if (!own_name(name).empty())
      if (Status done = unmend_links(nft_, bridge_links(options_.instance, name)); !done) LOG(kWarning, "network", "{}", done.error().message());
    return replace_rules();
  }

  ContainerAttachment attachment_of(const std::string& sandbox, const Sandbox& entry) const {
    ContainerAttachment attachment{sandbox, entry.legs, {}};
    attachment.ports = published_of(options_.ports->of(sandbox));
    return attachment;
  }

  PodNetworkOptions options_;
  RouteSocket route_;
  linux::NftSocket nft_;
  mutable std::mutex mutex_;
  PortChooser chooser_;
  std::map<std::string, BridgeLink> bridges_;  // by network
  std::map<std::string, Sandbox> sandboxes_;
  bool v4_rules_ = false, v6_rules_ = false;  // the tables are there
};

}  // namespace

Result<std::unique_ptr<ContainerNetwork>> ContainerNetwork::open(PodNetworkOptions options) {
  if (!options.ports) {
    TRY_ASSIGN(options.ports, PortTable::open(options.run_directory));
  }
  TRY_ASSIGN(RouteSocket route, RouteSocket::open());
  TRY_ASSIGN(linux::NftSocket nft, linux::NftSocket::open());
  auto network = std::make_unique<HostContainerNetwork>(std::move(options), std::move(route), std::move(nft));
  if (Status started = network->start(); !started) return fail(std::move(started.error()).context("set up the containers' networks"));
  return network;
}

}  // namespace reigen::network
