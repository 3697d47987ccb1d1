#include "dns/loopback_datagrams.h"

#include <sys/epoll.h>

#include <algorithm>

#include "base/log.h"

namespace reigen::dns {
namespace {
constexpr size_t kMaxClients = 256;
constexpr size_t kMaxDatagram = 64 << 10;
constexpr int kBurst = 64;  // datagrams taken before other descriptors have their turn
constexpr auto kSilence = std::chrono::seconds(60);
}  // namespace

LoopbackDatagrams::LoopbackDatagrams(EventLoop& loop) : loop_(loop) {
  loop_.on_deadline([this] { return next_end(); }, [this](TimePoint now) { end_silent(now); });
}

LoopbackDatagrams::~LoopbackDatagrams() { set({}); }

void LoopbackDatagrams::set(const std::map<uint16_t, LoopbackTarget>& wanted) {
  for (auto it = listeners_.begin(); it != listeners_.end();) {
    auto found = wanted.find(it->first);
    if (found == wanted.end() || found->second != it->second.target) forget_port(it->first);
    if (found == wanted.end()) loop_.remove(it->second.fd.get());
    it = found == wanted.end() ? listeners_.erase(it) : std::next(it);
  }
  for (const auto& [port, target] : wanted) {
    if (auto known = listeners_.find(port); known != listeners_.end()) {
      known->second.target = target;
      continue;
    }
    SocketAddress where(*IpAddress::parse("::1"), port);
    Fd fd(socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    uint16_t number = port;
    if (!fd || bind(fd.get(), where.get(), where.length) != 0 || !loop_.add(fd.get(), EPOLLIN, [this, number](uint32_t) { receive(number); })) {
      LOG(kWarning, "dns", "host port {}/UDP on [::1]: {}", port, fail_errno("bind").error().message());
      continue;
    }
    listeners_[port] = {std::move(fd), target};
  }
}

void LoopbackDatagrams::receive(uint16_t port) {
  static char buffer[kMaxDatagram];  // the loop has one thread
  auto listener = listeners_.find(port);
  if (listener == listeners_.end()) return;
  for (int i = 0; i < kBurst; ++i) {
    SocketAddress peer;
    ssize_t length = recvfrom(listener->second.fd.get(), buffer, sizeof buffer, MSG_DONTWAIT, peer.get(), &peer.length);
    if (length < 0) return;
    Client* client = client_of(port, peer);
    if (client) (void)send(client->fd.get(), buffer, static_cast<size_t>(length), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

LoopbackDatagrams::Client* LoopbackDatagrams::client_of(uint16_t port, const SocketAddress& peer) {
  Key key(port, std::string(reinterpret_cast<const char*>(peer.get()), peer.length));
  auto found = clients_.find(key);
  if (found == clients_.end()) {
    if (clients_.size() >= kMaxClients) forget(std::ranges::min_element(clients_, {}, [](const auto& client) { return client.second.last_used; }));
    const auto& target = listeners_[port].target;
    SocketAddress to(target.address, target.port);
    Fd fd(socket(to.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd || connect(fd.get(), to.get(), to.length) != 0 || !loop_.add(fd.get(), EPOLLIN, [this, key](uint32_t) { answer(key); })) return nullptr;
    found = clients_.emplace(key, Client{std::move(fd), port, peer, {}}).first;
  }
  found->second.last_used = loop_.now();
  return &found->second;
}

void LoopbackDatagrams::answer(const Key& key) {
  static char buffer[kMaxDatagram];
  auto client = clients_.find(key);
  if (client == clients_.end()) return;
  auto listener = listeners_.find(client->second.host_port);
  if (listener == listeners_.end()) return;
  for (int i = 0; i < kBurst; ++i) {
    ssize_t length = recv(client->second.fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    // ECONNREFUSED: nobody listens in the pod. The error is taken out of the socket, the client may try again.
    if (length < 0) return;
    client->second.last_used = loop_.now();
    const auto& peer = client->second.peer;
    (void)sendto(listener->second.fd.get(), buffer, static_cast<size_t>(length), MSG_DONTWAIT | MSG_NOSIGNAL, peer.get(), peer.length);
  }
}

void LoopbackDatagrams::forget(std::map<Key, Client>::iterator client) {
  loop_.remove(client->second.fd.get());
  clients_.erase(client);
}

void LoopbackDatagrams::forget_port(uint16_t port) {
  for (auto it = clients_.begin(); it != clients_.end();) {
    auto next = std::next(it);
    if (it->second.host_port == port) forget(it);
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
