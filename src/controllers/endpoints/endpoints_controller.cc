// Endpoints: one object a service, of its name, with all its addresses (at most 1,000).
#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "api/errors.h"
#include "controllers/endpoints/service_loop.h"

namespace reigen::controllers {
namespace {

using api::corev1::EndpointAddress;
using api::corev1::Endpoints;
using api::corev1::EndpointSubset;

constexpr size_t kMaxAddresses = 1000;
constexpr std::string_view kHeadlessLabel = "service.kubernetes.io/headless";
constexpr std::string_view kOverCapacity = "endpoints.kubernetes.io/over-capacity";
constexpr std::string_view kTriggerTime = "endpoints.kubernetes.io/last-change-trigger-time";

EndpointAddress make_address(const Backend& backend) {
  EndpointAddress address;
  address.ip = backend.pod->status.pod_ip;
  address.hostname = backend.hostname;
  if (!backend.pod->spec.node_name.empty()) address.node_name = backend.pod->spec.node_name;
  auto& target = address.target_ref.emplace();
  target.kind = "Pod";
  target.namespace_ = backend.pod->metadata.namespace_;
  target.name = backend.pod->metadata.name;
  target.uid = backend.pod->metadata.uid;
  return address;
}

bool by_ip(const EndpointAddress& a, const EndpointAddress& b) {
  return std::pair(a.ip, a.target_ref ? a.target_ref->uid : "") < std::pair(b.ip, b.target_ref ? b.target_ref->uid : "");
}

// Addresses that have all ports in common stand together.
std::vector<EndpointSubset> make_subsets(const std::vector<Backend>& backends) {
  // By address first: the ports a pod shows under each name, ready or not.
  std::map<std::vector<ResolvedPort>, EndpointSubset> by_ports;
  for (const auto& backend : backends) {
    auto ports = backend.ports;
    std::sort(ports.begin(), ports.end());
    auto& subset = by_ports[ports];
    (backend.ready ? subset.addresses : subset.not_ready_addresses).push_back(make_address(backend));
  }
  std::vector<EndpointSubset> subsets;
  for (auto& [ports, subset] : by_ports) {
    for (const auto& port : ports) {
      auto& out = subset.ports.emplace_back();
      out.name = port.name;
      out.port = port.number;
      out.protocol = port.protocol;
      out.app_protocol = port.app_protocol;
    }
    std::sort(subset.addresses.begin(), subset.addresses.end(), by_ip);
    std::sort(subset.not_ready_addresses.begin(), subset.not_ready_addresses.end(), by_ip);
    subsets.push_back(std::move(subset));
  }
  return subsets;
}

// Ready addresses stay before others when there are too many.
bool truncate(std::vector<EndpointSubset>& subsets) {
  size_t room = kMaxAddresses;
  bool cut = false;
  auto trim = [&](auto& addresses) {
    if (addresses.size() > room) {
      addresses.resize(room);
      cut = true;
    }
    room -= addresses.size();
  };
  for (auto& subset : subsets) trim(subset.addresses);
  for (auto& subset : subsets) trim(subset.not_ready_addresses);
  return cut;
}

class EndpointsController final : public ServiceLoop {
 public:
  explicit EndpointsController(Context& context)
      : ServiceLoop(context, "endpoint-controller", {&context.informers.of<Endpoints>().untyped()}),
        client_(context.transport_as("endpoint-controller"), "kube-controller-manager"),
        endpoints_(context.informers.of<Endpoints>()) {
    endpoints_.on_change([this](const auto& old, const auto& now) {
      // Somebody else's change or deletion is put right.
      const auto& endpoints = now ? now : old;
      if (services_.get(endpoints->metadata.namespace_, endpoints->metadata.name))
        loop_.enqueue(client::key_of(endpoints->metadata.namespace_, endpoints->metadata.name));
    });
  }

  Result<client::Next> reconcile(const std::string& key) override {
    auto owner = service(key);
    if (!owner) return remove(key);
    // Without a selector, users write the endpoints themselves.
    if (owner->spec.selector.empty()) return client::Next{};
    auto current = endpoints_.get(key);
    Endpoints wanted = current ? *current : Endpoints();
    fill(*owner, wanted);
    if (current && wanted.subsets == current->subsets && wanted.metadata.labels == current->metadata.labels &&
        wanted.metadata.annotations == current->metadata.annotations)
      return client::Next{};
    auto written = current ? client_.update(std::move(wanted)) : client_.create(std::move(wanted));
    if (!written) {
      if (is_namespace_terminating(written.error()) || api::is_not_found(written.error())) return client::Next{};
      return Fail(std::move(written).error());
    }
    loop_.wrote(key, endpoints_.untyped(), api::Object::of(*written));
    return client::Next{};
  }

 private:
  void fill(const api::corev1::Service& owner, Endpoints& wanted) const {
    wanted.metadata.namespace_ = owner.metadata.namespace_;
    wanted.metadata.name = owner.metadata.name;
    wanted.metadata.labels = owner.metadata.labels;
    wanted.metadata.labels.erase(kHeadlessLabel);
    if (is_headless(owner)) wanted.metadata.labels[std::string(kHeadlessLabel)] = "";
    wanted.subsets = make_subsets(backends_of(owner, pods_in(owner.metadata.namespace_), false));
    if (truncate(wanted.subsets)) wanted.metadata.annotations[std::string(kOverCapacity)] = "truncated";
    else wanted.metadata.annotations.erase(kOverCapacity);
    wanted.metadata.annotations.erase(kTriggerTime);
  }

  Result<client::Next> remove(const std::string& key) {
    auto current = endpoints_.get(key);
    if (!current) return client::Next{};
    auto removed = client_.remove<Endpoints>(current->metadata.namespace_, current->metadata.name, client::DeleteOptions{.uid = current->metadata.uid});
    if (!removed && !api::is_not_found(removed.error())) return Fail(std::move(removed).error());
    return client::Next{};
  }

  client::Client client_;
  client::Informer<Endpoints> endpoints_;
};

}  // namespace

std::unique_ptr<Controller> make_endpoints_controller(Context& context) { return std::make_unique<EndpointsController>(context); }

}  // namespace reigen::controllers
