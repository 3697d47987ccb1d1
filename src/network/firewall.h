// Finds firewalls of the host that would drop the pods' packets, and lets them pass with one marked rule a chain and direction.
#pragma once

#include <string>
#include <vector>

#include "linux/nftables.h"
#include "network/pod_network.h"

namespace reigen::network {

// Looks at the base chains of all other tables (nft, and with them iptables-nft) and at iptables-legacy, and puts accepting rules for
// the instance's links at the head of those whose policy is to drop. Says what it found. Safe to repeat.
Result<std::vector<Finding>> mend_firewall(linux::NftSocket& nft, const std::string& instance);

// What mend_firewall would find: "table filter, chain FORWARD drops forwarded packets". Changes nothing.
Result<std::vector<std::string>> find_firewalls(linux::NftSocket& nft);

// Takes all marked rules out again.
Status unmend_firewall(linux::NftSocket& nft, const std::string& instance);

}  // namespace reigen::network
