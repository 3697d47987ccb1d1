// ReplicationController, ReplicaSet, Deployment and PodTemplate. Rules of pkg/registry/core and pkg/registry/apps.

#include "api/appsv1.h"
#include "api/corev1.h"
#include "api/label_selector.h"
#include "api/metav1.h"
#include "api/object.h"
#include "api/validation.h"
#include "apiserver/metadata.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/strategy/workload_strategies.h"
#include "apiserver/validation/go_value.h"
#include "apiserver/validation/pod_warnings.h"
#include "apiserver/validation/workload.h"

namespace reigen::apiserver {
namespace {

using api::Object;
using namespace api::appsv1;
using api::corev1::PodTemplate;
using api::corev1::PodTemplateSpec;
using api::corev1::ReplicationController;

constexpr std::string_view kNameUse = "this is used in Pod names and hostnames";

void warn_of_changed_template(const Object& object, const Object& old, const PodTemplateSpec& pod_template, std::string_view path,
                              std::vector<std::string>& texts) {
  if (object.meta().generation != old.meta().generation) warn_of_template(pod_template, FieldPath(path), texts);
}

class PodTemplateStrategy final : public Strategy {
 public:
  bool counts_generation() const override { return true; }
  bool returns_deleted_object() const override { return true; }
  void prepare_create(StrategyContext&, Object& object) const override { drop_disabled_fields(object.mut<PodTemplate>().template_.spec, nullptr); }
  void prepare_update(StrategyContext&, Object& object, const Object& old) const override {
    drop_disabled_fields(object.mut<PodTemplate>().template_.spec, &old.as<PodTemplate>().template_.spec);
  }
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    validate_pod_template(object.as<PodTemplate>().template_, FieldPath("template"), template_options(nullptr), errors);
  }
  void validate_update(StrategyContext&, const Object& object, const Object& old, FieldErrors& errors) const override {
    validate_pod_template(object.as<PodTemplate>().template_, FieldPath("template"), template_options(&old.as<PodTemplate>().template_), errors);
  }
  void warnings(StrategyContext&, const Object& object, std::vector<std::string>& texts) const override {
    warn_of_template(object.as<PodTemplate>().template_, FieldPath("template"), texts);
  }
  void warnings_on_update(StrategyContext&, const Object& object, const Object& old, std::vector<std::string>& texts) const override {
    warn_of_changed_template(object, old, object.as<PodTemplate>().template_, "template", texts);
  }
};

// The counts that ReplicationController and ReplicaSet have in common.
template <class Status>
void validate_replica_status(const Status& status, FieldErrors& errors) {
  FieldPath path("status");
  check_counts({{"replicas", status.replicas},
                {"fullyLabeledReplicas", status.fully_labeled_replicas},
                {"readyReplicas", status.ready_replicas},
                {"availableReplicas", status.available_replicas},
                {"observedGeneration", status.observed_generation}},
               path, errors);
  check_at_most_replicas(
      {{"fullyLabeledReplicas", status.fully_labeled_replicas}, {"readyReplicas", status.ready_replicas}, {"availableReplicas", status.available_replicas}},
      status.replicas, path, errors);
  if (status.available_replicas > status.ready_replicas)
    reject(errors, path.child("availableReplicas"), status.available_replicas, "cannot be greater than readyReplicas");
}

class ReplicationControllerStrategy final : public Strategy {
 public:
  bool counts_generation() const override { return true; }
  bool orphans_by_default() const override { return true; }
  void prepare_create(StrategyContext&, Object& object) const override {
    reset_status(object);
    auto& pod_template = object.mut<ReplicationController>().spec.template_;
    if (pod_template) drop_disabled_fields(pod_template->spec, nullptr);
  }
  void prepare_update(StrategyContext& context, Object& object, const Object& old) const override {
    Strategy::prepare_update(context, object, old);
    if (context.part == Part::kStatus) return;
    auto& pod_template = object.mut<ReplicationController>().spec.template_;
    const auto& before = old.as<ReplicationController>().spec.template_;
    if (pod_template) drop_disabled_fields(pod_template->spec, before ? &before->spec : nullptr);
  }
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override { validate_spec(object, nullptr, errors); }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    if (context.part == Part::kStatus) return validate_replica_status(object.as<ReplicationController>().status, errors);
    const auto* before = old.as<ReplicationController>().spec.template_.get();
    validate_meta(object.meta(), true, *this, errors);
    // Kubernetes validates the whole twice.
    validate_spec(object, before, errors);
    validate_spec(object, before, errors);
  }
  void warnings(StrategyContext&, const Object& object, std::vector<std::string>& texts) const override {
    warn_of_name(object.meta().name, kNameUse, texts);
    const auto& pod_template = object.as<ReplicationController>().spec.template_;
    if (pod_template) warn_of_template(*pod_template, FieldPath("spec.template"), texts);
  }
  void warnings_on_update(StrategyContext& context, const Object& object, const Object& old, std::vector<std::string>& texts) const override {
    const auto& pod_template = object.as<ReplicationController>().spec.template_;
    if (pod_template && context.part != Part::kStatus) warn_of_changed_template(object, old, *pod_template, "spec.template", texts);
  }
  std::vector<std::string_view> fields() const override { return {"status.replicas"}; }
  std::string field_value(const Object& object, std::string_view) const override { return std::to_string(object.as<ReplicationController>().status.replicas); }

