#include "dns/loopback_ports.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <utility>

#include "base/log.h"
#include "dns/socket_address.h"
#include "network/bridge_rules.h"

namespace reigen::dns {
namespace {
constexpr size_t kMaxPipes = 4096;
constexpr size_t kBuffer = 16 << 10;
constexpr int kBacklog = 128;
// A peer that went away without a word is missed after 15 + 9 * 15 s.
constexpr int kAliveSeconds = 15;

std::map<ListenAddress, LoopbackTarget> ports_of(std::span<const network::PortMapping> ports, std::string_view protocol) {
  std::map<ListenAddress, LoopbackTarget> out;
  for (const auto& mapping : ports)
    if (auto at = mapping.port.protocol == protocol ? listens_at(mapping) : std::nullopt)
      out.emplace(ListenAddress{*at, mapping.port.host_port}, LoopbackTarget{mapping.pod, mapping.port.container_port});
  return out;
}

Fd listen_at(const ListenAddress& at) {
  SocketAddress where(at.address, at.port);
  Fd fd(socket(where.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  int one = 1;
  bool bound = fd && setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
               (at.address.is_v4() || setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0) &&
               bind(fd.get(), where.get(), where.length) == 0 && listen(fd.get(), kBacklog) == 0;
  return bound ? std::move(fd) : Fd();
}

void keep_alive(const Fd& fd) {
  int one = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  setsockopt(fd.get(), IPPROTO_TCP, TCP_KEEPIDLE, &kAliveSeconds, sizeof kAliveSeconds);
  setsockopt(fd.get(), IPPROTO_TCP, TCP_KEEPINTVL, &kAliveSeconds, sizeof kAliveSeconds);
}
}  // namespace

std::optional<IpAddress> listens_at(const network::PortMapping& mapping) {
  const IpAddress& host = mapping.port.host_ip;
  IpAddress loopback = *IpAddress::parse("::1");
  if (!mapping.docker) return host.is_any() || host == loopback ? std::optional(loopback) : std::nullopt;
  if (network::served_by_helper(mapping)) return host;
  return host.is_any() && !host.is_v4() ? std::optional(loopback) : std::nullopt;
}

struct LoopbackPorts::Pipe {
  struct Side {
    Fd fd;
    std::string to_send;  // from the other side
    bool read_ended = false;
    bool write_shut = false;
    uint32_t watched = 0;  // events; 0: the loop does not know it
  };
  Side sides[2];

  // Moves what can be moved; false when the connection is over.
  bool pump() {
    for (int i = 0; i < 2; i++) {
      Side& from = sides[i];
      Side& to = sides[1 - i];
      if (!from.read_ended && to.to_send.size() < kBuffer && !receive(from, to)) return false;
      if (!to.to_send.empty() && !flush(to)) return false;
      if (from.read_ended && to.to_send.empty() && !to.write_shut) {
        shutdown(to.fd.get(), SHUT_WR);
        to.write_shut = true;
      }
    }
    return !(sides[0].write_shut && sides[1].write_shut);
  }
  static bool receive(Side& from, Side& to) {
    char buffer[kBuffer];
    ssize_t length = recv(from.fd.get(), buffer, kBuffer - to.to_send.size(), MSG_DONTWAIT);
    if (length < 0) return errno == EAGAIN || errno == EINTR;
    if (length == 0) from.read_ended = true;
    to.to_send.append(buffer, static_cast<size_t>(length));
    return true;
  }
  static bool flush(Side& to) {
    ssize_t length = send(to.fd.get(), to.to_send.data(), to.to_send.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (length < 0) return errno == EAGAIN || errno == EINTR;
    to.to_send.erase(0, static_cast<size_t>(length));
    return true;
  }
  uint32_t interest(int i) const {
    const Side& side = sides[i];
    uint32_t events = side.to_send.empty() ? 0u : static_cast<uint32_t>(EPOLLOUT);
    if (!side.read_ended && sides[1 - i].to_send.size() < kBuffer) events |= EPOLLIN;
    return events;
  }
};

LoopbackPorts::LoopbackPorts(EventLoop& loop) : loop_(loop), spare_(open("/dev/null", O_RDONLY | O_CLOEXEC)), datagrams_(loop) {}

LoopbackPorts::~LoopbackPorts() {
  for (auto& [at, listener] : listeners_) loop_.remove(listener.fd.get());
  while (!pipes_.empty()) end(pipes_.begin()->first);
}

void LoopbackPorts::set(std::span<const network::PortMapping> ports) {
  auto wanted = ports_of(ports, "TCP");
  datagrams_.set(ports_of(ports, "UDP"));
  for (auto it = listeners_.begin(); it != listeners_.end();) {
    bool keep = wanted.contains(it->first);
    if (!keep) loop_.remove(it->second.fd.get());
    it = keep ? std::next(it) : listeners_.erase(it);
  }
  for (const auto& [at, target] : wanted) {
    if (auto known = listeners_.find(at); known != listeners_.end()) {
      known->second.target = target;
      continue;
    }
    Fd fd = listen_at(at);
    if (!fd || !loop_.add(fd.get(), EPOLLIN, [this, where = at](uint32_t) { accept_on(where); })) {
      LOG(kWarning, "dns", "host port {} on [{}]: {}", at.port, at.address.str(), fail_errno("listen").error().message());
      continue;
    }
    listeners_[at] = {std::move(fd), target};
  }
}

void LoopbackPorts::accept_on(const ListenAddress& at) {
  auto listener = listeners_.find(at);
  if (listener == listeners_.end()) return;
  Fd client(accept4(listener->second.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!client && (errno == EMFILE || errno == ENFILE)) return refuse(listener->second.fd);
  if (!client || pipes_.size() >= kMaxPipes) return;
  SocketAddress to(listener->second.target.address, listener->second.target.port);
  Fd server(socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!server || (connect(server.get(), to.get(), to.length) != 0 && errno != EINPROGRESS)) return;
  keep_alive(client);
  keep_alive(server);
  auto pipe = std::make_shared<Pipe>();
  pipe->sides[0].fd = std::move(client);
  pipe->sides[1].fd = std::move(server);
  uint64_t id = ++last_id_;
  pipes_[id] = pipe;
  // The client waits until the other side has taken the connection.
  watch(id, 1, EPOLLOUT);
}

// Out of descriptors: a connection left in the queue would wake the loop without end.
void LoopbackPorts::refuse(const Fd& listener) {
  spare_.reset();
  Fd(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)).reset();
  spare_ = Fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

// A side that nothing is wanted of is taken out of the loop, which would tell of its end without end.
void LoopbackPorts::watch(uint64_t id, int side, uint32_t events) {
  auto found = pipes_.find(id);
  if (found == pipes_.end()) return;
  Pipe::Side& of = found->second->sides[side];
  if (of.watched == events) return;
  int fd = of.fd.get();
  bool known = std::exchange(of.watched, events) != 0;
  if (events == 0) return loop_.remove(fd);
  if (known) return loop_.modify(fd, events);
  if (!loop_.add(fd, events, [this, id](uint32_t) { advance(id); })) end(id);
}

void LoopbackPorts::advance(uint64_t id) {
  auto found = pipes_.find(id);
  if (found == pipes_.end()) return;
  auto pipe = found->second;
  if (!pipe->pump()) return end(id);
  for (int i = 0; i < 2; i++) watch(id, i, pipe->interest(i));
}

void LoopbackPorts::end(uint64_t id) {
  auto found = pipes_.find(id);
  if (found == pipes_.end()) return;
  for (auto& side : found->second->sides) loop_.remove(side.fd.get());
  pipes_.erase(found);
}

}  // namespace reigen::dns
