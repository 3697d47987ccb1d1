#include "network/pod_network.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "base/log.h"
#include "linux/network_namespace.h"
#include "linux/nftables.h"
#include "linux/route_socket.h"
#include "network/address_pool.h"
#include "network/firewall.h"
#include "network/names.h"
#include "network/pod_rules.h"
#include "network/port_table.h"

namespace reigen::network {

using linux::MacAddress;
using linux::RouteSocket;

namespace {

// The same on every link: pods know their gateway's address without asking.
constexpr MacAddress kHostMac = {0xee, 0xee, 0xee, 0xee, 0xee, 0xee};
constexpr unsigned kNameAttempts = 8;

// Nobody has these addresses; packets sent "through" them reach the host by its MAC address.
IpAddress gateway(IpFamily family) { return family == IpFamily::kV4 ? *IpAddress::parse("169.254.1.1") : *IpAddress::parse("fe80::ecee:eeff:feee:eeee"); }

MacAddress pod_mac(const IpAddress& address) {
  const uint8_t* tail = address.data() + address.size() - 4;
  return {0x0a, 0x58, tail[0], tail[1], tail[2], tail[3]};
}

int host_bits(const IpAddress& address) { return static_cast<int>(address.size() * 8); }

// No link-local address and no router of its own: they would only make noise on the link. The files are missing where the
// kernel has no IPv6.
void quieten_ipv6(const std::string& link) {
  (void)linux::set_net_sysctl("ipv6/conf/" + link + "/addr_gen_mode", "1");
  (void)linux::set_net_sysctl("ipv6/conf/" + link + "/accept_ra", "0");
}

// Inside the pod's namespace, on a throw-away thread.
Status set_up_pod_side(const std::vector<IpAddress>& addresses) {
  TRY_ASSIGN(RouteSocket route, RouteSocket::open());
  TRY_ASSIGN(linux::Link eth0, route.link("eth0"));
  quieten_ipv6("eth0");
  for (const IpAddress& address : addresses) TRY(route.add_address({eth0.index, address, host_bits(address), {}}));
  TRY(route.bring_up(eth0.index));
  for (const IpAddress& address : addresses) {
    IpFamily family = address.family();
    TRY(route.add_neighbour(eth0.index, gateway(family), kHostMac));
    TRY(route.add_route({{gateway(family), host_bits(address)}, eth0.index, IpAddress::any(family), false}));
    TRY(route.add_route({{IpAddress::any(family), 0}, eth0.index, gateway(family), true}));
  }
  return {};
}

Status set_up_host_side(RouteSocket& route, const linux::Link& link, const std::string& alias, const std::vector<IpAddress>& addresses) {
  std::string conf = "ipv4/conf/" + link.name + "/";
  TRY(linux::set_net_sysctl(conf + "proxy_arp", "1"));
  TRY(linux::set_net_sysctl("ipv4/neigh/" + link.name + "/proxy_delay", "0"));
  TRY(linux::set_net_sysctl(conf + "rp_filter", "1"));
  TRY(linux::set_net_sysctl(conf + "route_localnet", "1"));
  TRY(linux::set_net_sysctl(conf + "send_redirects", "0"));
  quieten_ipv6(link.name);
  TRY(route.bring_up(link.index, alias));
  for (const IpAddress& address : addresses) {
    if (!address.is_v4()) TRY(route.add_address({link.index, gateway(IpFamily::kV6), 64, {}}));
    TRY(route.add_neighbour(link.index, address, pod_mac(addresses.front())));
    TRY(route.add_route({{address, host_bits(address)}, link.index, IpAddress::any(address.family()), false}));
  }
  return {};
}

class HostPodNetwork final : public PodNetwork {
 public:
  HostPodNetwork(PodNetworkOptions options, RouteSocket route, linux::NftSocket nft)
      : options_(std::move(options)), route_(std::move(route)), nft_(std::move(nft)) {
    for (const IpNetwork& cidr : options_.pod_cidrs) pools_.emplace_back(cidr);
    for (IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
      bool used = std::ranges::any_of(options_.pod_cidrs, [&](const IpNetwork& cidr) { return cidr.address.family() == family; });
      if (used) rules_.push_back({options_.instance, family, options_.cluster_cidrs, options_.pod_cidrs});
    }
  }

  Status start() {
    if (!options_.ports) {
      TRY_ASSIGN(options_.ports, PortTable::open(options_.run_directory));
    }
    if (options_.mtu == 0) {
      TRY_ASSIGN(options_.mtu, route_.default_route_mtu());
    }
    TRY(forward_packets());
    TRY(adopt_links());
    adopt_ports();
    TRY(replace_rules());
    for (const Finding& finding : check()) LOG(kWarning, "network", "{} ({})", finding.what, finding.remedy);
    return {};
  }

