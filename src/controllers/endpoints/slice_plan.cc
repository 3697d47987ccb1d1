#include "controllers/endpoints/slice_plan.h"

#include <algorithm>
#include <map>
#include <set>

namespace reigen::controllers {
namespace {

using api::corev1::Service;
using api::discoveryv1::Endpoint;
using Ports = std::vector<ResolvedPort>;

Endpoint make_endpoint(const Backend& backend, const std::function<std::string(const std::string&)>& zone_of) {
  Endpoint endpoint;
  endpoint.addresses = {backend.pod->status.pod_ip};
  endpoint.conditions.ready = backend.ready;
  endpoint.conditions.serving = backend.serving;
  endpoint.conditions.terminating = backend.terminating;
  if (!backend.hostname.empty()) endpoint.hostname = backend.hostname;
  auto& target = endpoint.target_ref.emplace();
  target.kind = "Pod";
  target.namespace_ = backend.pod->metadata.namespace_;
  target.name = backend.pod->metadata.name;
  target.uid = backend.pod->metadata.uid;
  const auto& node = backend.pod->spec.node_name;
  if (node.empty()) return endpoint;
  endpoint.node_name = node;
  if (auto zone = zone_of(node); !zone.empty()) endpoint.zone = zone;
  return endpoint;
}

Ports ports_of(const EndpointSlice& slice) {
  Ports ports;
  for (const auto& port : slice.ports) ports.push_back({port.name.value_or(""), port.protocol.value_or(""), port.port.value_or(0), port.app_protocol});
  std::sort(ports.begin(), ports.end());
  return ports;
}

api::Map<std::string> labels_of(const Service& service) {
  auto labels = service.metadata.labels;
  labels.erase("service.kubernetes.io/headless");
  if (is_headless(service)) labels["service.kubernetes.io/headless"] = "";
  labels[std::string(kServiceNameLabel)] = service.metadata.name;
  labels[std::string(kManagedByLabel)] = kSliceController;
  return labels;
}

EndpointSlice make_slice(const api::Object& owner, const Ports& ports) {
  const auto& service = owner.as<Service>();
  EndpointSlice slice;
  slice.metadata.namespace_ = service.metadata.namespace_;
  slice.metadata.generate_name = service.metadata.name + "-";
  slice.metadata.labels = labels_of(service);
  slice.metadata.owner_references.push_back(controller_reference(owner));
  slice.address_type = "IPv4";
  for (const auto& port : ports) {
    auto& out = slice.ports.emplace_back();
    out.name = port.name;
    out.protocol = port.protocol;
    out.port = port.number;
    out.app_protocol = port.app_protocol;
  }
  return slice;
}

std::string identity(const Endpoint& endpoint) {
  return endpoint.target_ref ? endpoint.target_ref->uid : endpoint.addresses.empty() ? "" : endpoint.addresses[0];
}

// The slices of one set of ports: endpoints stay where they are, new ones fill gaps, slices that become empty go.
void plan_group(const api::Object& owner, const Ports& ports, std::map<std::string, Endpoint> wanted, const std::vector<SlicePtr>& existing, SlicePlan& plan) {
  std::vector<EndpointSlice> slices;
  for (const auto& slice : existing) {
    auto changed = *slice;
    std::vector<Endpoint> kept;
    for (const auto& endpoint : slice->endpoints) {
      auto found = wanted.find(identity(endpoint));
      if (found == wanted.end()) continue;
      kept.push_back(std::move(found->second));
      wanted.erase(found);
    }
    changed.endpoints = std::move(kept);
    changed.metadata.labels = labels_of(owner.as<Service>());
    slices.push_back(std::move(changed));
  }
  auto next = wanted.begin();
  for (auto& slice : slices) {
    while (next != wanted.end() && slice.endpoints.size() < kMaxEndpointsPerSlice) slice.endpoints.push_back(std::move((next++)->second));
  }
  while (next != wanted.end()) {
    auto slice = make_slice(owner, ports);
    while (next != wanted.end() && slice.endpoints.size() < kMaxEndpointsPerSlice) slice.endpoints.push_back(std::move((next++)->second));
    plan.create.push_back(std::move(slice));
  }
  for (size_t i = 0; i < slices.size(); ++i) {
    if (slices[i].endpoints.empty()) plan.remove.push_back(existing[i]);
    else if (!(slices[i] == *existing[i])) plan.update.push_back(std::move(slices[i]));
  }
}

}  // namespace

SlicePlan plan_slices(const api::Object& service, const std::vector<Backend>& backends, const std::vector<SlicePtr>& existing,
                      const std::function<std::string(const std::string& node)>& zone_of) {
  std::map<Ports, std::map<std::string, Endpoint>> wanted;
  for (const auto& backend : backends) {
    auto ports = backend.ports;
    std::sort(ports.begin(), ports.end());
    wanted[ports].emplace(backend.pod->metadata.uid, make_endpoint(backend, zone_of));
  }
  std::map<Ports, std::vector<SlicePtr>> present;
  SlicePlan plan;
  for (const auto& slice : existing) {
    if (slice->address_type == "IPv4") present[ports_of(*slice)].push_back(slice);
    else plan.remove.push_back(slice);
  }
  for (auto& [ports, endpoints] : wanted) {
    auto found = present.find(ports);
    plan_group(service, ports, std::move(endpoints), found == present.end() ? std::vector<SlicePtr>() : found->second, plan);
    if (found != present.end()) present.erase(found);
  }
  for (auto& [ports, slices] : present) plan.remove.insert(plan.remove.end(), slices.begin(), slices.end());
  // A service with a selector and no pods keeps one empty slice, so that its readers know it was looked at.
  if (plan.create.empty() && plan.update.empty() && plan.remove.size() == existing.size()) {
    if (existing.empty()) {
      plan.create.push_back(make_slice(service, {}));
    } else {
      auto last = *plan.remove.back();
      plan.remove.pop_back();
      if (!last.endpoints.empty() || !last.ports.empty()) {
        last.endpoints.clear();
        last.ports.clear();
        plan.update.push_back(std::move(last));
      }
    }
  }
  return plan;
}

}  // namespace reigen::controllers
