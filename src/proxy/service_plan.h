// From a service's ports to the elements of the proxy's nft maps: a pure function.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/service_port.h"

namespace reigen::proxy {

// The sets and maps of the proxy's table (see README.md).
enum class ProxySet : uint8_t {
  kServices,           // address . protocol . port -> chain
  kServicesLocal,      // the same, asked first for packets from outside (externalTrafficPolicy: Local)
  kEndpoints,          // address . protocol . port . index -> endpoint address . port
  kEndpointsLocal,     // the same, of this node only
  kAffinityEndpoints,  // address . protocol . port . endpoint address . port: what a remembered endpoint must be in
  kNone,               // address . protocol . port: refused
  kMasquerade,         // address . protocol . port: the sender's address is replaced
};
inline constexpr size_t kProxySets = 7;

// A chain that translates to one of `count` endpoints. Node ports stand in the maps under the address 0.0.0.0 (or ::).
struct ChainKind {
  bool node_port = false;
  bool local = false;
  uint32_t affinity_seconds = 0;
  uint32_t count = 0;
  auto operator<=>(const ChainKind&) const = default;
  std::string name() const;
};

// `data` of the service maps is empty for "drop", else decided by `chain`.
struct PlannedElement {
  ProxySet set = ProxySet::kServices;
  std::string key;
  std::string data;
  ChainKind chain;  // of the two service maps; count 0: drop
  auto operator<=>(const PlannedElement&) const = default;
};

// Sorted, without duplicates. Addresses of another family are left out.
std::vector<PlannedElement> plan_service(const std::vector<ServicePort>& ports, IpFamily family);

}  // namespace reigen::proxy
