#include "proxy/proxy_table.h"

#include <algorithm>

#include "network/names.h"

namespace reigen::proxy {

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

// A chain of this name marks a table whose sets are as here. Change the number with the sets.
constexpr const char* kLayout = "layout-2";
constexpr const char* kAffinity = "affinity";
constexpr std::string_view kNoPort("\0\0\0\0", 4);
constexpr const char* kBaseChains[] = {"prerouting", "output", "refuse", "refuse-output", "postrouting"};
constexpr int kDestinationNat = -100, kAfterDestinationNat = -90, kSourceNat = 100;
constexpr int kBeforePods = kSourceNat - 5;  // the pods' table would masquerade less than a service needs

NftFamily nft_family(IpFamily family) { return family == IpFamily::kV4 ? NftFamily::kIpv4 : NftFamily::kIpv6; }

NftSet set_of(ProxySet which, IpFamily family) {
  NftType address = family == IpFamily::kV4 ? NftType::kIpv4 : NftType::kIpv6;
  std::vector<NftType> frontend = {address, NftType::kProtocol, NftType::kPort};
  std::vector<NftType> indexed = {address, NftType::kProtocol, NftType::kPort, NftType::kMark};
  std::vector<NftType> backend = {NftType::kPort, address, NftType::kPort};
  switch (which) {
    case ProxySet::kServices: return {"services", frontend, {}, true, false};
    case ProxySet::kServicesLocal: return {"services-local", frontend, {}, true, false};
    case ProxySet::kEndpoints: return {"endpoints", indexed, backend, false, false};
    case ProxySet::kEndpointsLocal: return {"endpoints-local", indexed, backend, false, false};
    case ProxySet::kAffinityEndpoints: return {"affinity-endpoints", {address, NftType::kProtocol, NftType::kPort, address, NftType::kPort}, {}, false, false};
    case ProxySet::kNone: return {"no-endpoints", frontend, {}, false, false};
    case ProxySet::kMasquerade: return {"masquerade", frontend, {}, false, false};
  }
  return {};
}

NftSet affinity_map(IpFamily family) {
  NftType address = family == IpFamily::kV4 ? NftType::kIpv4 : NftType::kIpv6;
  return {kAffinity, {address, address, NftType::kProtocol, NftType::kPort}, {NftType::kPort, address, NftType::kPort}, false, true};
}

// The order in which sets are emptied: what refers to chains first.
constexpr ProxySet kAllSets[] = {ProxySet::kServices,          ProxySet::kServicesLocal, ProxySet::kEndpoints, ProxySet::kEndpointsLocal,
                                 ProxySet::kAffinityEndpoints, ProxySet::kNone,          ProxySet::kMasquerade};

// Registers of all rules: [source] destination protocol port [index or endpoint port].
// The value of a look-up lands on port, endpoint and endpoint_port, and port stays what it was. nft 1.0.6 (Debian 12) knows no length of
// the register where a look-up's result begins and aborts (`nft list tables` too) where a key or translation is made of it. So port is
// loaded again, and the others were written before.
struct Registers {
  int source = 0, destination, protocol, port, endpoint, endpoint_port;
  explicit Registers(IpFamily family) {
    int words = family == IpFamily::kV4 ? 1 : 4;
    destination = words;
    protocol = 2 * words;
    port = protocol + 1;
    endpoint = port + 1;
    endpoint_port = endpoint + words;
  }
};

class RuleMaker {
 public:
  explicit RuleMaker(IpFamily family) : family_(family), nft_(nft_family(family)), regs_(family) {}

  const Registers& regs() const { return regs_; }
  NftFamily nft() const { return nft_; }

