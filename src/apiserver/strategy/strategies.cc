#include "apiserver/strategy/strategies.h"

#include <string_view>

#include "api/certificatesv1.h"
#include "api/kind_info.h"
#include "api/object.h"
#include "apiserver/strategy/core_strategies.h"
#include "apiserver/strategy/docker_strategies.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/strategy/other_strategies.h"
#include "apiserver/strategy/workload_strategies.h"

namespace reigen::apiserver {
namespace {

// Kinds whose generation counts, and that need nothing else yet.
class CountingStrategy : public Strategy {
 public:
  bool counts_generation() const override { return true; }
};

class SigningRequestStrategy final : public Strategy {
 public:
  std::vector<std::string_view> fields() const override { return {"spec.signerName"}; }
  std::string field_value(const api::Object& object, std::string_view) const override {
    return object.as<api::certificatesv1::CertificateSigningRequest>().spec.signer_name;
  }
};

struct Line {
  std::string_view group, kind;
  const Strategy& (*strategy)();
};

// A kind with a strategy of its own has its line here.
constexpr Line kLines[] = {
    {"apps", "Deployment", deployment_strategy},
    {"apps", "ReplicaSet", replica_set_strategy},
    {"apps", "StatefulSet", stateful_set_strategy},
    {"apps", "DaemonSet", daemon_set_strategy},
    {"apps", "ControllerRevision", controller_revision_strategy},
    {"", "ReplicationController", replication_controller_strategy},
    {"", "Pod", pod_strategy},
    {"", "Namespace", namespace_strategy},
    {"", "Node", node_strategy},
    {"", "Secret", secret_strategy},
    {"", "ConfigMap", config_map_strategy},
    {"", "Endpoints", endpoints_strategy},
    {"", "Service", service_strategy},
    {"", "Event", event_strategy},
    {"", "ServiceAccount", returning_strategy},
    {"", "PodTemplate", pod_template_strategy},
    {"", "PersistentVolume", volume_strategy},
    {"", "PersistentVolumeClaim", claim_strategy},
    {"", "ResourceQuota", resource_quota_strategy},
    {"", "LimitRange", limit_range_strategy},
    {"node.k8s.io", "RuntimeClass", runtime_class_strategy},
    {"coordination.k8s.io", "Lease", lease_strategy},
    {"rbac.authorization.k8s.io", "Role", role_strategy},
    {"rbac.authorization.k8s.io", "ClusterRole", cluster_role_strategy},
    {"rbac.authorization.k8s.io", "RoleBinding", role_binding_strategy},
    {"rbac.authorization.k8s.io", "ClusterRoleBinding", cluster_role_binding_strategy},
    {"storage.k8s.io", "StorageClass", storage_class_strategy},
    {"storage.k8s.io", "CSINode", returning_strategy},
    {"storage.k8s.io", "VolumeAttachment", volume_attachment_strategy},
    {"batch", "Job", job_strategy},
    {"certificates.k8s.io", "CertificateSigningRequest", instance<SigningRequestStrategy>},
    {"batch", "CronJob", cron_job_strategy},
    {"autoscaling", "HorizontalPodAutoscaler", autoscaler_strategy},
    {"policy", "PodDisruptionBudget", pod_disruption_budget_strategy},
    {"networking.k8s.io", "Ingress", ingress_strategy},
    {"networking.k8s.io", "IngressClass", ingress_class_strategy},
    {"networking.k8s.io", "NetworkPolicy", network_policy_strategy},
    {"flowcontrol.apiserver.k8s.io", "FlowSchema", instance<CountingStrategy>},
    {"flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration", instance<CountingStrategy>},
    {"discovery.k8s.io", "EndpointSlice", endpoint_slice_strategy},
    {"apiextensions.k8s.io", "CustomResourceDefinition", instance<CountingStrategy>},
    {"admissionregistration.k8s.io", "MutatingWebhookConfiguration", instance<CountingStrategy>},
    {"admissionregistration.k8s.io", "ValidatingWebhookConfiguration", instance<CountingStrategy>},
    {"admissionregistration.k8s.io", "ValidatingAdmissionPolicy", instance<CountingStrategy>},
    {"admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding", instance<CountingStrategy>},
    {"storage.k8s.io", "CSIDriver", instance<CountingStrategy>},
    {"scheduling.k8s.io", "PriorityClass", priority_class_strategy},
    {"docker.reigen.dev", "Container", docker_container_strategy},
    {"docker.reigen.dev", "NameClaim", docker_name_claim_strategy},
    {"docker.reigen.dev", "Network", docker_network_strategy},
    {"docker.reigen.dev", "Volume", docker_volume_strategy},
};

}  // namespace

const Strategy& strategy_of(const api::KindInfo& stored_kind) {
  for (const Line& line : kLines)
    if (line.group == stored_kind.group && line.kind == stored_kind.kind) return line.strategy();
  return instance<Strategy>();
}

}  // namespace reigen::apiserver
