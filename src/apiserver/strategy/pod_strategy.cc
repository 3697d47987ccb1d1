// Pods. Rules of pkg/registry/core/pod.

#include "api/corev1.h"
#include "api/metav1.h"
#include "api/object.h"
#include "api/pod_rules.h"
#include "apiserver/metadata.h"
#include "apiserver/strategy/app_armor.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/strategy/workload_strategies.h"
#include "apiserver/validation/pod_spec.h"
#include "apiserver/validation/pod_warnings.h"

namespace reigen::apiserver {
namespace {

using api::Object;
using namespace api::corev1;

// Keys whose values pods of one set share: the selector of an affinity term gets them from the pod's own labels.
void merge_label_keys(PodAffinityTerm& term, const api::Map<std::string>& labels) {
  if (!term.label_selector) return;
  auto add = [&](const std::vector<std::string>& keys, const char* op) {
    for (const std::string& key : keys) {
      const std::string* value = labels.get(key);
      if (!value) continue;
      auto& expression = term.label_selector->match_expressions.emplace_back();
      expression.key = key;
      expression.operator_ = op;
      expression.values = {*value};
    }
  };
  add(term.match_label_keys, "In");
  add(term.mismatch_label_keys, "NotIn");
}

template <class Terms>
void merge_label_keys(const api::Box<Terms>& terms, const api::Map<std::string>& labels) {
  if (!terms) return;
  auto& all = const_cast<Terms&>(*terms);
  for (auto& term : all.preferred_during_scheduling_ignored_during_execution) merge_label_keys(term.pod_affinity_term, labels);
  for (auto& term : all.required_during_scheduling_ignored_during_execution) merge_label_keys(term, labels);
}

void add_gated_condition(Pod& pod, WallTime now) {
  if (pod.spec.scheduling_gates.empty()) return;
  auto& condition = pod.status.conditions.emplace_back();
  condition.type = "PodScheduled";
  condition.status = "False";
  condition.last_transition_time = api::Time(now);
  condition.reason = "SchedulingGated";
  condition.message = "Scheduling is blocked due to non-empty scheduling gates";
}

// The name the field had first; it always says the same.
void mirror_service_account(PodSpec& spec) { spec.service_account = spec.service_account_name; }

// Of features that are off.
void drop_disabled_status(PodStatus& status, const Pod& old) {
  bool groups = old.spec.security_context && old.spec.security_context->supplemental_groups_policy;
  bool resize = false;
  for (const auto& container : old.spec.containers) resize = resize || !container.resize_policy.empty();
  for (auto* list : {&status.container_statuses, &status.init_container_statuses, &status.ephemeral_container_statuses}) {
    for (auto& one : *list) {
      if (!resize) one.resources.reset();
      one.allocated_resources.clear();
      one.allocated_resources_status.clear();
      if (!groups) one.user.reset();
    }
  }
  if (!resize) status.resize.clear();
  if (old.spec.resource_claims.empty()) status.resource_claim_statuses.clear();
}

// A pod that is the old one but for its identity.
Pod only_identity(const Pod& pod, const Pod& old) {
  Pod out = old;
  out.metadata.name = pod.metadata.name;
  out.metadata.namespace_ = pod.metadata.namespace_;
  out.metadata.resource_version = pod.metadata.resource_version;
  out.metadata.uid = pod.metadata.uid;
  return out;
}

void mark_resized(Pod& pod, const Pod& old) {
  if (pod.spec.containers.size() != old.spec.containers.size()) return;
  for (size_t i = 0; i < pod.spec.containers.size(); ++i) {
    const auto& now = pod.spec.containers[i].resources;
    if (now.requests.empty() || now == old.spec.containers[i].resources) continue;
    pod.status.resize = "Proposed";
    return;
  }
}

// A negative time means one second, as Kubernetes' conversion has it.
void mend_grace_period(api::corev1::PodSpec& spec) {
  if (spec.termination_grace_period_seconds.value_or(0) < 0) spec.termination_grace_period_seconds = 1;
}

class PodStrategy final : public Strategy {
 public:
  void prepare_create(StrategyContext& context, Object& object) const override {
    Pod& pod = object.mut<Pod>();
    pod.status = PodStatus();
    pod.status.phase = "Pending";
    pod.status.qos_class = api::qos_class(pod.spec);
    mend_grace_period(pod.spec);
    drop_disabled_fields(pod.spec, nullptr);
    add_gated_condition(pod, context.now);
    mirror_service_account(pod.spec);
    if (pod.spec.affinity) {
      merge_label_keys(pod.spec.affinity->pod_affinity, pod.metadata.labels);
      merge_label_keys(pod.spec.affinity->pod_anti_affinity, pod.metadata.labels);
    }
    sync_app_armor(pod, context.notes);
  }

