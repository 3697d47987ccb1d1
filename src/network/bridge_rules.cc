#include "network/bridge_rules.h"

#include <algorithm>

#include "network/bridge_names.h"

namespace reigen::network {

using linux::NftBatch;
using linux::NftElement;
using linux::NftFamily;
using linux::NftHook;
using linux::NftRule;
using linux::NftSet;
using linux::NftTable;
using linux::NftType;
using linux::NftVerdict;

namespace {

constexpr int kRaw = -300, kDestinationNat = -100, kFilter = 0, kSourceNat = 100;
constexpr size_t kLinkNameBytes = 16;
constexpr int kLinkNameWords = 4;
constexpr const char* kPublished = "published";
constexpr const char* kBridges = "bridges";
constexpr const char* kWithin = "within";
constexpr const char* kInternal = "internal";

NftFamily nft_family(IpFamily family) { return family == IpFamily::kV4 ? NftFamily::kIpv4 : NftFamily::kIpv6; }
NftType address_type(IpFamily family) { return family == IpFamily::kV4 ? NftType::kIpv4 : NftType::kIpv6; }

NftSet published_map(IpFamily family) {
  NftSet map;
  map.name = kPublished;
  map.key = {address_type(family), NftType::kProtocol, NftType::kPort};
  map.data = {address_type(family), NftType::kPort};
  return map;
}

NftSet link_set(const char* name, size_t links) {
  NftSet set;
  set.name = name;
  set.key.assign(links, NftType::kLinkName);
  return set;
}

void add_links(NftBatch& batch, const NftTable& table, const NftSet& set, const std::vector<std::string>& names) {
  std::vector<std::string> keys;
  for (const std::string& name : names) {
    std::string padded = name;
    padded.resize(kLinkNameBytes);
    std::string& key = keys.emplace_back();
    for (size_t i = 0; i < set.key.size(); i++) key += padded;
  }
  std::vector<NftElement> elements;
  for (const std::string& key : keys) elements.push_back({key});
  batch.add_elements(table, set, elements);
}

void append_word(std::string& bytes, uint8_t value) { bytes.append({static_cast<char>(value), '\0', '\0', '\0'}); }
void append_port(std::string& bytes, uint16_t port) { bytes.append({static_cast<char>(port >> 8), static_cast<char>(port & 0xff), '\0', '\0'}); }

void add_port_rules(NftBatch& batch, const NftTable& table, IpFamily family, const std::string& chain) {
  NftFamily nft = nft_family(family);
  int words = family == IpFamily::kV4 ? 1 : 4;
  NftRule exact, any;
  exact.destination_address(nft, 0).protocol(words).destination_port(words + 1).look_up(0, kPublished, 0).translate_destination(nft, 0, words);
  // The kernel routes ::1 nowhere: the helper process serves it (served_by_helper, dns/loopback_ports.h).
  if (family == IpFamily::kV6) any.destination_address(nft, 0).if_equal(0, IpAddress::parse("::1")->bytes(), true);
  any.if_destination_local().constant(IpAddress::any(family).bytes(), 0).protocol(words).destination_port(words + 1);
  any.look_up(0, kPublished, 0).translate_destination(nft, 0, words);
  batch.add_rule(table, chain, std::move(exact));
  batch.add_rule(table, chain, std::move(any));
}

void add_forward_rules(NftBatch& batch, const NftTable& table) {
  auto accept = [&](NftRule&& rule) { batch.add_rule(table, "forward", std::move(rule.verdict(NftVerdict::kAccept))); };
  auto drop = [&](NftRule&& rule) { batch.add_rule(table, "forward", std::move(rule.verdict(NftVerdict::kDrop))); };
  accept(std::move(NftRule().if_established()));
  accept(std::move(NftRule().input_link(0).output_link(kLinkNameWords).if_in_set(0, kWithin)));
  drop(std::move(NftRule().input_link(0).if_in_set(0, kInternal)));
  drop(std::move(NftRule().output_link(0).if_in_set(0, kInternal)));
  accept(std::move(NftRule().if_destination_translated()));
  drop(std::move(NftRule().output_link(0).if_in_set(0, kBridges)));
}

void add_source_rules(NftBatch& batch, const NftTable& table, IpFamily family, std::span<const BridgeLink> bridges) {
  NftFamily nft = nft_family(family);
  for (const BridgeLink& bridge : bridges) {
    for (const BridgeSpec::Pool& pool : bridge.spec.pools) {
      if (pool.subnet.address.family() != family) continue;
      // Its answer would go straight to the other port of the bridge, past the translation.
      NftRule back;
      back.if_destination_translated().if_output_link(bridge.link, false).source_address(nft, 0).if_in_network(0, pool.subnet).masquerade();
      batch.add_rule(table, "postrouting", std::move(back));
      if (bridge.spec.internal || !bridge.spec.masquerade) continue;
      NftRule out;
      out.source_address(nft, 0).if_in_network(0, pool.subnet).if_output_link(bridge.link, false, true).masquerade();
      batch.add_rule(table, "postrouting", std::move(out));
    }
  }
  if (family != IpFamily::kV4) return;
  NftRule loopback;
  loopback.source_address(nft, 0)
      .if_in_network(0, *IpNetwork::parse("127.0.0.0/8"))
      .output_link(kLinkNameWords)
      .if_in_set(kLinkNameWords, kBridges)
      .masquerade();
  batch.add_rule(table, "postrouting", std::move(loopback));
}

void add_guard_rules(NftBatch& batch, const NftTable& table) {
  auto loopback = *IpNetwork::parse("127.0.0.0/8");
  batch.add_rule(table, "guard", std::move(NftRule().if_input_link("lo", false).verdict(NftVerdict::kReturn)));
  batch.add_rule(table, "guard", std::move(NftRule().destination_address(NftFamily::kIpv4, 0).if_in_network(0, loopback).verdict(NftVerdict::kDrop)));
  batch.add_rule(table, "guard", std::move(NftRule().source_address(NftFamily::kIpv4, 0).if_in_network(0, loopback).verdict(NftVerdict::kDrop)));
}

}  // namespace

NftTable bridges_table(const std::string& instance, IpFamily family) { return {nft_family(family), docker_table(instance)}; }

bool served_by_helper(const PortMapping& port) {
  return port.port.host_ip.family() != port.pod.family() || (!port.port.host_ip.is_v4() && port.port.host_ip.is_loopback());
}

void change_published(NftBatch& batch, const std::string& instance, IpFamily family, std::span<const PortMapping> ports, bool add) {
  std::vector<std::pair<std::string, std::string>> storage;
  for (const PortMapping& mapping : ports) {
    if (mapping.pod.family() != family || served_by_helper(mapping)) continue;
    auto& [key, data] = storage.emplace_back(mapping.port.host_ip.bytes(), mapping.pod.bytes());
    append_word(key, protocol_number(mapping.port.protocol));
    append_port(key, mapping.port.host_port);
    append_port(data, mapping.port.container_port);
  }
  std::vector<NftElement> elements;
  for (const auto& [key, data] : storage) elements.push_back({key, data});
  NftTable table = bridges_table(instance, family);
  if (add) batch.add_elements(table, published_map(family), elements);
  else batch.delete_elements(table, published_map(family), elements);
}

NftBatch replace_bridge_rules(const std::string& instance, IpFamily family, bool exists, std::span<const BridgeLink> bridges,
                              std::span<const PortMapping> ports) {
  NftBatch batch;
  NftTable table = bridges_table(instance, family);
  if (exists) batch.delete_table(table);
  batch.add_table(table);
  batch.add_set(table, published_map(family));
  std::vector<std::string> all, internal;
  for (const BridgeLink& bridge : bridges) {
    all.push_back(bridge.link);
    if (bridge.spec.internal) internal.push_back(bridge.link);
  }
  auto add_names = [&](const char* name, size_t links, const std::vector<std::string>& names) {
    NftSet set = link_set(name, links);
    batch.add_set(table, set);
    add_links(batch, table, set, names);
  };
  add_names(kBridges, 1, all);
  add_names(kWithin, 2, all);
  add_names(kInternal, 1, internal);
  if (family == IpFamily::kV4) {
    batch.add_chain(table, {"guard", "filter", NftHook::kPrerouting, kRaw});
    add_guard_rules(batch, table);
  }
  batch.add_chain(table, {"prerouting", "nat", NftHook::kPrerouting, kDestinationNat});
  batch.add_chain(table, {"output", "nat", NftHook::kOutput, kDestinationNat});
  batch.add_chain(table, {"forward", "filter", NftHook::kForward, kFilter});
  batch.add_chain(table, {"postrouting", "nat", NftHook::kPostrouting, kSourceNat});
  add_port_rules(batch, table, family, "prerouting");
  add_port_rules(batch, table, family, "output");
  add_forward_rules(batch, table);
  add_source_rules(batch, table, family, bridges);
  change_published(batch, instance, family, ports, true);
  return batch;
}

}  // namespace reigen::network
