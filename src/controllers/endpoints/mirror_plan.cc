#include "controllers/endpoints/mirror_plan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "base/ip.h"

namespace reigen::controllers {
namespace {

using api::corev1::EndpointAddress;
using api::corev1::Endpoints;
using api::corev1::EndpointSubset;
using api::discoveryv1::Endpoint;
using Ports = std::vector<ResolvedPort>;

struct GroupKey {
  IpFamily family = IpFamily::kV4;
  Ports ports;
  auto operator<=>(const GroupKey&) const = default;
};
using Groups = std::map<GroupKey, std::vector<Endpoint>>;

Ports ports_of(const EndpointSubset& subset) {
  Ports ports;
  for (const auto& port : subset.ports) ports.push_back({port.name, port.protocol, port.port, port.app_protocol});
  std::sort(ports.begin(), ports.end());
  return ports;
}

GroupKey key_of(const EndpointSlice& slice) {
  GroupKey key{slice.address_type == "IPv6" ? IpFamily::kV6 : IpFamily::kV4, {}};
  for (const auto& port : slice.ports) key.ports.push_back({port.name.value_or(""), port.protocol.value_or(""), port.port.value_or(0), port.app_protocol});
  std::sort(key.ports.begin(), key.ports.end());
  return key;
}

Endpoint make_endpoint(const EndpointAddress& address, bool ready) {
  Endpoint endpoint;
  endpoint.addresses = {address.ip};
  endpoint.conditions.ready = ready;
  endpoint.target_ref = address.target_ref;
  endpoint.node_name = address.node_name;
  if (!address.hostname.empty()) endpoint.hostname = address.hostname;
  return endpoint;
}

Groups group(const Endpoints& endpoints, MirrorPlan& plan) {
  Groups groups;
  for (const auto& subset : endpoints.subsets) {
    auto ports = ports_of(subset);
    size_t added = 0;
    auto add = [&](const std::vector<EndpointAddress>& addresses, bool ready) {
      for (const auto& address : addresses) {
        auto ip = IpAddress::parse(address.ip);
        if (!ip) {
          ++plan.invalid;
          continue;
        }
        auto& out = groups[GroupKey{ip->family(), ports}];
        // Subsets with the same ports share a slice, so the bound is the group's, too.
        if (added >= kMaxMirroredPerSubset || out.size() >= kMaxMirroredPerSubset) {
          ++plan.skipped;
          continue;
        }
        ++added;
        out.push_back(make_endpoint(address, ready));
      }
    };
    add(subset.addresses, true);
    add(subset.not_ready_addresses, false);
  }
  return groups;
}

void set_metadata(const Endpoints& endpoints, EndpointSlice& slice) {
  slice.metadata.labels = endpoints.metadata.labels;
  slice.metadata.labels[std::string(kServiceNameLabel)] = endpoints.metadata.name;
  slice.metadata.labels[std::string(kManagedByLabel)] = kMirroringController;
  slice.metadata.annotations = endpoints.metadata.annotations;
  slice.metadata.annotations.erase("endpoints.kubernetes.io/last-change-trigger-time");
  slice.metadata.annotations.erase("kubectl.kubernetes.io/last-applied-configuration");
}

EndpointSlice make_slice(const EndpointsPtr& endpoints) {
  EndpointSlice slice;
  slice.metadata.namespace_ = endpoints->metadata.namespace_;
  slice.metadata.generate_name = endpoints->metadata.name + "-";
  slice.metadata.owner_references.push_back(controller_reference(api::Object::of(endpoints)));
  return slice;
}

void set_ports(const GroupKey& key, EndpointSlice& slice) {
  slice.address_type = key.family == IpFamily::kV4 ? "IPv4" : "IPv6";
  slice.ports.clear();
  for (const auto& port : key.ports) {
    auto& out = slice.ports.emplace_back();
    out.name = port.name;
    out.protocol = port.protocol;
    out.port = port.number;
    out.app_protocol = port.app_protocol;
  }
}

}  // namespace

bool wants_mirror(const Endpoints& endpoints) {
  const auto* skip = endpoints.metadata.labels.get("endpointslice.kubernetes.io/skip-mirror");
  return (!skip || *skip != "true") && !endpoints.metadata.annotations.contains("control-plane.alpha.kubernetes.io/leader");
}

MirrorPlan plan_mirror(const EndpointsPtr& endpoints, const std::vector<SlicePtr>& existing) {
  MirrorPlan plan;
  auto groups = group(*endpoints, plan);
  std::vector<SlicePtr> free;  // slices whose group is gone are used for others of their family
  std::map<GroupKey, SlicePtr> kept;
  for (const auto& slice : existing) {
    auto key = key_of(*slice);
    if (!groups.contains(key) || !kept.emplace(key, slice).second) free.push_back(slice);
  }
  auto take = [&](const GroupKey& key) -> SlicePtr {
    if (auto found = kept.find(key); found != kept.end()) return found->second;
    auto type = key.family == IpFamily::kV4 ? "IPv4" : "IPv6";
    auto found = std::find_if(free.begin(), free.end(), [&](const auto& slice) { return slice->address_type == type; });
    if (found == free.end()) return nullptr;
    auto slice = *found;
    free.erase(found);
    return slice;
  };
  for (auto& [key, wanted] : groups) {
    auto current = take(key);
    auto slice = current ? *current : make_slice(endpoints);
    set_metadata(*endpoints, slice);
    set_ports(key, slice);
    slice.endpoints = std::move(wanted);
    if (!current) {
      if (!endpoints->metadata.deletion_timestamp) plan.slices.create.push_back(std::move(slice));
    } else if (!(slice == *current)) {
      plan.slices.update.push_back(std::move(slice));
    }
  }
  plan.slices.remove = std::move(free);
  return plan;
}

}  // namespace reigen::controllers
