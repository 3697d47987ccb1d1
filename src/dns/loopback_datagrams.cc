#include "dns/loopback_datagrams.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/log.h"

namespace reigen::dns {
namespace {
constexpr size_t kMaxClients = 1024;
constexpr size_t kMaxDatagram = 64 << 10;
constexpr int kBurst = 64;  // datagrams taken before other descriptors have their turn
constexpr auto kSilence = std::chrono::seconds(60);
constexpr size_t kControlBytes = 64;

// Tells which address of the host each datagram was for.
bool ask_for_destination(const Fd& fd, bool v4) {
  int one = 1;
  if (v4) return setsockopt(fd.get(), IPPROTO_IP, IP_PKTINFO, &one, sizeof one) == 0;
  return setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0 && setsockopt(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one) == 0;
}

IpAddress destination_of(const msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(const_cast<msghdr*>(&message), part)) {
    if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(part), sizeof info);
      std::array<uint8_t, 16> bytes;
      std::memcpy(bytes.data(), &info.ipi6_addr, bytes.size());
      return IpAddress::v6(bytes);
    }
    if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(part), sizeof info);
      return IpAddress::v4(ntohl(info.ipi_addr.s_addr));
    }
  }
  return {};
}

template <class Info>
void put_source(msghdr& message, int level, int type, const Info& info) {
  message.msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = level;
  part->cmsg_type = type;
  part->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(part), &info, sizeof info);
}

void send_from(const Fd& fd, const IpAddress& source, const SocketAddress& to, char* bytes, size_t count) {
  alignas(cmsghdr) char control[kControlBytes] = {};
  iovec part{bytes, count};
  msghdr message{};
  message.msg_name = const_cast<sockaddr*>(to.get());
  message.msg_namelen = to.length;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  if (source.is_v4()) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, source.data(), 4);
    put_source(message, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, source.data(), 16);
    info.ipi6_ifindex = reinterpret_cast<const sockaddr_in6*>(to.get())->sin6_scope_id;  // of a link-local address
    put_source(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
  (void)sendmsg(fd.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}
}  // namespace

LoopbackDatagrams::LoopbackDatagrams(EventLoop& loop) : loop_(loop) {
  loop_.on_deadline([this] { return next_end(); }, [this](TimePoint now) { end_silent(now); });
}

LoopbackDatagrams::~LoopbackDatagrams() { set({}); }

void LoopbackDatagrams::set(const std::map<ListenAddress, LoopbackTarget>& wanted) {
  for (auto it = listeners_.begin(); it != listeners_.end();) {
    auto found = wanted.find(it->first);
    if (found == wanted.end() || found->second != it->second.target) forget_port(it->first);
    if (found == wanted.end()) loop_.remove(it->second.fd.get());
    it = found == wanted.end() ? listeners_.erase(it) : std::next(it);
  }
  for (const auto& [at, target] : wanted) {
    if (auto known = listeners_.find(at); known != listeners_.end()) {
      known->second.target = target;
      continue;
    }
    SocketAddress where(at.address, at.port);
    Fd fd(socket(where.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    bool bound = fd && ask_for_destination(fd, at.address.is_v4()) && bind(fd.get(), where.get(), where.length) == 0;
    if (!bound || !loop_.add(fd.get(), EPOLLIN, [this, where_at = at](uint32_t) { receive(where_at); })) {
      LOG(kWarning, "dns", "host port {}/UDP on [{}]: {}", at.port, at.address.str(), fail_errno("bind").error().message());
      continue;
    }
    listeners_[at] = {std::move(fd), target};
  }
}

void LoopbackDatagrams::receive(const ListenAddress& at) {
  static char buffer[kMaxDatagram];  // the loop has one thread
  auto listener = listeners_.find(at);
  if (listener == listeners_.end()) return;
  for (int i = 0; i < kBurst; ++i) {
    SocketAddress peer;
    alignas(cmsghdr) char control[kControlBytes];
    iovec part{buffer, sizeof buffer};
    msghdr message{};
    message.msg_name = peer.get();
    message.msg_namelen = peer.length;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t length = recvmsg(listener->second.fd.get(), &message, MSG_DONTWAIT);
    if (length < 0) return;
    peer.length = message.msg_namelen;
    Client* client = client_of(at, peer);
    if (!client) continue;
    client->asked = destination_of(message);
    (void)send(client->fd.get(), buffer, static_cast<size_t>(length), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

LoopbackDatagrams::Client* LoopbackDatagrams::client_of(const ListenAddress& at, const SocketAddress& peer) {
  Key key(at, std::string(reinterpret_cast<const char*>(peer.get()), peer.length));
  auto found = clients_.find(key);
  if (found == clients_.end()) {
    if (clients_.size() >= kMaxClients) forget(std::ranges::min_element(clients_, {}, [](const auto& client) { return client.second.last_used; }));
    const auto& target = listeners_[at].target;
    SocketAddress to(target.address, target.port);
    Fd fd(socket(to.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd || connect(fd.get(), to.get(), to.length) != 0 || !loop_.add(fd.get(), EPOLLIN, [this, key](uint32_t) { answer(key); })) return nullptr;
    found = clients_.emplace(key, Client{std::move(fd), at, peer, {}, {}}).first;
  }
  found->second.last_used = loop_.now();
  return &found->second;
}

void LoopbackDatagrams::answer(const Key& key) {
  static char buffer[kMaxDatagram];
  auto client = clients_.find(key);
  if (client == clients_.end()) return;
  auto listener = listeners_.find(client->second.at);
  if (listener == listeners_.end()) return;
  for (int i = 0; i < kBurst; ++i) {
    ssize_t length = recv(client->second.fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    // ECONNREFUSED: nobody listens in the pod. The error is taken out of the socket, the client may try again.
    if (length < 0) return;
    client->second.last_used = loop_.now();
    send_from(listener->second.fd, client->second.asked, client->second.peer, buffer, static_cast<size_t>(length));
  }
}

void LoopbackDatagrams::forget(std::map<Key, Client>::iterator client) {
  loop_.remove(client->second.fd.get());
  clients_.erase(client);
}

void LoopbackDatagrams::forget_port(const ListenAddress& at) {
  for (auto it = clients_.begin(); it != clients_.end();) {
    auto next = std::next(it);
    if (it->second.at == at) forget(it);
    it = next;
  }
}

TimePoint LoopbackDatagrams::next_end() const {
  TimePoint next = TimePoint::max();
  for (const auto& [key, client] : clients_) next = std::min(next, client.last_used + kSilence);
  return next;
}

void LoopbackDatagrams::end_silent(TimePoint now) {
  for (auto it = clients_.begin(); it != clients_.end();) {
    auto next = std::next(it);
    if (it->second.last_used + kSilence <= now) forget(it);
    it = next;
  }
}

}  // namespace reigen::dns
