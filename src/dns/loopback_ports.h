// Host ports that the kernel cannot translate, on [::1] or between families: bytes are copied.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "dns/event_loop.h"
#include "dns/loopback_datagrams.h"
#include "network/pod_rules.h"

namespace reigen::dns {

// Where a mapping is listened for: a pod's of any address, or of [::1], at [::1]; a container's where network::served_by_helper says so, and one of [::]
// that the kernel translates at [::1]. Nothing: the kernel does it all.
std::optional<IpAddress> listens_at(const network::PortMapping& mapping);

// TCP here, UDP in loopback_datagrams.h. At most 4096 connections (more are closed at once) with 16 KiB of buffer a direction.
class LoopbackPorts {
 public:
  explicit LoopbackPorts(EventLoop& loop);
  ~LoopbackPorts();

  // Listens for what is new and stops listening for what is gone; connections go on. A port that is taken is logged.
  void set(std::span<const network::PortMapping> ports);

 private:
  struct Listener {
    Fd fd;
    LoopbackTarget target;
  };
  struct Pipe;
  void accept_on(const ListenAddress& at);
  void refuse(const Fd& listener);
  void watch(uint64_t id, int side, uint32_t events);
  void advance(uint64_t id);
  void end(uint64_t id);

  EventLoop& loop_;
  std::map<ListenAddress, Listener> listeners_;
  std::map<uint64_t, std::shared_ptr<Pipe>> pipes_;
  uint64_t last_id_ = 0;
  Fd spare_;  // given up to refuse a connection when no descriptor is left
  LoopbackDatagrams datagrams_;
};

}  // namespace reigen::dns