  // Loads the frontend that a packet goes to.
  NftRule& frontend(NftRule& rule, bool node_port) const {
    if (node_port) rule.constant(IpAddress::any(family_).bytes(), regs_.destination);
    else rule.destination_address(nft_, regs_.destination);
    return rule.protocol(regs_.protocol).destination_port(regs_.port);
  }
  // The frontend that it went to before it was translated.
  NftRule& original_frontend(NftRule& rule, bool node_port) const {
    if (node_port) rule.constant(IpAddress::any(family_).bytes(), regs_.destination);
    else rule.original_destination(nft_, regs_.destination);
    return rule.protocol(regs_.protocol).original_destination_port(regs_.port);
  }
  NftRule& from_outside(NftRule& rule, const std::vector<IpNetwork>& cluster) const {
    for (const IpNetwork& network : cluster)
      if (network.address.family() == family_) rule.source_address(nft_, regs_.source).if_in_network(regs_.source, network, true);
    return rule;
  }

 private:
  IpFamily family_;
  NftFamily nft_;
  Registers regs_;
};

void add_dispatch(NftBatch& batch, const NftTable& table, const RuleMaker& make, const std::vector<IpNetwork>& cluster) {
  const Registers& regs = make.regs();
  for (const char* chain : {"prerouting", "output"}) {
    for (bool node_port : {false, true}) {
      if (std::string_view(chain) == "prerouting") {
        NftRule rule;
        if (node_port) rule.if_destination_local();
        make.from_outside(rule, cluster);
        batch.add_rule(table, chain, std::move(make.frontend(rule, node_port).look_up_verdict(regs.destination, "services-local")));
      }
      NftRule rule;
      if (node_port) rule.if_destination_local();
      batch.add_rule(table, chain, std::move(make.frontend(rule, node_port).look_up_verdict(regs.destination, "services")));
    }
  }
}

// What is still addressed to a service after translation has no endpoint.
void add_refusals(NftBatch& batch, const NftTable& table, const RuleMaker& make, const std::vector<IpNetwork>& services, IpFamily family) {
  const Registers& regs = make.regs();
  for (const char* chain : {"refuse", "refuse-output"}) {
    for (const IpNetwork& network : services) {
      if (network.address.family() != family) continue;
      batch.add_rule(table, chain,
                     std::move(NftRule().destination_address(make.nft(), 0).if_in_network(0, network).if_destination_local(true).reject(make.nft())));
    }
    for (bool node_port : {false, true}) {
      NftRule rule;
      if (node_port) rule.if_destination_local();
      batch.add_rule(table, chain, std::move(make.frontend(rule, node_port).if_in_set(regs.destination, "no-endpoints").reject(make.nft())));
    }
  }
}

void add_masquerade(NftBatch& batch, const NftTable& table, const RuleMaker& make, const ProxyOptions& options, IpFamily family) {
  const Registers& regs = make.regs();
  for (const IpNetwork& network : options.service_cidrs) {
    if (network.address.family() != family) continue;
    NftRule rule;
    rule.if_destination_translated().original_destination(make.nft(), regs.destination).if_in_network(regs.destination, network);
    batch.add_rule(table, "postrouting", std::move(make.from_outside(rule, options.cluster_cidrs).masquerade()));
  }
  for (bool node_port : {false, true}) {
    NftRule rule;
    rule.if_destination_translated();
    batch.add_rule(table, "postrouting", std::move(make.original_frontend(rule, node_port).if_in_set(regs.destination, "masquerade").masquerade()));
  }
}

}  // namespace

ProxyTable::ProxyTable(const ProxyOptions& options, IpFamily family) : options_(options), family_(family) {}

NftTable ProxyTable::table() const { return {nft_family(family_), network::services_table(options_.instance)}; }

void ProxyTable::add_layout(NftBatch& batch) {
  NftTable to = table();
  RuleMaker make(family_);
  batch.add_table(to);
  for (ProxySet set : kAllSets) batch.add_set(to, set_of(set, family_));
  batch.add_set(to, affinity_map(family_));
  batch.add_chain(to, {kLayout, "", NftHook::kPrerouting, 0});
  batch.add_chain(to, {"prerouting", "nat", NftHook::kPrerouting, kDestinationNat});
  batch.add_chain(to, {"output", "nat", NftHook::kOutput, kDestinationNat});
  batch.add_chain(to, {"refuse", "filter", NftHook::kPrerouting, kAfterDestinationNat});
  batch.add_chain(to, {"refuse-output", "filter", NftHook::kOutput, kAfterDestinationNat});
  batch.add_chain(to, {"postrouting", "nat", NftHook::kPostrouting, kBeforePods});
  add_dispatch(batch, to, make, options_.cluster_cidrs);
  add_refusals(batch, to, make, options_.service_cidrs, family_);
  add_masquerade(batch, to, make, options_, family_);
}

