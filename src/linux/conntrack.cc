#include "linux/conntrack.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <vector>

#include "base/fd.h"

namespace reigen::linux {
namespace {

constexpr size_t kBuffer = 32768;

template <class Each>
void for_each_nested(const nlattr* nest, Each each) {
  auto* attribute = static_cast<const nlattr*>(mnl_attr_get_payload(nest));
  auto* end = reinterpret_cast<const char*>(nest) + nest->nla_len;
  for (; mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute))); attribute = mnl_attr_next(attribute)) each(attribute);
}

IpAddress address_of(const nlattr* attribute) {
  std::array<uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), mnl_attr_get_payload(attribute), std::min<size_t>(16, mnl_attr_get_payload_len(attribute)));
  if (mnl_attr_get_payload_len(attribute) == 16) return IpAddress::v6(bytes);
  return IpAddress::v4(uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3]);
}

struct Tuple {
  IpAddress source, destination;
  uint16_t source_port = 0, destination_port = 0;
  uint8_t protocol = 0;
};

Tuple parse_tuple(const nlattr* nest) {
  Tuple tuple;
  for_each_nested(nest, [&](const nlattr* part) {
    for_each_nested(part, [&](const nlattr* value) {
      uint16_t type = mnl_attr_get_type(value);
      if (mnl_attr_get_type(part) == CTA_TUPLE_IP) {
        if (type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC) tuple.source = address_of(value);
        if (type == CTA_IP_V4_DST || type == CTA_IP_V6_DST) tuple.destination = address_of(value);
      } else if (mnl_attr_get_type(part) == CTA_TUPLE_PROTO) {
        if (type == CTA_PROTO_NUM) tuple.protocol = mnl_attr_get_u8(value);
        if (type == CTA_PROTO_SRC_PORT) tuple.source_port = ntohs(mnl_attr_get_u16(value));
        if (type == CTA_PROTO_DST_PORT) tuple.destination_port = ntohs(mnl_attr_get_u16(value));
      }
    });
  });
  return tuple;
}

nlmsghdr* put_header(char* buffer, uint16_t message, uint16_t flags, IpFamily family, uint32_t sequence) {
  nlmsghdr* header = mnl_nlmsg_put_header(buffer);
  header->nlmsg_type = static_cast<uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | message);
  header->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  header->nlmsg_seq = sequence;
  auto* body = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
  body->nfgen_family = family == IpFamily::kV4 ? AF_INET : AF_INET6;
  body->version = NFNETLINK_V0;
  return header;
}

// Calls each(message) until the dump ends.
template <class Each>
Status receive(int fd, Each each) {
  alignas(8) char buffer[kBuffer];
  for (;;) {
    ssize_t length = recv(fd, buffer, sizeof buffer, 0);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return fail_errno("read tracked connections");
    int left = static_cast<int>(length);
    for (auto* answer = reinterpret_cast<nlmsghdr*>(buffer); mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
      if (answer->nlmsg_type == NLMSG_DONE) return {};
      if (answer->nlmsg_type == NLMSG_ERROR) {
        int error = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(answer))->error;
        return error == 0 || error == ENOENT ? Status() : fail_errno("tracked connections", error);
      }
      each(answer);
    }
  }
}

}  // namespace

Status forget_flows(uint8_t protocol, IpFamily family, const std::function<bool(const Flow&)>& stale) {
  Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!fd) return fail_errno("open a conntrack socket");
  alignas(8) char request[4096];
  nlmsghdr* dump = put_header(request, IPCTNL_MSG_CT_GET, NLM_F_DUMP, family, 1);
  if (send(fd.get(), dump, dump->nlmsg_len, 0) < 0) return fail_errno("list tracked connections");
  std::vector<std::string> originals;
  TRY(receive(fd.get(), [&](const nlmsghdr* message) {
    auto* attribute = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(message, sizeof(nfgenmsg)));
    auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(message));
    Tuple original, reply;
    std::string raw;
    for (; mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute))); attribute = mnl_attr_next(attribute)) {
      if (mnl_attr_get_type(attribute) == CTA_TUPLE_ORIG) {
        original = parse_tuple(attribute);
        raw.assign(static_cast<const char*>(mnl_attr_get_payload(attribute)), mnl_attr_get_payload_len(attribute));
      }
      if (mnl_attr_get_type(attribute) == CTA_TUPLE_REPLY) reply = parse_tuple(attribute);
    }
    if (original.protocol != protocol) return;
    if (stale({protocol, original.destination, original.destination_port, reply.source, reply.source_port})) originals.push_back(std::move(raw));
  }));
  uint32_t sequence = 1;
  for (const std::string& original : originals) {
    nlmsghdr* removal = put_header(request, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, family, ++sequence);
    mnl_attr_put(removal, CTA_TUPLE_ORIG | NLA_F_NESTED, original.size(), original.data());
    if (send(fd.get(), removal, removal->nlmsg_len, 0) < 0) return fail_errno("forget a tracked connection");
    TRY(receive(fd.get(), [](const nlmsghdr*) {}));
  }
  return {};
}

}  // namespace reigen::linux
