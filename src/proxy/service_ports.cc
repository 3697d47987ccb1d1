#include "proxy/service_ports.h"

#include <fmt/core.h>

#include "api/corev1.h"
#include "api/discoveryv1.h"

namespace reigen::proxy {
namespace {

constexpr std::string_view kOtherProxy = "service.kubernetes.io/service-proxy-name";
constexpr std::string_view kHeadless = "service.kubernetes.io/headless";
constexpr uint32_t kDefaultAffinitySeconds = 10800;

uint8_t protocol_number(const std::string& name) { return name == "UDP" ? 17 : name == "SCTP" ? 132 : 6; }

void add_addresses(std::vector<IpAddress>& to, const std::vector<std::string>& texts) {
  for (const std::string& text : texts)
    if (auto address = IpAddress::parse(text)) to.push_back(*address);
}

uint32_t affinity_of(const api::corev1::ServiceSpec& spec) {
  if (spec.session_affinity != "ClientIP") return 0;
  if (spec.session_affinity_config && spec.session_affinity_config->client_ip && spec.session_affinity_config->client_ip->timeout_seconds)
    return static_cast<uint32_t>(std::max(1, *spec.session_affinity_config->client_ip->timeout_seconds));
  return kDefaultAffinitySeconds;
}

struct Candidates {
  std::vector<Endpoint> ready, terminating;
};

void collect(Candidates& to, const api::discoveryv1::EndpointSlice& slice, const std::string& port_name, const std::string& protocol,
             const std::string& node_name) {
  for (const auto& port : slice.ports) {
    if (port.name.value_or("") != port_name || port.protocol.value_or("TCP") != protocol || !port.port) continue;
    for (const auto& endpoint : slice.endpoints) {
      if (endpoint.addresses.empty()) continue;
      auto address = IpAddress::parse(endpoint.addresses.front());
      if (!address) continue;
      Endpoint found{*address, static_cast<uint16_t>(*port.port), endpoint.node_name && *endpoint.node_name == node_name};
      bool ready = endpoint.conditions.ready.value_or(true);
      if (ready) to.ready.push_back(found);
      else if (endpoint.conditions.serving.value_or(ready) && endpoint.conditions.terminating.value_or(false)) to.terminating.push_back(found);
    }
  }
}

}  // namespace

std::vector<ServicePort> service_ports(const api::corev1::Service& service, const std::vector<std::shared_ptr<const api::discoveryv1::EndpointSlice>>& slices,
                                       const std::string& node_name) {
  const auto& spec = service.spec;
  if (spec.type == "ExternalName" || spec.cluster_ip.empty() || spec.cluster_ip == "None") return {};
  if (service.metadata.labels.contains(kOtherProxy) || service.metadata.labels.contains(kHeadless)) return {};
  std::vector<ServicePort> ports;
  for (const auto& port : spec.ports) {
    ServicePort made;
    std::string protocol = port.protocol.empty() ? "TCP" : port.protocol;
    made.name = fmt::format("{}/{}:{}", service.metadata.namespace_, service.metadata.name, port.name);
    made.protocol = protocol_number(protocol);
    made.port = static_cast<uint16_t>(port.port);
    made.node_port = static_cast<uint16_t>(port.node_port);
    add_addresses(made.cluster_ips, spec.cluster_ips.empty() ? std::vector<std::string>{spec.cluster_ip} : spec.cluster_ips);
    add_addresses(made.external_ips, spec.external_ips);
    for (const auto& ingress : service.status.load_balancer.ingress)
      if (ingress.ip_mode.value_or("VIP") == "VIP") add_addresses(made.external_ips, {ingress.ip});
    made.external_local = spec.external_traffic_policy == "Local";
    made.internal_local = spec.internal_traffic_policy.value_or("Cluster") == "Local";
    made.affinity_seconds = affinity_of(spec);
    Candidates candidates;
    for (const auto& slice : slices) collect(candidates, *slice, port.name, protocol, node_name);
    made.endpoints = candidates.ready.empty() ? std::move(candidates.terminating) : std::move(candidates.ready);
    ports.push_back(std::move(made));
  }
  return ports;
}

}  // namespace reigen::proxy
