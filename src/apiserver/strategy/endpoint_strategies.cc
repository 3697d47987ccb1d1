// Endpoints and EndpointSlice: rules of pkg/apis/core/validation and pkg/apis/discovery/validation.

#include <set>

#include "api/corev1.h"
#include "api/discoveryv1.h"
#include "api/metav1.h"
#include "api/object.h"
#include "apiserver/metadata.h"
#include "apiserver/strategy/core_strategies.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/validation/checks.h"

namespace reigen::apiserver {
namespace {

namespace core = api::corev1;
namespace discovery = api::discoveryv1;
using api::FieldError;
using api::FieldErrors;
using api::FieldPath;
using api::Object;

constexpr std::string_view kZone = "topology.kubernetes.io/zone";

void check_address(FieldErrors& errors, const FieldPath& path, const core::EndpointAddress& address) {
  api::append(errors, api::validate_ip(path.child("ip"), address.ip));
  if (!address.hostname.empty()) check_label(errors, path.child("hostname"), address.hostname);
  if (address.node_name) check_subdomain(errors, path.child("nodeName"), *address.node_name);
  check_non_special_ip(errors, path.child("ip"), address.ip);
}

void check_endpoint_port(FieldErrors& errors, const FieldPath& path, const core::EndpointPort& port, bool name_needed) {
  if (name_needed && port.name.empty()) errors.push_back(FieldError::required(path.child("name")));
  else if (!port.name.empty()) check_label(errors, path.child("name"), port.name);
  check_port(errors, path.child("port"), port.port);
  if (port.protocol.empty()) errors.push_back(FieldError::required(path.child("protocol")));
  else check_known(errors, path.child("protocol"), port.protocol, {"SCTP", "TCP", "UDP"});
  if (port.app_protocol) check_qualified_name(errors, path.child("appProtocol"), *port.app_protocol);
}

void check_subset(FieldErrors& errors, const FieldPath& path, const core::EndpointSubset& subset) {
  if (subset.addresses.empty() && subset.not_ready_addresses.empty())
    errors.push_back(FieldError::required(path, "must specify `addresses` or `notReadyAddresses`"));
  for (size_t i = 0; i < subset.addresses.size(); ++i) check_address(errors, path.child("addresses", i), subset.addresses[i]);
  for (size_t i = 0; i < subset.not_ready_addresses.size(); ++i) check_address(errors, path.child("notReadyAddresses", i), subset.not_ready_addresses[i]);
  for (size_t i = 0; i < subset.ports.size(); ++i) check_endpoint_port(errors, path.child("ports", i), subset.ports[i], subset.ports.size() > 1);
}

class EndpointsStrategy final : public Strategy {
 public:
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    const auto& subsets = object.as<core::Endpoints>().subsets;
    FieldPath path("subsets");
    for (size_t i = 0; i < subsets.size(); ++i) check_subset(errors, path.index(i), subsets[i]);
  }
  void validate_update(StrategyContext& context, const Object& object, const Object&, FieldErrors& errors) const override {
    repeat_meta(*this, object, true, errors);
    validate(context, object, errors);
  }
  bool allow_create_on_update() const override { return true; }
};

void check_slice_address(FieldErrors& errors, const FieldPath& path, std::string_view type, const std::string& address) {
  if (type == "FQDN") api::append(errors, api::validate_fully_qualified_domain_name(path, address));
  if (type != "IPv4" && type != "IPv6") return;
  api::append(errors, type == "IPv4" ? api::validate_ipv4(path, address) : api::validate_ipv6(path, address));
  check_non_special_ip(errors, path, address);
}

void check_hints(FieldErrors& errors, const FieldPath& path, const discovery::EndpointHints& hints) {
  constexpr size_t kMax = 8;
  if (hints.for_zones.size() > kMax) return errors.push_back(FieldError::too_many(path.child("forZones"), static_cast<int64_t>(hints.for_zones.size()), kMax));
  std::set<std::string> seen;
  for (size_t i = 0; i < hints.for_zones.size(); ++i) {
    FieldPath zone = path.child("forZones", i), name = zone.child("name");
    if (!seen.insert(hints.for_zones[i].name).second) errors.push_back(FieldError::duplicate(name, hints.for_zones[i].name));
    api::add_invalid(errors, name, hints.for_zones[i].name, api::is_label_value(hints.for_zones[i].name));
  }
}

void check_endpoint(FieldErrors& errors, const FieldPath& path, std::string_view type, const discovery::Endpoint& endpoint) {
  constexpr int64_t kMaxAddresses = 100, kMaxTopology = 16;
  FieldPath addresses = path.child("addresses"), topology = path.child("deprecatedTopology");
  auto count = static_cast<int64_t>(endpoint.addresses.size());
  if (count == 0) errors.push_back(FieldError::required(addresses, "must contain at least 1 address"));
  else if (count > kMaxAddresses) errors.push_back(FieldError::too_many(addresses, count, kMaxAddresses));
  for (size_t i = 0; i < endpoint.addresses.size(); ++i) check_slice_address(errors, addresses.index(i), type, endpoint.addresses[i]);
  if (endpoint.node_name) check_subdomain(errors, path.child("nodeName"), *endpoint.node_name);
  auto labels = static_cast<int64_t>(endpoint.deprecated_topology.size());
  if (labels > kMaxTopology) errors.push_back(FieldError::too_many(topology, labels, kMaxTopology));
  api::append(errors, api::validate_labels(topology, endpoint.deprecated_topology));
  if (endpoint.deprecated_topology.contains(kZone)) errors.push_back(FieldError::internal(topology.key(kZone), "reserved key was not removed in conversion"));
  if (endpoint.hostname) check_label(errors, path.child("hostname"), *endpoint.hostname);
  if (endpoint.hints) check_hints(errors, path.child("hints"), *endpoint.hints);
}

void check_slice_ports(FieldErrors& errors, const std::vector<discovery::EndpointPort>& ports) {
  constexpr int64_t kMax = 20000;
  FieldPath root("ports");
  if (static_cast<int64_t>(ports.size()) > kMax) return errors.push_back(FieldError::too_many(root, static_cast<int64_t>(ports.size()), kMax));
  std::set<std::string> names;
  for (size_t i = 0; i < ports.size(); ++i) {
    FieldPath path = root.index(i);
    std::string name = ports[i].name.value_or("");
    if (!name.empty()) check_label(errors, path.child("name"), name);
    if (!names.insert(name).second) errors.push_back(FieldError::duplicate(path.child("name"), name));
    if (!ports[i].protocol) errors.push_back(FieldError::required(path.child("protocol")));
    else check_known(errors, path.child("protocol"), *ports[i].protocol, {"SCTP", "TCP", "UDP"});
    if (ports[i].app_protocol) check_qualified_name(errors, path.child("appProtocol"), *ports[i].app_protocol);
  }
}

class EndpointSliceStrategy final : public Strategy {
 public:
  void prepare_create(StrategyContext&, Object& object) const override { drop_topology(object.mut<discovery::EndpointSlice>(), nullptr); }
  void prepare_update(StrategyContext&, Object& object, const Object& old) const override {
    const auto& before = old.as<discovery::EndpointSlice>();
    if (object.as<discovery::EndpointSlice>().endpoints != before.endpoints) drop_topology(object.mut<discovery::EndpointSlice>(), &before);
  }
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    constexpr size_t kMax = 1000;
    const auto& slice = object.as<discovery::EndpointSlice>();
    FieldPath type("addressType"), endpoints("endpoints");
    if (slice.address_type.empty()) errors.push_back(FieldError::required(type));
    else check_known(errors, type, slice.address_type, {"FQDN", "IPv4", "IPv6"});
    if (slice.endpoints.size() > kMax) errors.push_back(FieldError::too_many(endpoints, static_cast<int64_t>(slice.endpoints.size()), kMax));
    for (size_t i = 0; slice.endpoints.size() <= kMax && i < slice.endpoints.size(); ++i)
      check_endpoint(errors, endpoints.index(i), slice.address_type, slice.endpoints[i]);
    check_slice_ports(errors, slice.ports);
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    repeat_meta(*this, object, true, errors);
    validate(context, object, errors);
    check_immutable(errors, FieldPath("addressType"), object.as<discovery::EndpointSlice>().address_type, old.as<discovery::EndpointSlice>().address_type);
  }
  void warnings(StrategyContext&, const Object& object, std::vector<std::string>& texts) const override {
    if (object.as<discovery::EndpointSlice>().address_type == "FQDN") texts.emplace_back("spec.addressType: FQDN endpoints are deprecated");
  }
  void warnings_on_update(StrategyContext&, const Object&, const Object&, std::vector<std::string>&) const override {}
  bool counts_generation() const override { return true; }
  bool spec_changed(const Object& object, const Object& old) const override {
    return Strategy::spec_changed(object, old) || object.meta().labels != old.meta().labels;
  }
  bool repeats_metadata_errors() const override { return false; }

 private:
  // v1 does not write deprecatedTopology; only a node name that an older version left there is kept, as nodeName.
  static void drop_topology(discovery::EndpointSlice& slice, const discovery::EndpointSlice* old) {
    constexpr std::string_view kHostname = "kubernetes.io/hostname";
    std::set<std::string> known;
    if (old)
      for (const auto& endpoint : old->endpoints)
        if (const std::string* name = endpoint.deprecated_topology.get(kHostname)) known.insert(*name);
    for (auto& endpoint : slice.endpoints) {
      const std::string* name = endpoint.deprecated_topology.get(kHostname);
      if (!endpoint.node_name && name && known.contains(*name) && api::is_dns1123_subdomain(*name).empty()) endpoint.node_name = *name;
      endpoint.deprecated_topology.clear();
    }
  }
};

}  // namespace

const Strategy& endpoints_strategy() { return instance<EndpointsStrategy>(); }
const Strategy& endpoint_slice_strategy() { return instance<EndpointSliceStrategy>(); }

}  // namespace reigen::apiserver
