#include "linux/route_socket.h"

#include <arpa/inet.h>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstring>

#include "base/files.h"

namespace reigen::linux {
namespace {

constexpr size_t kMessageLimit = 8192;
constexpr size_t kReceiveBuffer = 32768;

int af_of(const IpAddress& address) { return address.is_v4() ? AF_INET : AF_INET6; }

struct Message {
  alignas(8) char buffer[kMessageLimit];
  nlmsghdr* header = nullptr;

  Message(uint16_t type, uint16_t flags) {
    header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = type;
    header->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  }
  template <class T>
  T* body() {
    return static_cast<T*>(mnl_nlmsg_put_extra_header(header, sizeof(T)));
  }
  void put(uint16_t type, std::string_view bytes) { mnl_attr_put(header, type, bytes.size(), bytes.data()); }
  void put(uint16_t type, const MacAddress& mac) { mnl_attr_put(header, type, mac.size(), mac.data()); }
  void put_u32(uint16_t type, uint32_t value) { mnl_attr_put_u32(header, type, value); }
  nlattr* nest(uint16_t type) { return mnl_attr_nest_start(header, type); }
  void end(nlattr* nest) { mnl_attr_nest_end(header, nest); }
};

// libmnl's own loop does not compile as C++.
template <class Each>
void for_each_attribute(const nlmsghdr* message, size_t body, Each each) {
  auto* attribute = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(message, body));
  auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(message));
  for (; mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute))); attribute = mnl_attr_next(attribute)) each(attribute);
}

template <class Each>
void for_each_nested(const nlattr* nest, Each each) {
  auto* attribute = static_cast<const nlattr*>(mnl_attr_get_payload(nest));
  auto* end = reinterpret_cast<const char*>(nest) + nest->nla_len;
  for (; mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute))); attribute = mnl_attr_next(attribute)) each(attribute);
}

std::string_view attribute_bytes(const nlattr* attribute) {
  return {static_cast<const char*>(mnl_attr_get_payload(attribute)), mnl_attr_get_payload_len(attribute)};
}

IpAddress address_of(const nlattr* attribute) {
  std::string_view bytes = attribute_bytes(attribute);
  if (bytes.size() == 4) {
    uint32_t value;
    std::memcpy(&value, bytes.data(), 4);
    return IpAddress::v4(ntohl(value));
  }
  std::array<uint8_t, 16> value{};
  std::memcpy(value.data(), bytes.data(), std::min<size_t>(16, bytes.size()));
  return IpAddress::v6(value);
}

Link parse_link(const nlmsghdr* message) {
  Link link;
  const auto* info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
  link.index = info->ifi_index;
  link.up = info->ifi_flags & IFF_UP;
  for_each_attribute(message, sizeof(ifinfomsg), [&](const nlattr* attribute) {
    switch (mnl_attr_get_type(attribute)) {
      case IFLA_IFNAME: link.name = mnl_attr_get_str(attribute); break;
      case IFLA_IFALIAS: link.alias = mnl_attr_get_str(attribute); break;
      case IFLA_MTU: link.mtu = static_cast<int>(mnl_attr_get_u32(attribute)); break;
      case IFLA_MASTER: link.master = static_cast<int>(mnl_attr_get_u32(attribute)); break;
      case IFLA_LINKINFO:
        for_each_nested(attribute, [&](const nlattr* part) {
          if (mnl_attr_get_type(part) == IFLA_INFO_KIND) link.kind = mnl_attr_get_str(part);
        });
        break;
    }
  });
  return link;
}

}  // namespace

Result<RouteSocket> RouteSocket::open() {
  Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return fail_errno("open a route socket");
  sockaddr_nl local{};
  local.nl_family = AF_NETLINK;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&local), sizeof local) != 0) return fail_errno("bind a route socket");
  return RouteSocket(std::move(fd));
}

Status RouteSocket::talk(nlmsghdr* message, const std::string& what, const std::function<void(const nlmsghdr*)>& each) {
  bool dump = (message->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  if (!dump) message->nlmsg_flags |= NLM_F_ACK;
  message->nlmsg_seq = ++sequence_;
  if (send(fd_.get(), message, message->nlmsg_len, 0) < 0) return fail_errno(what);
  alignas(8) char buffer[kReceiveBuffer];
  for (;;) {
    ssize_t length = recv(fd_.get(), buffer, sizeof buffer, 0);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return fail_errno(what);
    int left = static_cast<int>(length);
    for (auto* answer = reinterpret_cast<nlmsghdr*>(buffer); mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
      if (answer->nlmsg_seq != sequence_) continue;
      if (answer->nlmsg_type == NLMSG_DONE) return {};
      if (answer->nlmsg_type == NLMSG_ERROR) {
        int error = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(answer))->error;
        if (error == 0) return {};
        return fail_errno(what, error);
      }
      if (each) each(answer);
    }
  }
}

