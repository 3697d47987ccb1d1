#include "network/pod_rules.h"

#include "network/names.h"

namespace reigen::network {

using linux::NftBatch;
using linux::NftChain;
using linux::NftElement;
using linux::NftFamily;
using linux::NftHook;
using linux::NftRule;
using linux::NftSet;
using linux::NftTable;
using linux::NftType;
using linux::NftVerdict;

namespace {

constexpr int kRaw = -300, kDestinationNat = -100, kSourceNat = 100;

NftFamily nft_family(IpFamily family) { return family == IpFamily::kV4 ? NftFamily::kIpv4 : NftFamily::kIpv6; }
NftType address_type(IpFamily family) { return family == IpFamily::kV4 ? NftType::kIpv4 : NftType::kIpv6; }

NftSet ports_map(IpFamily family) {
  NftSet map;
  map.name = "hostports";
  map.key = {address_type(family), NftType::kProtocol, NftType::kPort};
  map.data = {address_type(family), NftType::kPort};
  return map;
}

NftSet hairpin_set(IpFamily family) {
  NftSet set;
  set.name = "hairpin";
  set.key = {address_type(family), address_type(family)};
  return set;
}

void append_word(std::string& bytes, uint8_t value) { bytes.append({static_cast<char>(value), '\0', '\0', '\0'}); }
void append_port(std::string& bytes, uint16_t port) { bytes.append({static_cast<char>(port >> 8), static_cast<char>(port & 0xff), '\0', '\0'}); }

// Host ports: of one address, then of all addresses of the host.
void add_port_rules(NftBatch& batch, const NftTable& table, IpFamily family, const std::string& chain) {
  NftFamily nft = nft_family(family);
  int words = family == IpFamily::kV4 ? 1 : 4;
  batch.add_rule(
      table, chain,
      std::move(
          NftRule().destination_address(nft, 0).protocol(words).destination_port(words + 1).look_up(0, "hostports", 0).translate_destination(nft, 0, words)));
  batch.add_rule(table, chain,
                 std::move(NftRule()
                               .if_destination_local()
                               .constant(IpAddress::any(family).bytes(), 0)
                               .protocol(words)
                               .destination_port(words + 1)
                               .look_up(0, "hostports", 0)
                               .translate_destination(nft, 0, words)));
}

void add_source_rules(NftBatch& batch, const NftTable& table, const PodRules& rules) {
  NftFamily nft = nft_family(rules.family);
  std::string prefix = link_prefix(rules.instance);
  int words = rules.family == IpFamily::kV4 ? 1 : 4;
  // A pod that reaches itself through a service must see another sender, or its answer would not come back through the host.
  batch.add_rule(table, "postrouting",
                 std::move(NftRule().if_destination_translated().source_address(nft, 0).destination_address(nft, words).if_in_set(0, "hairpin").masquerade()));
  if (rules.family == IpFamily::kV4)
    batch.add_rule(table, "postrouting",
                   std::move(NftRule().source_address(nft, 0).if_in_network(0, *IpNetwork::parse("127.0.0.0/8")).if_output_link(prefix, true).masquerade()));
  auto multicast = *IpNetwork::parse(rules.family == IpFamily::kV4 ? "224.0.0.0/4" : "ff00::/8");
  batch.add_rule(table, "postrouting", std::move(NftRule().destination_address(nft, 0).if_in_network(0, multicast).verdict(NftVerdict::kReturn)));
  for (const IpNetwork& cluster : rules.cluster_cidrs)
    if (cluster.address.family() == rules.family)
      batch.add_rule(table, "postrouting", std::move(NftRule().destination_address(nft, 0).if_in_network(0, cluster).verdict(NftVerdict::kReturn)));
  for (const IpNetwork& pods : rules.pod_cidrs)
    if (pods.address.family() == rules.family)
      batch.add_rule(table, "postrouting", std::move(NftRule().source_address(nft, 0).if_in_network(0, pods).masquerade()));
}

// The pods' links route loopback addresses (for host ports on 127.0.0.1); nobody outside may use that.
void add_guard_rules(NftBatch& batch, const NftTable& table, const PodRules& rules) {
  if (rules.family != IpFamily::kV4) return;
  auto loopback = *IpNetwork::parse("127.0.0.0/8");
  batch.add_rule(table, "guard", std::move(NftRule().if_input_link("lo", false).verdict(NftVerdict::kReturn)));
  batch.add_rule(table, "guard", std::move(NftRule().destination_address(NftFamily::kIpv4, 0).if_in_network(0, loopback).verdict(NftVerdict::kDrop)));
  batch.add_rule(table, "guard", std::move(NftRule().source_address(NftFamily::kIpv4, 0).if_in_network(0, loopback).verdict(NftVerdict::kDrop)));
}

}  // namespace

uint8_t protocol_number(std::string_view name) {
  if (name == "TCP") return 6;
  if (name == "UDP") return 17;
  if (name == "SCTP") return 132;
  return 0;
}

NftTable pods_table_of(const PodRules& rules) { return {nft_family(rules.family), pods_table(rules.instance)}; }

void change_ports(NftBatch& batch, const PodRules& rules, std::span<const PortMapping> ports, bool add) {
  std::vector<std::pair<std::string, std::string>> storage;
  for (const PortMapping& mapping : ports) {
    if (mapping.pod.family() != rules.family) continue;
    bool all = mapping.port.host_ip.is_any();
    if (!all && mapping.port.host_ip.family() != rules.family) continue;
    auto& [key, data] = storage.emplace_back();
    key = all ? IpAddress::any(rules.family).bytes() : mapping.port.host_ip.bytes();
    append_word(key, protocol_number(mapping.port.protocol));
    append_port(key, mapping.port.host_port);
    data = mapping.pod.bytes();
    append_port(data, mapping.port.container_port);
  }
  std::vector<NftElement> elements;
  for (const auto& [key, data] : storage) elements.push_back({key, data});
  if (add) batch.add_elements(pods_table_of(rules), ports_map(rules.family), elements);
  else batch.delete_elements(pods_table_of(rules), ports_map(rules.family), elements);
}

void change_pod(NftBatch& batch, const PodRules& rules, const IpAddress& pod, bool add) {
  if (pod.family() != rules.family) return;
  std::string key(pod.bytes());
  key += pod.bytes();
  if (add) batch.add_elements(pods_table_of(rules), hairpin_set(rules.family), {{key}});
  else batch.delete_elements(pods_table_of(rules), hairpin_set(rules.family), {{key}});
}

NftBatch replace_pod_rules(const PodRules& rules, bool exists, std::span<const PortMapping> ports, std::span<const IpAddress> pods) {
  NftBatch batch;
  NftTable table = pods_table_of(rules);
  if (exists) batch.delete_table(table);
  batch.add_table(table);
  batch.add_set(table, ports_map(rules.family));
  batch.add_set(table, hairpin_set(rules.family));
  batch.add_chain(table, {"guard", "filter", NftHook::kPrerouting, kRaw});
  batch.add_chain(table, {"prerouting", "nat", NftHook::kPrerouting, kDestinationNat});
  batch.add_chain(table, {"output", "nat", NftHook::kOutput, kDestinationNat});
  batch.add_chain(table, {"postrouting", "nat", NftHook::kPostrouting, kSourceNat});
  add_guard_rules(batch, table, rules);
  add_port_rules(batch, table, rules.family, "prerouting");
  add_port_rules(batch, table, rules.family, "output");
  add_source_rules(batch, table, rules);
  change_ports(batch, rules, ports, true);
  for (const IpAddress& pod : pods) change_pod(batch, rules, pod, true);
  return batch;
}

}  // namespace reigen::network