void ProxyTable::add_chain(NftBatch& batch, const ChainKind& kind) {
  NftTable to = table();
  RuleMaker make(family_);
  const Registers& regs = make.regs();
  std::string name = kind.name();
  std::string endpoints = set_of(kind.local ? ProxySet::kEndpointsLocal : ProxySet::kEndpoints, family_).name;
  batch.add_chain(to, {name, "", NftHook::kPrerouting, 0});
  auto pick = [&](NftRule& rule) -> NftRule& {
    make.frontend(rule, kind.node_port).constant(kNoPort, regs.endpoint_port).random_below(kind.count, regs.endpoint);
    return rule.look_up(regs.destination, endpoints, regs.port).destination_port(regs.port);
  };
  if (kind.affinity_seconds > 0) {
    uint64_t timeout_ms = uint64_t{kind.affinity_seconds} * 1000;
    NftRule remembered;
    make.frontend(remembered.source_address(make.nft(), regs.source), kind.node_port);
    remembered.constant(IpAddress::any(family_).bytes(), regs.endpoint).constant(kNoPort, regs.endpoint_port);
    batch.add_rule(to, name,
                   std::move(remembered.look_up(regs.source, kAffinity, regs.port)
                                 .destination_port(regs.port)
                                 .if_in_set(regs.destination, set_of(ProxySet::kAffinityEndpoints, family_).name)
                                 .update(kAffinity, regs.source, regs.port, NftRule::Update::kRefresh, timeout_ms)
                                 .translate_destination(make.nft(), regs.endpoint, regs.endpoint_port)));
    // A remembered endpoint that is gone would stay: an update changes the time only, never the value.
    NftRule forget;
    make.frontend(forget.source_address(make.nft(), regs.source), kind.node_port);
    forget.constant(IpAddress::any(family_).bytes(), regs.endpoint).constant(kNoPort, regs.endpoint_port);
    batch.add_rule(to, name, std::move(forget.update(kAffinity, regs.source, regs.port, NftRule::Update::kDelete, 0)));
    NftRule fresh;
    batch.add_rule(to, name,
                   std::move(pick(fresh.source_address(make.nft(), regs.source))
                                 .update(kAffinity, regs.source, regs.port, NftRule::Update::kAdd, timeout_ms)
                                 .translate_destination(make.nft(), regs.endpoint, regs.endpoint_port)));
  }
  // With affinity: only when its memory is full.
  NftRule any;
  batch.add_rule(to, name, std::move(pick(any).translate_destination(make.nft(), regs.endpoint, regs.endpoint_port)));
}

std::string ProxyTable::chain_of(const PlannedElement& element) const { return element.chain.count == 0 ? std::string() : element.chain.name(); }

void ProxyTable::count_chain(NftBatch& batch, const ChainKind& kind, int change, std::vector<ChainKind>& unused) {
  if (kind.count == 0) return;
  size_t& uses = chains_[kind];
  if (change > 0 && uses == 0) {
    // Emptied and used again within one change: it is still there.
    if (std::erase(unused, kind) == 0) add_chain(batch, kind);
  }
  uses += static_cast<size_t>(change);
  if (uses == 0) {
    unused.push_back(kind);
  }
}

