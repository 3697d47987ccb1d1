// Host ports of UDP that the kernel cannot translate: datagrams are copied, with a socket to the pod for each client, so that answers find their way back.
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

// Where is listened.
struct ListenAddress {
  IpAddress address;
  uint16_t port = 0;
  auto operator<=>(const ListenAddress&) const = default;
};

// At most 1024 clients; of more, the one that was silent longest is forgotten, as is one that was silent for a minute. What a socket's
// buffer does not take is lost, as datagrams are. Lives as long as the loop runs.
class LoopbackDatagrams {
 public:
  explicit LoopbackDatagrams(EventLoop& loop);
  ~LoopbackDatagrams();

  // A client of a port whose target changed is forgotten.
  void set(const std::map<ListenAddress, LoopbackTarget>& wanted);

 private:
  struct Listener {
    Fd fd;
    LoopbackTarget target;
  };
  struct Client {
    Fd fd;  // connected to the pod
    ListenAddress at;
    SocketAddress peer;
    IpAddress asked;  // the host's address it wrote to: the answer comes from there
    TimePoint last_used{};
  };
  using Key = std::pair<ListenAddress, std::string>;  // and the peer's address
  void receive(const ListenAddress& at);
  void answer(const Key& key);
  Client* client_of(const ListenAddress& at, const SocketAddress& peer);
  void forget(std::map<Key, Client>::iterator client);
  void forget_port(const ListenAddress& at);
  TimePoint next_end() const;
  void end_silent(TimePoint now);

  EventLoop& loop_;
  std::map<ListenAddress, Listener> listeners_;
  std::map<Key, Client> clients_;
};

}  // namespace reigen::dns
