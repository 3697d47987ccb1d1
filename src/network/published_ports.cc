#include "network/published_ports.h"

#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/clock.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/random.h"

namespace reigen::network {
namespace {

constexpr uint16_t kFirstLocal = 32768, kLastLocal = 60999;  // the kernel's own range, when it does not say
constexpr auto kBindPatience = std::chrono::milliseconds(500);
constexpr const char* kV6Addresses = "/proc/net/if_inet6";  // missing where the kernel has no IPv6
constexpr useconds_t kBindPauseUs = 20'000;

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string host_text(const PortMapping& port) {
  std::string address = port.port.host_ip.str();
  if (!port.port.host_ip.is_v4()) address = "[" + address + "]";
  return fmt::format("{}:{}", address, port.port.host_port);
}

// 0 or an errno. SCTP that the kernel does not know is nobody's port.
int bind_once(const PortMapping& port) {
  const IpAddress& address = port.port.host_ip;
  bool udp = port.port.protocol == "UDP", sctp = port.port.protocol == "SCTP";
  int family = address.is_v4() ? AF_INET : AF_INET6;
  Fd fd(socket(family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, sctp ? IPPROTO_SCTP : 0));
  if (!fd) return sctp || errno == EAFNOSUPPORT ? 0 : errno;
  int one = 1;
  // A TCP port in TIME_WAIT is free.
  if (!udp) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_in);
  if (address.is_v4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port.port.host_port);
    std::memcpy(&v4->sin_addr, address.data(), 4);
  } else {
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port.port.host_port);
    std::memcpy(&v6->sin6_addr, address.data(), 16);
    length = sizeof(sockaddr_in6);
  }
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) return errno;
  if (!udp && listen(fd.get(), 1) != 0) return errno;
  return 0;
}

}  // namespace

std::vector<PortMapping> mappings_of(const Publication& publication, uint16_t port, const PublishTarget& target) {
  std::vector<PortMapping> mappings;
  auto add = [&](const IpAddress& host) {
    bool v4_known = !target.v4.is_any();
    const IpAddress& pod = target.v6 && (!host.is_v4() || !v4_known) ? *target.v6 : target.v4;
    if (!pod.is_any()) mappings.push_back({{}, {publication.protocol, host, port, publication.container_port}, pod, true});
  };
  add(publication.host_ip);
  if (publication.host_ip.is_any() && publication.both_families) add(IpAddress::any(publication.host_ip.is_v4() ? IpFamily::kV6 : IpFamily::kV4));
  return mappings;
}

std::vector<PortMapping> moved_to(std::vector<PortMapping> ports, const PublishTarget& target) {
  for (PortMapping& mapping : ports) {
    Publication same{mapping.port.protocol, mapping.port.host_ip, false, 0, 0, mapping.port.container_port};
    auto moved = mappings_of(same, mapping.port.host_port, target);
    if (!moved.empty()) mapping.pod = moved.front().pod;
  }
  return ports;
}

std::vector<Published> published_of(std::span<const PortMapping> ports) {
  std::vector<Published> published;
  for (const PortMapping& mapping : ports)
    published.push_back({mapping.port.protocol, mapping.port.host_ip, mapping.port.host_port, mapping.port.container_port});
  return published;
}

Status test_bind(const PortMapping& port, Duration patience) {
  TimePoint limit = system_clock().now() + patience;
  int error;
  while ((error = bind_once(port)) == EADDRINUSE && system_clock().now() < limit) usleep(kBindPauseUs);
  if (error == 0) return {};
  // As Go says it.
  std::string reason = std::strerror(error);
  if (!reason.empty()) reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
  return fail(error == EADDRINUSE ? Code::kAlreadyExists : Code::kUnavailable,
              fmt::format("listen {}{} {}: bind: {}", lower(port.port.protocol), port.port.host_ip.is_v4() ? 4 : 6, host_text(port), reason));
}

std::pair<uint16_t, uint16_t> PortChooser::local_range() const {
  unsigned first = 0, last = 0;
  auto text = read_file(range_file_, 4096);
  if (!text || std::sscanf(text->c_str(), "%u %u", &first, &last) != 2 || first == 0 || first > last || last > 65535) return {kFirstLocal, kLastLocal};
  return {static_cast<uint16_t>(first), static_cast<uint16_t>(last)};
}

// Held first, so that two at once never test the same port; claimed last, for the helper process listens at what is claimed.
Status PortChooser::try_port(const std::string& sandbox, std::span<const PortMapping> mappings, Duration patience) {
  if (Status held = table_.hold(sandbox, mappings); !held) {
    if (held.error().code() != Code::kAlreadyExists) return held;
    return fail(Code::kAlreadyExists, fmt::format("Bind for {} failed: port is already allocated", host_text(mappings.front())));
  }
  for (const PortMapping& mapping : mappings) {
    Status bound = test_bind(mapping, patience);
    if (bound) continue;
    table_.let_go(sandbox);
    return bound;
  }
  return table_.claim(sandbox, mappings);
}

Result<std::vector<PortMapping>> PortChooser::claim_one(const std::string& sandbox, const Publication& publication, const PublishTarget& target) {
  if (publication.first == publication.last && publication.last != 0) {
    auto mappings = mappings_of(publication, publication.first, target);
    if (!mappings.empty()) TRY(try_port(sandbox, mappings, kBindPatience));
    return mappings;
  }
  bool chosen = publication.last == 0;
  auto [first, last] = chosen ? local_range() : std::pair(publication.first, publication.last);
  uint32_t count = static_cast<uint32_t>(last - first) + 1;
  if (chosen && (last_ < first || last_ > last)) last_ = static_cast<uint16_t>(first + system_random().below(count));
  for (uint32_t i = 0; i < count; i++) {
    uint16_t port = static_cast<uint16_t>(first + i);
    if (chosen) port = last_ = last_ == last ? first : static_cast<uint16_t>(last_ + 1);
    auto mappings = mappings_of(publication, port, target);
    if (mappings.empty()) return mappings;
    Status claimed = try_port(sandbox, mappings, Duration::zero());
    if (claimed) return mappings;
    if (claimed.error().code() != Code::kAlreadyExists) return fail(std::move(claimed.error()));
  }
  return fail(Code::kAlreadyExists, "all ports are allocated");
}

Result<std::vector<PortMapping>> PortChooser::claim(const std::string& sandbox, std::span<const Publication> publications, const PublishTarget& target) {
  std::vector<PortMapping> all;
  bool host_has_v6 = access(kV6Addresses, F_OK) == 0;
  for (Publication publication : publications) {
    publication.both_families &= host_has_v6;
    if (protocol_number(publication.protocol) == 0 || publication.container_port == 0 || publication.first > publication.last) {
      table_.release(sandbox);
      return fail(Code::kInvalidArgument, fmt::format("cannot publish port {}/{}", publication.container_port, publication.protocol));
    }
    auto mappings = claim_one(sandbox, publication, target);
    if (!mappings) {
      table_.release(sandbox);
      return fail(std::move(mappings.error()));
    }
    all.insert(all.end(), mappings->begin(), mappings->end());
  }
  for (PortMapping& mapping : all) mapping.sandbox = sandbox;
  return all;
}

}  // namespace reigen::network
