#include "proxy/service_plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

namespace reigen::proxy {
namespace {

void append_port(std::string& bytes, uint16_t port) { bytes.append({static_cast<char>(port >> 8), static_cast<char>(port & 0xff), '\0', '\0'}); }

std::string frontend(const IpAddress& address, uint8_t protocol, uint16_t port) {
  std::string key(address.bytes());
  key.append({static_cast<char>(protocol), '\0', '\0', '\0'});
  append_port(key, port);
  return key;
}

std::string backend(const Endpoint& endpoint) {
  std::string data(endpoint.address.bytes());
  append_port(data, endpoint.port);
  return data;
}

struct Planner {
  IpFamily family;
  std::vector<PlannedElement> out;

  void add_set(ProxySet set, std::string key) { out.push_back({set, std::move(key), {}, {}}); }

  // The numbers that `numgen` makes are in the machine's byte order. The value begins with the frontend's port, the last 4 bytes of its key.
  void add_endpoints(ProxySet set, const std::string& key, const std::vector<Endpoint>& endpoints) {
    for (uint32_t index = 0; index < endpoints.size(); index++) {
      std::string full = key;
      full.append(reinterpret_cast<const char*>(&index), sizeof index);
      out.push_back({set, std::move(full), key.substr(key.size() - 4) + backend(endpoints[index]), {}});
    }
  }

  void add_affinity(const std::string& key, const std::vector<Endpoint>& endpoints) {
    for (const Endpoint& endpoint : endpoints) add_set(ProxySet::kAffinityEndpoints, key + backend(endpoint));
  }

  void add_frontend(const ServicePort& port, const std::string& key, bool node_port, const std::vector<Endpoint>& endpoints) {
    ChainKind chain{node_port, false, port.affinity_seconds, static_cast<uint32_t>(endpoints.size())};
    out.push_back({ProxySet::kServices, key, {}, chain});
    add_endpoints(ProxySet::kEndpoints, key, endpoints);
    if (port.affinity_seconds > 0) add_affinity(key, endpoints);
  }

  void add_internal(const ServicePort& port, const IpAddress& address, const std::vector<Endpoint>& all, const std::vector<Endpoint>& local) {
    std::string key = frontend(address, port.protocol, port.port);
    const auto& chosen = port.internal_local ? local : all;
    if (!chosen.empty()) add_frontend(port, key, false, chosen);
    // Without any endpoint it is refused with all that is left of the service CIDR. Here someone else could answer: only dropped.
    else if (!all.empty()) out.push_back({ProxySet::kServices, key, {}, {}});
  }

  void add_external(const ServicePort& port, const std::string& key, bool node_port, const std::vector<Endpoint>& all, const std::vector<Endpoint>& local) {
    if (all.empty()) return add_set(ProxySet::kNone, key);
    add_frontend(port, key, node_port, all);
    if (!port.external_local) return add_set(ProxySet::kMasquerade, key);
    ChainKind chain{node_port, true, port.affinity_seconds, static_cast<uint32_t>(local.size())};
    out.push_back({ProxySet::kServicesLocal, key, {}, local.empty() ? ChainKind{} : chain});
    add_endpoints(ProxySet::kEndpointsLocal, key, local);
  }

  void add_port(const ServicePort& port) {
    std::vector<Endpoint> all;
    for (const Endpoint& endpoint : port.endpoints)
      if (endpoint.address.family() == family) all.push_back(endpoint);
    std::ranges::sort(all);
    all.erase(std::ranges::unique(all).begin(), all.end());
    std::vector<Endpoint> local = all;
    std::erase_if(local, [](const Endpoint& endpoint) { return !endpoint.local; });
    bool serves_family = false;
    for (const IpAddress& address : port.cluster_ips) {
      if (address.family() != family) continue;
      serves_family = true;
      add_internal(port, address, all, local);
    }
    for (const IpAddress& address : port.external_ips)
      if (address.family() == family) add_external(port, frontend(address, port.protocol, port.port), false, all, local);
    if (port.node_port != 0 && serves_family) add_external(port, frontend(IpAddress::any(family), port.protocol, port.node_port), true, all, local);
  }
};

}  // namespace

std::string ChainKind::name() const {
  std::string name = fmt::format("{}{}-{}", node_port ? "nodeport" : "service", local ? "-local" : "", count);
  if (affinity_seconds > 0) name += fmt::format("-affinity-{}", affinity_seconds);
  return name;
}

std::vector<PlannedElement> plan_service(const std::vector<ServicePort>& ports, IpFamily family) {
  Planner planner{family, {}};
  for (const ServicePort& port : ports) planner.add_port(port);
  auto& out = planner.out;
  std::ranges::sort(out);
  // Two ports with the same key: the first stays.
  auto same = [](const PlannedElement& a, const PlannedElement& b) { return a.set == b.set && a.key == b.key; };
  out.erase(std::ranges::unique(out, same).begin(), out.end());
  return out;
}

}  // namespace reigen::proxy
