#include "api/appsv1.h"
#include "api/defaults/hooks.h"

namespace reigen::api {
namespace {

using namespace appsv1;

void default_deployment(Deployment& deployment) {
  DeploymentSpec& spec = deployment.spec;
  default_to(spec.replicas, 1);
  default_text(spec.strategy.type, "RollingUpdate");
  if (spec.strategy.type == "RollingUpdate") {
    auto& rolling = spec.strategy.rolling_update.ensure();
    default_to(rolling.max_unavailable, "25%");
    default_to(rolling.max_surge, "25%");
  }
  default_to(spec.revision_history_limit, 10);
  default_to(spec.progress_deadline_seconds, 600);
}

void default_daemon_set(DaemonSet& set) {
  auto& strategy = set.spec.update_strategy;
  default_text(strategy.type, "RollingUpdate");
  if (strategy.type == "RollingUpdate") {
    auto& rolling = strategy.rolling_update.ensure();
    default_to(rolling.max_unavailable, 1);
    default_to(rolling.max_surge, 0);
  }
  default_to(set.spec.revision_history_limit, 10);
}

void default_stateful_set(StatefulSet& set) {
  StatefulSetSpec& spec = set.spec;
  default_text(spec.pod_management_policy, "OrderedReady");
  if (spec.update_strategy.type.empty()) {
    spec.update_strategy.type = "RollingUpdate";
    spec.update_strategy.rolling_update.ensure();
  }
  if (spec.update_strategy.type == "RollingUpdate" && spec.update_strategy.rolling_update) default_to(spec.update_strategy.rolling_update->partition, 0);
  auto& retention = spec.persistent_volume_claim_retention_policy.ensure();
  default_text(retention.when_deleted, "Retain");
  default_text(retention.when_scaled, "Retain");
  default_to(spec.replicas, 1);
  default_to(spec.revision_history_limit, 10);
}

void default_replica_set(ReplicaSet& set) { default_to(set.spec.replicas, 1); }

}  // namespace

void add_apps_defaults(DefaultHooks& hooks) {
  hooks.add<default_deployment>();
  hooks.add<default_daemon_set>();
  hooks.add<default_stateful_set>();
  hooks.add<default_replica_set>();
}

}  // namespace reigen::api