Status RouteSocket::add_veth(const VethSpec& veth) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  auto* info = message.body<ifinfomsg>();
  info->ifi_family = AF_UNSPEC;
  mnl_attr_put_strz(message.header, IFLA_IFNAME, veth.name.c_str());
  message.put(IFLA_ADDRESS, veth.mac);
  message.put_u32(IFLA_MTU, static_cast<uint32_t>(veth.mtu));
  nlattr* link_info = message.nest(IFLA_LINKINFO);
  mnl_attr_put_str(message.header, IFLA_INFO_KIND, "veth");
  nlattr* data = message.nest(IFLA_INFO_DATA);
  nlattr* peer = message.nest(VETH_INFO_PEER);
  auto* peer_info = message.body<ifinfomsg>();
  peer_info->ifi_family = AF_UNSPEC;
  mnl_attr_put_strz(message.header, IFLA_IFNAME, veth.peer_name.c_str());
  message.put(IFLA_ADDRESS, veth.peer_mac);
  message.put_u32(IFLA_MTU, static_cast<uint32_t>(veth.mtu));
  message.put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(veth.peer_namespace_fd));
  message.end(peer);
  message.end(data);
  message.end(link_info);
  return talk(message.header, "add link " + veth.name);
}

Status RouteSocket::set_alias(int link_index, std::string_view alias) {
  Message message(RTM_SETLINK, 0);
  message.body<ifinfomsg>()->ifi_index = link_index;
  message.put(IFLA_IFALIAS, alias);
  return talk(message.header, "set the alias of link " + std::to_string(link_index));
}

Status RouteSocket::bring_up(int link_index, std::string_view alias) {
  Message message(RTM_SETLINK, 0);
  auto* info = message.body<ifinfomsg>();
  info->ifi_index = link_index;
  info->ifi_flags = IFF_UP;
  info->ifi_change = IFF_UP;
  if (!alias.empty()) message.put(IFLA_IFALIAS, alias);
  return talk(message.header, "bring link " + std::to_string(link_index) + " up");
}

Status RouteSocket::add_bridge(const std::string& name, const MacAddress& mac, int mtu) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.body<ifinfomsg>()->ifi_family = AF_UNSPEC;
  mnl_attr_put_strz(message.header, IFLA_IFNAME, name.c_str());
  message.put(IFLA_ADDRESS, mac);
  message.put_u32(IFLA_MTU, static_cast<uint32_t>(mtu));
  nlattr* link_info = message.nest(IFLA_LINKINFO);
  mnl_attr_put_str(message.header, IFLA_INFO_KIND, "bridge");
  nlattr* data = message.nest(IFLA_INFO_DATA);
  message.put_u32(IFLA_BR_STP_STATE, 0);
  message.put_u32(IFLA_BR_FORWARD_DELAY, 0);
  message.end(data);
  message.end(link_info);
  return talk(message.header, "add bridge " + name);
}

// Two messages: the kernel looks at a port's options before it looks at its master.
Status RouteSocket::set_master(int link_index, int bridge_index, const BridgePort& port) {
  std::string what = "put link " + std::to_string(link_index) + " into bridge " + std::to_string(bridge_index);
  Message message(RTM_SETLINK, 0);
  message.body<ifinfomsg>()->ifi_index = link_index;
  message.put_u32(IFLA_MASTER, static_cast<uint32_t>(bridge_index));
  TRY(talk(message.header, what));
  if (!port.isolated && !port.hairpin) return {};
  Message options(RTM_NEWLINK, 0);
  options.body<ifinfomsg>()->ifi_index = link_index;
  nlattr* link_info = options.nest(IFLA_LINKINFO);
  mnl_attr_put_str(options.header, IFLA_INFO_SLAVE_KIND, "bridge");
  nlattr* data = options.nest(IFLA_INFO_SLAVE_DATA);
  if (port.hairpin) mnl_attr_put_u8(options.header, IFLA_BRPORT_MODE, 1);
  if (port.isolated) mnl_attr_put_u8(options.header, IFLA_BRPORT_ISOLATED, 1);
  options.end(data);
  options.end(link_info);
  return talk(options.header, what);
}

Status RouteSocket::rename_link(int link_index, const std::string& name) {
  Message message(RTM_SETLINK, 0);
  message.body<ifinfomsg>()->ifi_index = link_index;
  mnl_attr_put_strz(message.header, IFLA_IFNAME, name.c_str());
  return talk(message.header, "rename link " + std::to_string(link_index) + " to " + name);
}

