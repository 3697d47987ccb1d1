// The nft table of a node's bridge networks, one a family: published ports, what may pass between bridges, masquerade.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "linux/nftables.h"
#include "network/container_network.h"
#include "network/pod_rules.h"

namespace reigen::network {

// A bridge as the rules see it.
struct BridgeLink {
  std::string link;
  BridgeSpec spec;
};

linux::NftTable bridges_table(const std::string& instance, IpFamily family);

// Replaces the whole table at once. Ports of the other family, and those a helper process serves (served_by_helper), are left out.
//
// prerouting and output: a port of the exact address, then of any address of the host. forward: established passes; within a bridge all passes (so that
// bridge-nf-call-iptables changes nothing); from and to internal ones nothing; into a bridge only what was translated; the rest, out of a bridge, passes.
// postrouting: what was translated and goes back into the bridge it came from, 127/8 into a bridge, and a bridge's addresses out by another link are
// masqueraded. prerouting raw: nobody outside may use that bridges route 127/8.
linux::NftBatch replace_bridge_rules(const std::string& instance, IpFamily family, bool exists, std::span<const BridgeLink> bridges,
                                     std::span<const PortMapping> ports);

// Changes to published ports alone. Nothing in the batch when none is of this family.
void change_published(linux::NftBatch& batch, const std::string& instance, IpFamily family, std::span<const PortMapping> ports, bool add);

// True when the kernel cannot translate: families differ, or the host's address is [::1] (which no link routes). [::1] of an any address too.
bool served_by_helper(const PortMapping& port);

}  // namespace reigen::network
