// Host ports of UDP on [::1]: datagrams are copied, with a socket to the pod for each client, so that answers find their way back.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/ip.h"
#include "dns/event_loop.h"
#include "dns/socket_address.h"

namespace reigen::dns {

// What stands behind a host port.
struct LoopbackTarget {
  IpAddress address;
  uint16_t port = 0;
  bool operator==(const LoopbackTarget&) const = default;
};

// At most 256 clients; of more, the one that was silent longest is forgotten, as is one that was silent for a minute. What a socket's
// buffer does not take is lost, as datagrams are. Lives as long as the loop runs.
class LoopbackDatagrams {
 public:
  explicit LoopbackDatagrams(EventLoop& loop);
  ~LoopbackDatagrams();

  // By host port. A client of a port whose target changed is forgotten.
  void set(const std::map<uint16_t, LoopbackTarget>& wanted);

 private:
  struct Listener {
    Fd fd;
    LoopbackTarget target;
  };
  struct Client {
    Fd fd;  // connected to the pod
    uint16_t host_port = 0;
    SocketAddress peer;
    TimePoint last_used{};
  };
  using Key = std::pair<uint16_t, std::string>;  // host port and the peer's address
  void receive(uint16_t port);
  void answer(const Key& key);
  Client* client_of(uint16_t port, const SocketAddress& peer);
  void forget(std::map<Key, Client>::iterator client);
  void forget_port(uint16_t port);
  TimePoint next_end() const;
  void end_silent(TimePoint now);

  EventLoop& loop_;
  std::map<uint16_t, Listener> listeners_;
  std::map<Key, Client> clients_;
};

}  // namespace reigen::dns