 private:
  static void validate_spec(const Object& object, const PodTemplateSpec* old, FieldErrors& errors) {
    const auto& spec = object.as<ReplicationController>().spec;
    FieldPath path("spec");
    FieldPath at = path.child("template");
    check_non_negative(errors, path.child("minReadySeconds"), spec.min_ready_seconds);
    if (spec.selector.empty()) require(errors, path.child("selector"));
    check_non_negative(errors, path.child("replicas"), spec.replicas.value_or(0));
    if (!spec.template_) return require(errors, at);
    const auto& labels = spec.template_->metadata.labels;
    if (!spec.selector.empty() && !api::LabelSelector::from_map(spec.selector).matches(labels))
      reject(errors, at.child("metadata.labels"), go_value(labels), "`selector` does not match template `labels`");
    validate_pod_template(*spec.template_, at, template_options(old), errors);
    check_endless_pods(spec.template_->spec, "ReplicationController", at.child("spec"), errors);
  }
};

// Deployments check their template as replica sets do.
void validate_selected_template(const api::Box<api::metav1::LabelSelector>& selector, const PodTemplateSpec& pod_template, const FieldPath& path,
                                const PodOptions& options, FieldErrors& errors) {
  FieldPath at = path.child("template");
  if (!check_template_labels(selector, pod_template.metadata.labels, at, path.child("selector"), "invalid label selector", errors)) return;
  validate_pod_template(pod_template, at, options, errors);
  check_endless_pods(pod_template.spec, "ReplicaSet", at.child("spec"), errors);
}

class ReplicaSetStrategy final : public Strategy {
 public:
  bool counts_generation() const override { return true; }
  void prepare_create(StrategyContext&, Object& object) const override {
    reset_status(object);
    drop_disabled_fields(object.mut<ReplicaSet>().spec.template_.spec, nullptr);
  }
  void prepare_update(StrategyContext& context, Object& object, const Object& old) const override {
    Strategy::prepare_update(context, object, old);
    if (context.part != Part::kStatus) drop_disabled_fields(object.mut<ReplicaSet>().spec.template_.spec, &old.as<ReplicaSet>().spec.template_.spec);
  }
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override { validate_spec(object, nullptr, errors); }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    const ReplicaSet& set = object.as<ReplicaSet>();
    if (context.part == Part::kStatus) return validate_replica_status(set.status, errors);
    const ReplicaSet& before = old.as<ReplicaSet>();
    validate_meta(object.meta(), true, *this, errors);
    validate_spec(object, &before.spec.template_, errors);
    validate_spec(object, &before.spec.template_, errors);
    check_immutable_selector(set.spec.selector, before.spec.selector, FieldPath("spec.selector"), errors);
  }
  void warnings(StrategyContext&, const Object& object, std::vector<std::string>& texts) const override {
    warn_of_name(object.meta().name, kNameUse, texts);
    warn_of_template(object.as<ReplicaSet>().spec.template_, FieldPath("spec.template"), texts);
  }
  void warnings_on_update(StrategyContext& context, const Object& object, const Object& old, std::vector<std::string>& texts) const override {
    if (context.part != Part::kStatus) warn_of_changed_template(object, old, object.as<ReplicaSet>().spec.template_, "spec.template", texts);
  }

 private:
  static void validate_spec(const Object& object, const PodTemplateSpec* old, FieldErrors& errors) {
    const ReplicaSetSpec& spec = object.as<ReplicaSet>().spec;
    FieldPath path("spec");
    check_non_negative(errors, path.child("replicas"), spec.replicas.value_or(0));
    check_non_negative(errors, path.child("minReadySeconds"), spec.min_ready_seconds);
    check_selector(spec.selector, "deployment", path.child("selector"), errors);
    validate_selected_template(spec.selector, spec.template_, path, template_options(old), errors);
  }
};