  Result<Attachment> attach(const std::string& sandbox, const std::string& netns_path, const std::vector<HostPort>& host_ports) override {
    std::lock_guard lock(mutex_);
    if (auto known = attachments_.find(sandbox); known != attachments_.end()) return known->second;
    if (sandbox.empty() || sandbox.size() > 80 || sandbox.find_first_of(": \n") != std::string::npos)
      return fail(Code::kInvalidArgument, "attach " + sandbox + ": not an id of a sandbox");
    TRY(check_ports(host_ports));
    TRY_ASSIGN(Fd netns, linux::open_network_namespace(netns_path));
    TRY_ASSIGN(auto addresses, take_addresses());
    Attachment attachment{sandbox, {}, addresses};
    Status made = make_link(attachment, netns.get());
    if (made) made = add_ports(attachment, host_ports);
    if (!made) {
      undo(attachment);
      return fail(std::move(made.error()).context("attach sandbox " + sandbox));
    }
    attachments_[sandbox] = attachment;
    return attachment;
  }

  Status detach(const std::string& sandbox) override {
    std::lock_guard lock(mutex_);
    return detach_locked(sandbox);
  }

  std::optional<Attachment> find(const std::string& sandbox) const override {
    std::lock_guard lock(mutex_);
    auto found = attachments_.find(sandbox);
    if (found == attachments_.end()) return std::nullopt;
    return found->second;
  }

  std::vector<Attachment> attachments() const override {
    std::lock_guard lock(mutex_);
    std::vector<Attachment> all;
    for (const auto& [sandbox, attachment] : attachments_) all.push_back(attachment);
    return all;
  }

  Status collect(const std::set<std::string>& live) override {
    std::lock_guard lock(mutex_);
    std::vector<std::string> dead;
    for (const auto& [sandbox, attachment] : attachments_)
      if (!live.contains(sandbox)) dead.push_back(sandbox);
    Status first;
    for (const std::string& sandbox : dead)
      if (Status done = detach_locked(sandbox); !done && first) first = std::move(done);
    return first;
  }

  std::vector<Finding> check() override {
    std::lock_guard lock(mutex_);
    std::vector<Finding> findings;
    if (auto forwarding = linux::net_sysctl("ipv4/ip_forward"); forwarding && *forwarding != "1") {
      bool mended = static_cast<bool>(forward_packets());
      findings.push_back({mended, "net.ipv4.ip_forward was off", "set net.ipv4.ip_forward=1 in /etc/sysctl.d"});
    }
    auto firewall = mend_firewall(nft_, pod_links(options_.instance));
    if (firewall) findings.insert(findings.end(), firewall->begin(), firewall->end());
    else findings.push_back({false, "the host's firewall could not be read: " + firewall.error().message(), "run as root"});
    return findings;
  }

 private:
  Status forward_packets() {
    for (const PodRules& rules : rules_) {
      if (rules.family == IpFamily::kV4) TRY(linux::set_net_sysctl("ipv4/ip_forward", "1"));
      else TRY(linux::set_net_sysctl("ipv6/conf/all/forwarding", "1"));
    }
    return {};
  }

  // Links without a readable alias are left-overs of an attach that was cut short.
  Status adopt_links() {
    TRY_ASSIGN(auto links, route_.links(link_prefix(options_.instance)));
    for (const linux::Link& link : links) {
      auto record = parse_link_alias(options_.instance, link.alias);
      bool fits = record && !record->addresses.empty() && std::ranges::all_of(record->addresses, [&](const IpAddress& address) {
                    return std::ranges::any_of(pools_, [&](AddressPool& pool) { return pool.reserve(address); });
                  });
      if (fits) {
        attachments_[record->sandbox] = {record->sandbox, link.name, record->addresses};
        continue;
      }
      if (auto removed = route_.remove_link(link.index); !removed && removed.error().code() != Code::kNotFound) return removed;
    }
    return {};
  }

  void adopt_ports() {
    options_.ports->keep(false, [&](const PortMapping& mapping) {
      auto found = attachments_.find(mapping.sandbox);
      return found != attachments_.end() && std::ranges::find(found->second.addresses, mapping.pod) != found->second.addresses.end();
    });
  }

  Status replace_rules() {
    std::vector<IpAddress> pods;
    for (const auto& [sandbox, attachment] : attachments_) pods.insert(pods.end(), attachment.addresses.begin(), attachment.addresses.end());
    TRY_ASSIGN(auto tables, nft_.tables());
    for (const PodRules& rules : rules_) {
      bool exists = std::ranges::find(tables, pods_table_of(rules)) != tables.end();
      TRY(nft_.commit(replace_pod_rules(rules, exists, options_.ports->all(false), pods)));
    }
    return {};
  }

  Status check_ports(const std::vector<HostPort>& host_ports) const {
    std::vector<PortMapping> wanted;
    for (const HostPort& port : host_ports) wanted.push_back({{}, port, port.host_ip});
    return options_.ports->would_collide(wanted);
  }

  Result<std::vector<IpAddress>> take_addresses() {
    std::vector<IpAddress> addresses;
    for (AddressPool& pool : pools_) {
      auto address = pool.take();
      if (!address) {
        release(addresses);
        return fail(Code::kResourceExhausted, "no free address in " + pool.network().str());
      }
      addresses.push_back(*address);
    }
    return addresses;
  }

