// The nft table of a node's pods, one a family: masquerade, host ports, and the guard of the host's loopback.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/ip.h"
#include "linux/nftables.h"
#include "network/pod_network.h"

namespace reigen::network {

// One host port as the kernel sees it.
struct PortMapping {
  std::string sandbox;
  HostPort port;
  IpAddress pod;        // of a container as well
  bool docker = false;  // published by a container: an any address means its own family alone
  bool operator==(const PortMapping&) const = default;
};

struct PodRules {
  std::string instance;
  IpFamily family = IpFamily::kV4;
  std::vector<IpNetwork> cluster_cidrs;
  std::vector<IpNetwork> pod_cidrs;
};

// Replaces the whole table at once. Ports and pods of the other family are left out.
linux::NftBatch replace_pod_rules(const PodRules& rules, bool exists, std::span<const PortMapping> ports, std::span<const IpAddress> pods);

// Changes to the elements alone.
void change_ports(linux::NftBatch& batch, const PodRules& rules, std::span<const PortMapping> ports, bool add);
void change_pod(linux::NftBatch& batch, const PodRules& rules, const IpAddress& pod, bool add);

linux::NftTable pods_table_of(const PodRules& rules);

// 6, 17 or 132; 0 for an unknown name.
uint8_t protocol_number(std::string_view name);

}  // namespace reigen::network
