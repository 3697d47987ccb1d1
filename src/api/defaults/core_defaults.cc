#include "api/corev1.h"
#include "api/defaults/hooks.h"

namespace reigen::api {
namespace {

using namespace corev1;

void default_replication_controller(ReplicationController& rc) {
  if (rc.spec.template_) {
    const auto& labels = rc.spec.template_->metadata.labels;
    if (rc.spec.selector.empty()) rc.spec.selector = labels;
    if (rc.metadata.labels.empty()) rc.metadata.labels = labels;
  }
  default_to(rc.spec.replicas, 1);
}

bool externally_accessible(const ServiceSpec& spec) {
  return spec.type == ServiceType::LoadBalancer || spec.type == ServiceType::NodePort || (spec.type == ServiceType::ClusterIP && !spec.external_ips.empty());
}

void default_session_affinity(ServiceSpec& spec) {
  default_text(spec.session_affinity, ServiceAffinity::None);
  if (spec.session_affinity == ServiceAffinity::None) spec.session_affinity_config.reset();
  if (spec.session_affinity != ServiceAffinity::ClientIP) return;
  auto& config = spec.session_affinity_config;
  if (!config || !config->client_ip || !config->client_ip->timeout_seconds) config.emplace().client_ip.emplace().timeout_seconds = 10800;
}

void default_service(Service& service) {
  ServiceSpec& spec = service.spec;
  default_session_affinity(spec);
  default_text(spec.type, ServiceType::ClusterIP);
  for (ServicePort& port : spec.ports) {
    default_text(port.protocol, Protocol::TCP);
    if (port.target_port == IntOrString(0) || port.target_port == IntOrString("")) port.target_port = IntOrString(port.port);
  }
  if (externally_accessible(spec)) default_text(spec.external_traffic_policy, "Cluster");
  bool load_balancer = spec.type == ServiceType::LoadBalancer;
  if (load_balancer || spec.type == ServiceType::NodePort || spec.type == ServiceType::ClusterIP) default_to(spec.internal_traffic_policy, "Cluster");
  if (!load_balancer) return;
  default_to(spec.allocate_load_balancer_node_ports, true);
  for (LoadBalancerIngress& ingress : service.status.load_balancer.ingress)
    if (!ingress.ip.empty()) default_to(ingress.ip_mode, "VIP");
}

// stringData is for writing only.
void default_secret(Secret& secret) {
  default_text(secret.type, SecretType::Opaque);
  for (const auto& [key, text] : secret.string_data) secret.data.insert_or_assign(key, Bytes(text));
  secret.string_data.clear();
}

void default_persistent_volume(PersistentVolume& volume) {
  default_text(volume.status.phase, PersistentVolumePhase::Pending);
  default_text(volume.spec.persistent_volume_reclaim_policy, PersistentVolumeReclaimPolicy::Retain);
  default_to(volume.spec.volume_mode, PersistentVolumeMode::Filesystem);
}

void default_claim(PersistentVolumeClaim& claim) { default_text(claim.status.phase, PersistentVolumeClaimPhase::Pending); }
void default_claim_spec(PersistentVolumeClaimSpec& spec) { default_to(spec.volume_mode, PersistentVolumeMode::Filesystem); }

void default_endpoints(Endpoints& endpoints) {
  for (EndpointSubset& subset : endpoints.subsets)
    for (EndpointPort& port : subset.ports) default_text(port.protocol, Protocol::TCP);
}

void default_namespace(Namespace& ns) {
  if (!ns.metadata.name.empty()) ns.metadata.labels["kubernetes.io/metadata.name"] = ns.metadata.name;
  default_text(ns.status.phase, NamespacePhase::Active);
}

void default_node_status(NodeStatus& status) {
  if (status.allocatable.empty()) status.allocatable = status.capacity;
}

// podCIDR, the older field, wins where the two differ.
void default_node_spec(NodeSpec& spec) {
  if (!spec.pod_cidr.empty() && (spec.pod_cidrs.empty() || spec.pod_cidrs[0] != spec.pod_cidr)) spec.pod_cidrs.assign(1, spec.pod_cidr);
  if (!spec.pod_cidrs.empty()) spec.pod_cidr = spec.pod_cidrs[0];
}

void default_limit_range_item(LimitRangeItem& item) {
  if (item.type != LimitType::Container) return;
  for (const auto& [name, max] : item.max) item.default_.emplace(name, max);
  for (const auto& [name, limit] : item.default_) item.default_request.emplace(name, limit);
  for (const auto& [name, min] : item.min) item.default_request.emplace(name, min);
}

}  // namespace

void add_core_defaults(DefaultHooks& hooks) {
  hooks.add<default_replication_controller>();
  hooks.add<default_service>();
  hooks.add<default_secret>();
  hooks.add<default_persistent_volume>();
  hooks.add<default_claim>();
  hooks.add<default_claim_spec>();
  hooks.add<default_endpoints>();
  hooks.add<default_namespace>();
  hooks.add<default_node_status>();
  hooks.add<default_node_spec>();
  hooks.add<default_limit_range_item>();
}

}  // namespace reigen::api