  void prepare_update(StrategyContext& context, Object& object, const Object& before) const override {
    Pod& pod = object.mut<Pod>();
    const Pod& old = before.as<Pod>();
    switch (context.part) {
      case Part::kMain:
        pod.status = old.status;
        mend_grace_period(pod.spec);
        break;
      case Part::kStatus: return prepare_status(pod, old);
      case Part::kEphemeralContainers: {
        Pod out = only_identity(pod, old);
        out.spec.ephemeral_containers = pod.spec.ephemeral_containers;
        pod = std::move(out);
        break;
      }
      case Part::kResize: prepare_resize(pod, old); break;
      default: return;
    }
    drop_disabled_fields(pod.spec, &old.spec);
    mirror_service_account(pod.spec);
  }

  void validate(StrategyContext&, const Object& object, api::FieldErrors& errors) const override { validate_pod_create(object.as<Pod>(), errors); }

  void validate_update(StrategyContext& context, const Object& object, const Object& before, api::FieldErrors& errors) const override {
    const Pod& pod = object.as<Pod>();
    const Pod& old = before.as<Pod>();
    if (context.part == Part::kBinding) return;
    if (context.part == Part::kStatus) return validate_pod_status_update(pod, old, errors);
    validate_meta(pod.metadata, true, *this, errors);
    if (context.part == Part::kEphemeralContainers) return validate_ephemeral_containers_update(pod, old, errors);
    if (context.part == Part::kResize) return validate_pod_resize(pod, old, errors);
    validate_pod_update(pod, old, errors);
  }

  void warnings(StrategyContext& context, const Object& object, std::vector<std::string>& texts) const override {
    texts = std::move(context.notes);
    context.notes.clear();
    warn_of_pod(object.as<Pod>(), texts);
  }
  void warnings_on_update(StrategyContext&, const Object&, const Object&, std::vector<std::string>&) const override {}

  std::optional<int64_t> grace_period(StrategyContext&, const Object& object, std::optional<int64_t> asked) const override {
    const Pod& pod = object.as<Pod>();
    int64_t period = asked.value_or(pod.spec.termination_grace_period_seconds.value_or(0));
    // A pod that never ran, or is done, goes at once.
    if (pod.spec.node_name.empty()) period = 0;
    if (pod.status.phase == "Failed" || pod.status.phase == "Succeeded") period = 0;
    return period < 0 ? 1 : period;
  }
  bool returns_deleted_object() const override { return true; }

  std::vector<std::string_view> fields() const override {
    return {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
            "status.phase",  "status.podIP",       "status.podIPs",      "status.nominatedNodeName"};
  }
  std::string field_value(const Object& object, std::string_view field) const override {
    const Pod& pod = object.as<Pod>();
    if (field == "spec.nodeName") return pod.spec.node_name;
    if (field == "spec.restartPolicy") return pod.spec.restart_policy;
    if (field == "spec.schedulerName") return pod.spec.scheduler_name;
    if (field == "spec.serviceAccountName") return pod.spec.service_account_name;
    if (field == "spec.hostNetwork") return pod.spec.host_network ? "true" : "false";
    if (field == "status.phase") return pod.status.phase;
    if (field == "status.podIP" || field == "status.podIPs") return pod.status.pod_ips.empty() ? pod.status.pod_ip : pod.status.pod_ips[0].ip;
    return field == "status.nominatedNodeName" ? pod.status.nominated_node_name : std::string();
  }

 private:
  static void prepare_status(Pod& pod, const Pod& old) {
    pod.spec = old.spec;
    pod.metadata.deletion_timestamp.reset();
    pod.metadata.owner_references = old.metadata.owner_references;
    if (pod.status.qos_class.empty()) pod.status.qos_class = old.status.qos_class;
    drop_disabled_status(pod.status, old);
  }
  static void prepare_resize(Pod& pod, const Pod& old) {
    Pod out = only_identity(pod, old);
    for (auto& container : out.spec.containers) {
      for (const auto& asked : pod.spec.containers) {
        if (asked.name != container.name) continue;
        container.resources = asked.resources;
        container.resize_policy = asked.resize_policy;
      }
    }
    mark_resized(out, old);
    pod = std::move(out);
  }
};

}  // namespace

const Strategy& pod_strategy() { return instance<PodStrategy>(); }

}  // namespace reigen::apiserver
