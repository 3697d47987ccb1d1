#include "proxy/stale_flows.h"

#include <algorithm>

#include "linux/conntrack.h"

namespace reigen::proxy {
namespace {

constexpr uint8_t kUdp = 17;

template <class Each>
void for_each_frontend(const ServicePort& port, Each each) {
  for (const IpAddress& address : port.cluster_ips) each(address, port.port);
  for (const IpAddress& address : port.external_ips) each(address, port.port);
  if (port.node_port != 0) each(IpAddress::any(IpFamily::kV4), port.node_port);
}

const ServicePort* find_port(const std::vector<ServicePort>& ports, const ServicePort& like) {
  auto found = std::ranges::find_if(ports, [&](const ServicePort& port) { return port.protocol == like.protocol && port.port == like.port; });
  return found == ports.end() ? nullptr : &*found;
}

}  // namespace

void StaleFlows::compare(const std::vector<ServicePort>& before, const std::vector<ServicePort>& after) {
  for (const ServicePort& old : before) {
    if (old.protocol != kUdp) continue;
    const ServicePort* now = find_port(after, old);
    for (const Endpoint& endpoint : old.endpoints) {
      if (now && std::ranges::find(now->endpoints, endpoint) != now->endpoints.end()) continue;
      for_each_frontend(old, [&](const IpAddress& address, uint16_t port) { gone_.insert({address, port, endpoint.address, endpoint.port}); });
    }
  }
  for (const ServicePort& now : after) {
    if (now.protocol != kUdp || now.endpoints.empty()) continue;
    const ServicePort* old = find_port(before, now);
    if (old && !old->endpoints.empty()) continue;
    for_each_frontend(now, [&](const IpAddress& address, uint16_t port) { fresh_.insert({address, port}); });
  }
}

Status StaleFlows::forget() const {
  if (empty()) return {};
  IpAddress any;
  return linux::forget_flows(kUdp, IpFamily::kV4, [&](const linux::Flow& flow) {
    for (const IpAddress& frontend : {flow.original_destination, any}) {
      if (gone_.contains({frontend, flow.original_port, flow.reply_source, flow.reply_port})) return true;
      bool untranslated = flow.original_destination == flow.reply_source;
      if (untranslated && fresh_.contains({frontend, flow.original_port})) return true;
    }
    return false;
  });
}

}  // namespace reigen::proxy