Status RouteSocket::bring_down(int link_index) {
  Message message(RTM_SETLINK, 0);
  auto* info = message.body<ifinfomsg>();
  info->ifi_index = link_index;
  info->ifi_change = IFF_UP;
  return talk(message.header, "bring link " + std::to_string(link_index) + " down");
}

Status RouteSocket::remove_link(int link_index) {
  Message message(RTM_DELLINK, 0);
  message.body<ifinfomsg>()->ifi_index = link_index;
  return talk(message.header, "remove link " + std::to_string(link_index));
}

Result<Link> RouteSocket::link(const std::string& name) {
  Message message(RTM_GETLINK, 0);
  message.body<ifinfomsg>();
  mnl_attr_put_strz(message.header, IFLA_IFNAME, name.c_str());
  Link found;
  TRY(talk(message.header, "look up link " + name, [&](const nlmsghdr* answer) { found = parse_link(answer); }));
  if (found.index == 0) return fail(Code::kNotFound, "no link " + name);
  return found;
}

Result<std::vector<Link>> RouteSocket::links(std::string_view name_prefix) {
  Message message(RTM_GETLINK, NLM_F_DUMP);
  message.body<ifinfomsg>();
  std::vector<Link> found;
  TRY(talk(message.header, "list links", [&](const nlmsghdr* answer) {
    Link link = parse_link(answer);
    if (link.name.starts_with(name_prefix)) found.push_back(std::move(link));
  }));
  return found;
}

Result<LinkCounters> RouteSocket::counters(int link_index) {
  Message message(RTM_GETLINK, 0);
  message.body<ifinfomsg>()->ifi_index = link_index;
  LinkCounters counters;
  TRY(talk(message.header, "read the counters of link " + std::to_string(link_index), [&](const nlmsghdr* answer) {
    for_each_attribute(answer, sizeof(ifinfomsg), [&](const nlattr* attribute) {
      if (mnl_attr_get_type(attribute) != IFLA_STATS64) return;
      rtnl_link_stats64 stats{};
      std::string_view bytes = attribute_bytes(attribute);
      std::memcpy(&stats, bytes.data(), std::min(bytes.size(), sizeof stats));
      counters = {stats.rx_bytes, stats.rx_packets, stats.rx_errors, stats.rx_dropped, stats.tx_bytes, stats.tx_packets, stats.tx_errors, stats.tx_dropped};
    });
  }));
  return counters;
}

Status RouteSocket::set_address(const Address& address, uint16_t type, uint16_t flags) {
  Message message(type, flags);
  auto* info = message.body<ifaddrmsg>();
  info->ifa_family = static_cast<uint8_t>(af_of(address.address));
  info->ifa_prefixlen = static_cast<uint8_t>(address.prefix);
  info->ifa_index = static_cast<uint32_t>(address.link_index);
  info->ifa_flags = address.address.is_v4() ? 0 : IFA_F_NODAD;
  message.put(IFA_LOCAL, address.address.bytes());
  message.put(IFA_ADDRESS, address.address.bytes());
  if (address.address.is_v4() && !address.broadcast.is_any()) message.put(IFA_BROADCAST, address.broadcast.bytes());
  if (!address.label.empty()) mnl_attr_put_strz(message.header, IFA_LABEL, address.label.c_str());
  return talk(message.header, (type == RTM_NEWADDR ? "add address " : "remove address ") + address.address.str());
}

Status RouteSocket::add_address(const Address& address) { return set_address(address, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL); }

Status RouteSocket::remove_address(const Address& address) { return set_address(address, RTM_DELADDR, 0); }

Result<std::vector<Address>> RouteSocket::addresses() {
  Message message(RTM_GETADDR, NLM_F_DUMP);
  message.body<ifaddrmsg>();
  std::vector<Address> found;
  TRY(talk(message.header, "list addresses", [&](const nlmsghdr* answer) {
    const auto* info = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(answer));
    Address address;
    address.link_index = static_cast<int>(info->ifa_index);
    address.prefix = info->ifa_prefixlen;
    bool local = false;
    for_each_attribute(answer, sizeof(ifaddrmsg), [&](const nlattr* attribute) {
      uint16_t type = mnl_attr_get_type(attribute);
      if (type == IFA_LABEL) address.label = mnl_attr_get_str(attribute);
      if (type == IFA_LOCAL || (type == IFA_ADDRESS && !local)) address.address = address_of(attribute);
      local |= type == IFA_LOCAL;
    });
    found.push_back(std::move(address));
  }));
  return found;
}

