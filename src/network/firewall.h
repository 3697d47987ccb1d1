// Finds firewalls of the host that would drop the packets of pods and containers, and lets them pass with one marked rule a chain and direction.
#pragma once

#include <string>
#include <vector>

#include "linux/nftables.h"
#include "network/pod_network.h"

namespace reigen::network {

// Links whose packets shall pass.
struct FirewallLinks {
  std::string name;
  bool prefix = false;    // all that begin so
  bool to_host = true;    // packets to the host too, not only forwarded ones
  std::string rule_mark;  // the comment of the rules
};
FirewallLinks pod_links(const std::string& instance);
// A bridge with a name of its own, or (empty) all others.
FirewallLinks bridge_links(const std::string& instance, const std::string& name);

// Looks at the base chains of all other tables (nft, and with them iptables-nft) and at iptables-legacy, and puts accepting rules for the links at the
// head of those whose policy is to drop. Says what it found. Safe to repeat.
Result<std::vector<Finding>> mend_firewall(linux::NftSocket& nft, const FirewallLinks& links);

// What mend_firewall would find: "table filter, chain FORWARD drops forwarded packets". Changes nothing.
Result<std::vector<std::string>> find_firewalls(linux::NftSocket& nft);

// Takes all of the instance's marked rules out again; of iptables-legacy those of pods, bridges, and the bridges with names of their own given here.
Status unmend_firewall(linux::NftSocket& nft, const std::string& instance, const std::vector<std::string>& bridges = {});
// Those of one kind of links.
Status unmend_links(linux::NftSocket& nft, const FirewallLinks& links);

}  // namespace reigen::network
