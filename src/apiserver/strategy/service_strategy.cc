// Service: pkg/registry/core/service of Kubernetes.

#include <algorithm>
#include <set>

#include "api/corev1.h"
#include "api/metav1.h"
#include "api/object.h"
#include "api/validation.h"
#include "apiserver/service_allocator.h"
#include "apiserver/strategy/core_strategies.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/validation/service.h"

namespace reigen::apiserver {
namespace {

using api::Object;
using api::corev1::Service;
using api::corev1::ServicePort;

std::set<int32_t> node_ports(const Service& service) {
  std::set<int32_t> ports;
  for (const ServicePort& port : service.spec.ports)
    if (port.node_port != 0) ports.insert(port.node_port);
  return ports;
}

// Clients that know only one of clusterIP and clusterIPs mean both.
void sync_cluster_ips(Service& service, const Service* old) {
  auto& spec = service.spec;
  if (!old) {
    if (!spec.cluster_ip.empty() && spec.cluster_ips.empty()) spec.cluster_ips = {spec.cluster_ip};
    return;
  }
  if (!old->spec.cluster_ips.empty() && spec.cluster_ips.empty() && old->spec.cluster_ip == spec.cluster_ip) spec.cluster_ips = old->spec.cluster_ips;
  if (old->spec.cluster_ip == spec.cluster_ip || old->spec.cluster_ips != spec.cluster_ips) return;
  if (spec.cluster_ip.empty()) spec.cluster_ips.clear();
  else spec.cluster_ips = {spec.cluster_ip};
}

// What was allocated and the client left out stays.
void keep_allocated(Service& service, const Service& old) {
  auto& spec = service.spec;
  if (needs_cluster_ip(old) && needs_cluster_ip(service)) {
    if (spec.cluster_ip.empty()) spec.cluster_ip = old.spec.cluster_ip;
    if (spec.cluster_ips.empty()) spec.cluster_ips = old.spec.cluster_ips;
  }
  if (needs_node_port(old) && needs_node_port(service)) {
    std::set<int32_t> before = node_ports(old), used;
    for (int32_t port : node_ports(service))
      if (before.contains(port)) used.insert(port);
    for (ServicePort& port : spec.ports) {
      if (port.node_port != 0) continue;
      int32_t known = 0;
      for (const ServicePort& other : old.spec.ports)
        if (other.name == port.name) known = other.node_port;
      if (!used.contains(known)) port.node_port = known;
    }
  }
  if (needs_health_port(old) && needs_health_port(service) && spec.health_check_node_port == 0) spec.health_check_node_port = old.spec.health_check_node_port;
}

// Fields that a change of type makes meaningless go, when the client left them as they were.
void drop_by_type(Service& service, const Service& old) {
  auto& spec = service.spec;
  const auto& before = old.spec;
  if (needs_cluster_ip(old) && !needs_cluster_ip(service)) {
    if (before.cluster_ip == spec.cluster_ip && before.cluster_ips == spec.cluster_ips) {
      spec.cluster_ip.clear();
      spec.cluster_ips.clear();
    }
    if (before.ip_families == spec.ip_families) spec.ip_families.clear();
    if (before.ip_family_policy == spec.ip_family_policy) spec.ip_family_policy.reset();
  }
  std::set<int32_t> now = node_ports(service), then = node_ports(old);
  if (needs_node_port(old) && !needs_node_port(service) && std::ranges::includes(then, now))
    for (ServicePort& port : spec.ports) port.node_port = 0;
  if (needs_health_port(old) && !needs_health_port(service) && before.health_check_node_port == spec.health_check_node_port) spec.health_check_node_port = 0;
  if (before.type == "LoadBalancer" && spec.type != "LoadBalancer") {
    if (before.allocate_load_balancer_node_ports == spec.allocate_load_balancer_node_ports) spec.allocate_load_balancer_node_ports.reset();
    if (before.load_balancer_class == spec.load_balancer_class) spec.load_balancer_class.reset();
  }
  if (externally_accessible(old) && !externally_accessible(service) && before.external_traffic_policy == spec.external_traffic_policy)
    spec.external_traffic_policy.clear();
  if (spec.type != "LoadBalancer") service.status.load_balancer = {};
}

class ServiceStrategy final : public Strategy {
 public:
  Result<Rollback> begin_create(StrategyContext& context, Object& object) const override {
    Service& service = object.mut<Service>();
    sync_cluster_ips(service, nullptr);
    if (!context.services) return Rollback();
    return context.services->allocate_create(service, context.dry_run);
  }
  Result<Rollback> begin_update(StrategyContext& context, Object& object, const Object& old) const override {
    if (context.part != Part::kMain) return Rollback();
    Service& service = object.mut<Service>();
    keep_allocated(service, old.as<Service>());
    sync_cluster_ips(service, &old.as<Service>());
    if (!context.services) return Rollback();
    return context.services->allocate_update(service, old.as<Service>(), context.dry_run);
  }
  void prepare_update(StrategyContext& context, Object& object, const Object& old) const override {
    Strategy::prepare_update(context, object, old);
    if (context.part == Part::kMain) drop_by_type(object.mut<Service>(), old.as<Service>());
  }
  void validate(StrategyContext&, const Object& object, api::FieldErrors& errors) const override { validate_service(object.as<Service>(), errors); }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, api::FieldErrors& errors) const override {
    if (context.part == Part::kStatus) return validate_service_status(object.as<Service>(), errors);
    validate_service_update(object.as<Service>(), old.as<Service>(), errors);
  }
  void warnings(StrategyContext&, const Object& object, std::vector<std::string>& texts) const override { service_warnings(object.as<Service>(), texts); }
  void warnings_on_update(StrategyContext& context, const Object& object, const Object&, std::vector<std::string>& texts) const override {
    if (context.part == Part::kMain) service_warnings(object.as<Service>(), texts);
  }
  void canonicalize(Object& object) const override {
    // Its default is for the types that have endpoints.
    if (!needs_cluster_ip(object.as<Service>())) object.mut<Service>().spec.internal_traffic_policy.reset();
  }
  void after_update(StrategyContext& context, const Object& object, const Object& old) const override {
    if (context.services && context.part == Part::kMain) context.services->release(old.as<Service>(), &object.as<Service>());
  }
  void after_delete(StrategyContext& context, const Object& object) const override {
    if (context.services) context.services->release(object.as<Service>(), nullptr);
  }

  std::vector<std::string> check_name(std::string_view name, bool prefix) const override {
    return api::is_dns1035_label(prefix ? api::mask_trailing_dash(name) : std::string(name));
  }
  bool allow_create_on_update() const override { return true; }
  bool returns_deleted_object() const override { return true; }
  std::vector<std::string_view> fields() const override { return {"spec.clusterIP", "spec.type"}; }
  std::string field_value(const Object& object, std::string_view field) const override {
    const Service& service = object.as<Service>();
    return field == "spec.type" ? service.spec.type : service.spec.cluster_ip;
  }
};

}  // namespace

const Strategy& service_strategy() { return instance<ServiceStrategy>(); }

}  // namespace reigen::apiserver