class DeploymentStrategyRules final : public Strategy {
 public:
  bool counts_generation() const override { return true; }
  // A deployment's annotations go to its replica sets.
  bool spec_changed(const Object& object, const Object& old) const override {
    return Strategy::spec_changed(object, old) || !(object.meta().annotations == old.meta().annotations);
  }
  void prepare_create(StrategyContext&, Object& object) const override {
    reset_status(object);
    drop_disabled_fields(object.mut<Deployment>().spec.template_.spec, nullptr);
  }
  void prepare_update(StrategyContext& context, Object& object, const Object& old) const override {
    Strategy::prepare_update(context, object, old);
    Deployment& deployment = object.mut<Deployment>();
    if (context.part == Part::kStatus) deployment.metadata.labels = old.meta().labels;
    else drop_disabled_fields(deployment.spec.template_.spec, &old.as<Deployment>().spec.template_.spec);
  }
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override { validate_spec(object.as<Deployment>().spec, nullptr, errors); }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    const Deployment& deployment = object.as<Deployment>();
    const Deployment& before = old.as<Deployment>();
    if (context.part == Part::kStatus) return validate_status(deployment.status, before.status, errors);
    validate_spec(deployment.spec, &before.spec.template_, errors);
    check_immutable_selector(deployment.spec.selector, before.spec.selector, FieldPath("spec.selector"), errors);
  }
  void warnings(StrategyContext&, const Object& object, std::vector<std::string>& texts) const override {
    warn_of_name(object.meta().name, kNameUse, texts);
    warn_of_template(object.as<Deployment>().spec.template_, FieldPath("spec.template"), texts);
  }
  void warnings_on_update(StrategyContext& context, const Object& object, const Object& old, std::vector<std::string>& texts) const override {
    if (context.part != Part::kStatus) warn_of_changed_template(object, old, object.as<Deployment>().spec.template_, "spec.template", texts);
  }

 private:
  static void validate_rolling_update(const RollingUpdateDeployment& update, const FieldPath& path, FieldErrors& errors) {
    FieldPath unavailable = path.child("maxUnavailable");
    api::IntOrString max_unavailable = update.max_unavailable.value_or(api::IntOrString());
    api::IntOrString max_surge = update.max_surge.value_or(api::IntOrString());
    check_int_or_percent(max_unavailable, unavailable, errors);
    check_int_or_percent(max_surge, path.child("maxSurge"), errors);
    if (int_or_percent(max_unavailable) == 0 && int_or_percent(max_surge) == 0)
      reject(errors, unavailable, go_value(max_unavailable), "may not be 0 when `maxSurge` is 0");
    check_at_most_100_percent(max_unavailable, unavailable, errors);
  }
  static void validate_strategy(const api::appsv1::DeploymentStrategy& strategy, const FieldPath& path, FieldErrors& errors) {
    if (strategy.type == "Recreate") {
      if (strategy.rolling_update) forbid(errors, path.child("rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'");
    } else if (strategy.type != "RollingUpdate") {
      report_unsupported(errors, path, BadValue::raw("apps.DeploymentStrategy{Type:\"" + strategy.type + "\"}"), {"Recreate", "RollingUpdate"});
    } else if (!strategy.rolling_update) {
      require(errors, path.child("rollingUpdate"), "this should be defaulted and never be nil");
    } else {
      validate_rolling_update(*strategy.rolling_update, path.child("rollingUpdate"), errors);
    }
  }
  static void validate_spec(const DeploymentSpec& spec, const PodTemplateSpec* old, FieldErrors& errors) {
    FieldPath path("spec");
    check_non_negative(errors, path.child("replicas"), spec.replicas.value_or(0));
    check_selector(spec.selector, "deployment", path.child("selector"), errors);
    validate_selected_template(spec.selector, spec.template_, path, template_options(old), errors);
    validate_strategy(spec.strategy, path.child("strategy"), errors);
    check_non_negative(errors, path.child("minReadySeconds"), spec.min_ready_seconds);
    if (spec.revision_history_limit) check_non_negative(errors, path.child("revisionHistoryLimit"), *spec.revision_history_limit);
    if (!spec.progress_deadline_seconds) return;
    FieldPath deadline = path.child("progressDeadlineSeconds");
    check_non_negative(errors, deadline, *spec.progress_deadline_seconds);
    if (*spec.progress_deadline_seconds <= spec.min_ready_seconds)
      reject(errors, deadline, *spec.progress_deadline_seconds, "must be greater than minReadySeconds");
  }
  static void validate_status(const DeploymentStatus& status, const DeploymentStatus& old, FieldErrors& errors) {
    FieldPath path("status");
    check_counts({{"observedGeneration", status.observed_generation},
                  {"replicas", status.replicas},
                  {"updatedReplicas", status.updated_replicas},
                  {"readyReplicas", status.ready_replicas},
                  {"availableReplicas", status.available_replicas},
                  {"unavailableReplicas", status.unavailable_replicas}},
                 path, errors);
    if (status.collision_count) check_non_negative(errors, path.child("collisionCount"), *status.collision_count);
    check_at_most_replicas(
        {{"updatedReplicas", status.updated_replicas}, {"readyReplicas", status.ready_replicas}, {"availableReplicas", status.available_replicas}},
        status.replicas, path, errors);
    if (status.available_replicas > status.ready_replicas)
      reject(errors, path.child("availableReplicas"), status.available_replicas, "cannot be greater than readyReplicas");
    check_collision_count(status.collision_count, old.collision_count, path, errors);
  }
};

}  // namespace

const Strategy& pod_template_strategy() { return instance<PodTemplateStrategy>(); }
const Strategy& replication_controller_strategy() { return instance<ReplicationControllerStrategy>(); }
const Strategy& replica_set_strategy() { return instance<ReplicaSetStrategy>(); }
const Strategy& deployment_strategy() { return instance<DeploymentStrategyRules>(); }

}  // namespace reigen::apiserver