// Compares with what the service has; keys of others are left to them.
void ProxyTable::diff(const std::string& service, std::vector<PlannedElement> wanted, Delta& delta) {
  bool lost = false;
  std::vector<PlannedElement> all = wanted;
  std::erase_if(wanted, [&](const PlannedElement& element) {
    auto owner = owners_[static_cast<size_t>(element.set)].find(element.key);
    bool taken = owner != owners_[static_cast<size_t>(element.set)].end() && owner->second != service;
    lost |= taken;
    return taken;
  });
  if (lost) contested_[service] = std::move(all);
  else contested_.erase(service);
  auto& has = services_[service];
  auto put = [&](const PlannedElement& element, bool add) {
    auto set = static_cast<size_t>(element.set);
    (add ? delta.added : delta.removed)[set].push_back(element);
    if (add) owners_[set][element.key] = service;
    else owners_[set].erase(element.key);
  };
  // A changed value is a removal and an addition; removals first, so that the owner is right in the end.
  std::vector<PlannedElement> removed, added;
  std::ranges::set_difference(has, wanted, std::back_inserter(removed));
  std::ranges::set_difference(wanted, has, std::back_inserter(added));
  for (const PlannedElement& element : removed) put(element, false);
  for (const PlannedElement& element : added) put(element, true);
  if (wanted.empty()) services_.erase(service);
  else has = std::move(wanted);
}

void ProxyTable::retry_contested(Delta& delta) {
  if (contested_.empty()) return;
  auto waiting = contested_;
  for (auto& [service, wanted] : waiting) diff(service, std::move(wanted), delta);
}

void ProxyTable::emit(NftBatch& batch, const Delta& delta) {
  NftTable to = table();
  std::vector<ChainKind> unused;
  for (ProxySet which : kAllSets) {
    NftSet set = set_of(which, family_);
    std::vector<NftElement> elements;
    for (const PlannedElement& element : delta.removed[static_cast<size_t>(which)]) {
      elements.push_back({element.key, {}, NftVerdict::kDrop, {}});
      if (set.verdicts) count_chain(batch, element.chain, -1, unused);
    }
    batch.delete_elements(to, set, elements);
  }
  for (ProxySet which : kAllSets) {
    NftSet set = set_of(which, family_);
    const auto& added = delta.added[static_cast<size_t>(which)];
    std::vector<std::string> chains(added.size());
    std::vector<NftElement> elements;
    for (size_t i = 0; i < added.size(); i++) {
      if (set.verdicts) count_chain(batch, added[i].chain, +1, unused);
      chains[i] = chain_of(added[i]);
      elements.push_back({added[i].key, added[i].data, chains[i].empty() ? NftVerdict::kDrop : NftVerdict::kGoto, chains[i]});
    }
    batch.add_elements(to, set, elements);
  }
  for (const ChainKind& kind : unused) {
    batch.delete_chain(to, kind.name());
    chains_.erase(kind);
  }
}

void ProxyTable::change(NftBatch& batch, const std::string& service, const std::vector<ServicePort>& ports) {
  Delta delta;
  diff(service, plan_service(ports, family_), delta);
  bool removed = std::ranges::any_of(delta.removed, [](const auto& list) { return !list.empty(); });
  if (removed) retry_contested(delta);
  emit(batch, delta);
}

NftBatch ProxyTable::replace(const std::map<std::string, std::vector<ServicePort>>& services, bool table_exists, const std::vector<std::string>& existing) {
  for (auto& owners : owners_) owners.clear();
  services_.clear();
  contested_.clear();
  chains_.clear();
  NftBatch batch;
  NftTable to = table();
  bool keep = table_exists && std::ranges::find(existing, kLayout) != existing.end();
  if (table_exists && !keep) batch.delete_table(to);
  if (keep) {
    for (ProxySet set : kAllSets) batch.flush_set(to, set_of(set, family_).name);
    for (const std::string& chain : existing) {
      if (chain == kLayout) continue;
      bool base = std::ranges::find(kBaseChains, chain) != std::end(kBaseChains);
      if (base) batch.flush_chain(to, chain);
      else batch.delete_chain(to, chain);
    }
  }
  add_layout(batch);
  Delta delta;
  for (const auto& [service, ports] : services) diff(service, plan_service(ports, family_), delta);
  emit(batch, delta);
  return batch;
}

size_t ProxyTable::element_count() const {
  size_t count = 0;
  for (const auto& owners : owners_) count += owners.size();
  return count;
}

}  // namespace reigen::proxy
