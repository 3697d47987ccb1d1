#include "dns/loopback_ports.h"

#include <sys/epoll.h>

#include "base/log.h"
#include "dns/socket_address.h"

namespace reigen::dns {
namespace {
constexpr size_t kMaxPipes = 256;
constexpr size_t kBuffer = 16 << 10;
constexpr int kBacklog = 128;

std::map<uint16_t, LoopbackTarget> ports_of(std::span<const network::PortMapping> ports, std::string_view protocol) {
  std::map<uint16_t, LoopbackTarget> out;
  for (const auto& mapping : ports)
    if (mapping.port.protocol == protocol && (mapping.port.host_ip.is_any() || mapping.port.host_ip.str() == "::1"))
      out.emplace(mapping.port.host_port, LoopbackTarget{mapping.pod, mapping.port.container_port});
  return out;
}
}  // namespace

struct LoopbackPorts::Pipe {
  struct Side {
    Fd fd;
    std::string to_send;  // from the other side
    bool read_ended = false;
    bool write_shut = false;
  };
  Side sides[2];
  bool connected = false;

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

LoopbackPorts::~LoopbackPorts() {
  for (auto& [port, listener] : listeners_) loop_.remove(listener.fd.get());
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
  for (const auto& [port, target] : wanted) {
    if (auto known = listeners_.find(port); known != listeners_.end()) {
      known->second.target = target;
      continue;
    }
    SocketAddress where(*IpAddress::parse("::1"), port);
    Fd fd(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    int one = 1;
    bool bound = fd && setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 && bind(fd.get(), where.get(), where.length) == 0 &&
                 listen(fd.get(), kBacklog) == 0;
    uint16_t number = port;
    if (!bound || !loop_.add(fd.get(), EPOLLIN, [this, number](uint32_t) { accept_on(number); })) {
      LOG(kWarning, "dns", "host port {} on [::1]: {}", port, fail_errno("listen").error().message());
      continue;
    }
    listeners_[port] = {std::move(fd), target};
  }
}

void LoopbackPorts::accept_on(uint16_t port) {
  auto listener = listeners_.find(port);
  if (listener == listeners_.end()) return;
  Fd client(accept4(listener->second.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!client || pipes_.size() >= kMaxPipes) return;
  SocketAddress to(listener->second.target.address, listener->second.target.port);
  Fd server(socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!server || (connect(server.get(), to.get(), to.length) != 0 && errno != EINPROGRESS)) return;
  auto pipe = std::make_shared<Pipe>();
  pipe->sides[0].fd = std::move(client);
  pipe->sides[1].fd = std::move(server);
  uint64_t id = ++last_id_;
  pipes_[id] = pipe;
  bool watched =
      loop_.add(pipe->sides[0].fd.get(), 0, [this, id](uint32_t) { advance(id); }) && loop_.add(pipe->sides[1].fd.get(), EPOLLOUT, [this, id](uint32_t events) {
        if (events & (EPOLLERR | EPOLLHUP)) {
          auto found = pipes_.find(id);
          if (found != pipes_.end() && !found->second->connected) return end(id);
        }
        advance(id);
      });
  if (!watched) end(id);
}

void LoopbackPorts::advance(uint64_t id) {
  auto found = pipes_.find(id);
  if (found == pipes_.end()) return;
  auto pipe = found->second;
  pipe->connected = true;
  if (!pipe->pump()) return end(id);
  for (int i = 0; i < 2; i++) loop_.modify(pipe->sides[i].fd.get(), pipe->interest(i));
}

void LoopbackPorts::end(uint64_t id) {
  auto found = pipes_.find(id);
  if (found == pipes_.end()) return;
  for (auto& side : found->second->sides) loop_.remove(side.fd.get());
  pipes_.erase(found);
}

}  // namespace reigen::dns