Status RouteSocket::add_route(const Route& route) {
  Message message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
  auto* info = message.body<rtmsg>();
  bool direct = route.gateway.is_any();
  info->rtm_family = static_cast<uint8_t>(af_of(route.destination.address));
  info->rtm_dst_len = static_cast<uint8_t>(route.destination.prefix);
  info->rtm_table = RT_TABLE_MAIN;
  info->rtm_protocol = RTPROT_STATIC;
  info->rtm_scope = direct && route.destination.address.is_v4() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  info->rtm_type = RTN_UNICAST;
  info->rtm_flags = route.on_link ? RTNH_F_ONLINK : 0;
  if (route.destination.prefix > 0) message.put(RTA_DST, route.destination.address.bytes());
  if (!direct) message.put(RTA_GATEWAY, route.gateway.bytes());
  message.put_u32(RTA_OIF, static_cast<uint32_t>(route.link_index));
  return talk(message.header, "add route " + route.destination.str());
}

Status RouteSocket::remove_route(const IpNetwork& destination, int link_index) {
  Message message(RTM_DELROUTE, 0);
  auto* info = message.body<rtmsg>();
  info->rtm_family = static_cast<uint8_t>(af_of(destination.address));
  info->rtm_dst_len = static_cast<uint8_t>(destination.prefix);
  info->rtm_table = RT_TABLE_MAIN;
  info->rtm_scope = RT_SCOPE_NOWHERE;
  if (destination.prefix > 0) message.put(RTA_DST, destination.address.bytes());
  message.put_u32(RTA_OIF, static_cast<uint32_t>(link_index));
  return talk(message.header, "remove route " + destination.str());
}

Result<std::vector<Route>> RouteSocket::routes() {
  std::vector<Route> found;
  for (IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
    Message message(RTM_GETROUTE, NLM_F_DUMP);
    message.body<rtmsg>()->rtm_family = family == IpFamily::kV4 ? AF_INET : AF_INET6;
    TRY(talk(message.header, "list routes", [&](const nlmsghdr* answer) {
      const auto* info = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(answer));
      if (info->rtm_table != RT_TABLE_MAIN || info->rtm_type != RTN_UNICAST) return;
      Route route{{IpAddress::any(family), info->rtm_dst_len}, 0, IpAddress::any(family), (info->rtm_flags & RTNH_F_ONLINK) != 0};
      for_each_attribute(answer, sizeof(rtmsg), [&](const nlattr* attribute) {
        switch (mnl_attr_get_type(attribute)) {
          case RTA_DST: route.destination.address = address_of(attribute); break;
          case RTA_GATEWAY: route.gateway = address_of(attribute); break;
          case RTA_OIF: route.link_index = static_cast<int>(mnl_attr_get_u32(attribute)); break;
        }
      });
      found.push_back(route);
    }));
  }
  return found;
}

Status RouteSocket::add_neighbour(int link_index, const IpAddress& address, const MacAddress& mac) {
  Message message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
  auto* info = message.body<ndmsg>();
  info->ndm_family = static_cast<uint8_t>(af_of(address));
  info->ndm_ifindex = link_index;
  info->ndm_state = NUD_PERMANENT;
  message.put(NDA_DST, address.bytes());
  message.put(NDA_LLADDR, mac);
  return talk(message.header, "add neighbour " + address.str());
}

Result<int> RouteSocket::default_route_mtu() {
  Message message(RTM_GETROUTE, NLM_F_DUMP);
  message.body<rtmsg>()->rtm_family = AF_INET;
  int index = 0;
  TRY(talk(message.header, "list routes", [&](const nlmsghdr* answer) {
    const auto* info = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(answer));
    if (info->rtm_dst_len != 0 || info->rtm_table != RT_TABLE_MAIN || index != 0) return;
    for_each_attribute(answer, sizeof(rtmsg), [&](const nlattr* attribute) {
      if (mnl_attr_get_type(attribute) == RTA_OIF) index = static_cast<int>(mnl_attr_get_u32(attribute));
    });
  }));
  if (index == 0) return 1500;
  TRY_ASSIGN(auto all, links());
  for (const Link& link : all)
    if (link.index == index) return link.mtu;
  return 1500;
}

Status set_net_sysctl(const std::string& name, std::string_view value) {
  std::string path = "/proc/sys/net/" + name;
  auto now = read_file(path, 4096);
  if (now && std::string_view(*now).substr(0, now->find('\n')) == value) return {};
  return write_existing(path, value);
}

Result<std::string> net_sysctl(const std::string& name) {
  TRY_ASSIGN(std::string value, read_file("/proc/sys/net/" + name, 4096));
  while (!value.empty() && value.back() == '\n') value.pop_back();
  return value;
}

}  // namespace reigen::linux
