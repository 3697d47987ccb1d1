// What the proxy knows of one port of a service.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"

namespace reigen::proxy {

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;
  bool local = false;  // on this node
  auto operator<=>(const Endpoint&) const = default;
};

struct ServicePort {
  std::string name;      // "namespace/name:port", for messages
  uint8_t protocol = 6;  // 6 TCP, 17 UDP, 132 SCTP
  uint16_t port = 0;
  uint16_t node_port = 0;  // 0: none
  std::vector<IpAddress> cluster_ips;
  std::vector<IpAddress> external_ips;  // and those of a load balancer
  bool external_local = false;          // externalTrafficPolicy: Local
  bool internal_local = false;          // internalTrafficPolicy: Local
  uint32_t affinity_seconds = 0;        // 0: sessionAffinity None
  std::vector<Endpoint> endpoints;      // those that may get new connections
};

}  // namespace reigen::proxy
