// Host ports on [::1]: the kernel cannot translate between families, so bytes are copied.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>

#include "dns/event_loop.h"
#include "dns/loopback_datagrams.h"
#include "network/pod_rules.h"

namespace reigen::dns {

// TCP here, UDP in loopback_datagrams.h. At most 256 connections (more are closed at once) with 16 KiB of buffer a direction.
class LoopbackPorts {
 public:
  explicit LoopbackPorts(EventLoop& loop) : loop_(loop), datagrams_(loop) {}
  ~LoopbackPorts();

  // Listens for what is new and stops listening for what is gone; connections go on. A port that is taken is logged.
  void set(std::span<const network::PortMapping> ports);

 private:
  struct Listener {
    Fd fd;
    LoopbackTarget target;
  };
  struct Pipe;
  void accept_on(uint16_t port);
  void advance(uint64_t id);
  void end(uint64_t id);

  EventLoop& loop_;
  std::map<uint16_t, Listener> listeners_;
  std::map<uint64_t, std::shared_ptr<Pipe>> pipes_;
  uint64_t last_id_ = 0;
  LoopbackDatagrams datagrams_;
};

}  // namespace reigen::dns