  void release(const std::vector<IpAddress>& addresses) {
    for (const IpAddress& address : addresses)
      for (AddressPool& pool : pools_) pool.release(address);
  }

  Status make_link(Attachment& attachment, int netns_fd) {
    linux::VethSpec veth;
    veth.mac = kHostMac;
    veth.peer_name = "eth0";
    veth.peer_mac = pod_mac(attachment.addresses.front());
    veth.peer_namespace_fd = netns_fd;
    veth.mtu = options_.mtu;
    Status added;
    for (unsigned attempt = 0; attempt < kNameAttempts; attempt++) {
      veth.name = link_name(options_.instance, attachment.sandbox, attempt);
      added = route_.add_veth(veth);
      // The peer's name may be the one that exists: then our name is free.
      if (added || added.error().code() != Code::kAlreadyExists || !route_.link(veth.name)) break;
    }
    TRY(added);
    attachment.link = veth.name;
    TRY_ASSIGN(linux::Link link, route_.link(veth.name));
    TRY(linux::in_network_namespace(netns_fd, [&] { return set_up_pod_side(attachment.addresses); }));
    std::string alias = link_alias(options_.instance, {attachment.sandbox, attachment.addresses});
    TRY(set_up_host_side(route_, link, alias, attachment.addresses));
    linux::NftBatch batch;
    for (const PodRules& rules : rules_)
      for (const IpAddress& address : attachment.addresses) change_pod(batch, rules, address, true);
    return nft_.commit(batch);
  }

  Status add_ports(const Attachment& attachment, const std::vector<HostPort>& host_ports) {
    if (host_ports.empty()) return {};
    std::vector<PortMapping> added;
    for (const HostPort& port : host_ports)
      for (const IpAddress& address : attachment.addresses) added.push_back({attachment.sandbox, port, address});
    TRY(options_.ports->claim(attachment.sandbox, added));
    return change_kernel_ports(added, true);
  }

  Status remove_ports(const std::string& sandbox) {
    std::vector<PortMapping> removed = options_.ports->of(sandbox);
    if (removed.empty()) return {};
    Status done = change_kernel_ports(removed, false);
    options_.ports->release(sandbox);
    return done;
  }

  Status change_kernel_ports(const std::vector<PortMapping>& ports, bool add) {
    linux::NftBatch batch;
    for (const PodRules& rules : rules_) change_ports(batch, rules, ports, add);
    return nft_.commit(batch);
  }

  Status remove_link(const Attachment& attachment) {
    auto link = route_.link(attachment.link);
    if (!link) return link.error().code() == Code::kNotFound ? Status() : fail(link.error());
    auto removed = route_.remove_link(link->index);
    return removed || removed.error().code() == Code::kNotFound ? Status() : removed;
  }

  Status detach_locked(const std::string& sandbox) {
    auto found = attachments_.find(sandbox);
    if (found == attachments_.end()) return {};
    Attachment attachment = found->second;
    TRY(remove_ports(sandbox));
    TRY(remove_link(attachment));
    linux::NftBatch batch;
    for (const PodRules& rules : rules_)
      for (const IpAddress& address : attachment.addresses) change_pod(batch, rules, address, false);
    // Someone may have emptied our table by hand; the address is free all the same.
    if (Status done = nft_.commit(batch); !done) LOG(kWarning, "network", "detach sandbox {}: {}", sandbox, done.error().message());
    release(attachment.addresses);
    attachments_.erase(sandbox);
    return {};
  }

  void undo(const Attachment& attachment) {
    attachments_[attachment.sandbox] = attachment;
    if (Status done = detach_locked(attachment.sandbox); !done) {
      LOG(kWarning, "network", "undo the attachment of sandbox {}: {}", attachment.sandbox, done.error().message());
      options_.ports->release(attachment.sandbox);
      attachments_.erase(attachment.sandbox);
      release(attachment.addresses);
    }
  }

  PodNetworkOptions options_;
  RouteSocket route_;
  linux::NftSocket nft_;
  std::vector<PodRules> rules_;
  mutable std::mutex mutex_;
  std::vector<AddressPool> pools_;
  std::map<std::string, Attachment> attachments_;
};

}  // namespace

Result<std::unique_ptr<PodNetwork>> PodNetwork::open(PodNetworkOptions options) {
  if (options.pod_cidrs.empty()) return fail(Code::kInvalidArgument, "the pod network needs a pod CIDR");
  TRY_ASSIGN(RouteSocket route, RouteSocket::open());
  TRY_ASSIGN(linux::NftSocket nft, linux::NftSocket::open());
  auto network = std::make_unique<HostPodNetwork>(std::move(options), std::move(route), std::move(nft));
  if (Status started = network->start(); !started) return fail(std::move(started.error()).context("set up the pod network"));
  return network;
}

}  // namespace reigen::network
