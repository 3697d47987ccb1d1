// StatefulSet, DaemonSet and ControllerRevision. Rules of pkg/registry/apps.

#include <charconv>

#include "api/appsv1.h"
#include "api/metav1.h"
#include "api/object.h"
#include "api/validation.h"
#include "api/label_selector.h"
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
using api::corev1::PodTemplateSpec;

class StatefulSetStrategy final : public Strategy {
 public:
  bool counts_generation() const override { return true; }
  std::vector<std::string> check_name(std::string_view name, bool prefix) const override {
    return api::is_dns1123_label(prefix ? api::mask_trailing_dash(name) : std::string(name));
  }
  void prepare_create(StrategyContext&, Object& object) const override {
    reset_status(object);
    drop(object.mut<StatefulSet>(), nullptr);
  }
  void prepare_update(StrategyContext& context, Object& object, const Object& old) const override {
    Strategy::prepare_update(context, object, old);
    if (context.part != Part::kStatus) drop(object.mut<StatefulSet>(), &old.as<StatefulSet>());
  }
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    validate_spec(object.as<StatefulSet>().spec, template_options(nullptr), errors);
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    const StatefulSet& set = object.as<StatefulSet>();
    const StatefulSet& before = old.as<StatefulSet>();
    if (context.part == Part::kStatus) return validate_status(set.status, before.status, errors);
    validate_spec(set.spec, template_options(&before.spec.template_), errors);
    StatefulSetSpec rest = set.spec;
    rest.replicas = before.spec.replicas;
    rest.template_ = before.spec.template_;
    rest.update_strategy = before.spec.update_strategy;
    rest.min_ready_seconds = before.spec.min_ready_seconds;
    rest.ordinals = before.spec.ordinals;
    rest.persistent_volume_claim_retention_policy = before.spec.persistent_volume_claim_retention_policy;
    if (!(rest == before.spec))
      forbid(
          errors, FieldPath("spec"),
          "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and "
          "'minReadySeconds' are forbidden");
  }
  void warnings(StrategyContext&, const Object& object, std::vector<std::string>& texts) const override {
    const StatefulSetSpec& spec = object.as<StatefulSet>().spec;
    warn_of_template(spec.template_, FieldPath("spec.template"), texts);
    warn_of_claims(spec, "", texts);
  }
  void warnings_on_update(StrategyContext& context, const Object& object, const Object& old, std::vector<std::string>& texts) const override {
    if (context.part == Part::kStatus) return;
    const StatefulSetSpec& spec = object.as<StatefulSet>().spec;
    if (object.meta().generation != old.meta().generation) warn_of_template(spec.template_, FieldPath("spec.template"), texts);
    warn_of_claims(spec, "Spec", texts);  // Kubernetes' path, with the capital letter
  }

 private:
  // maxUnavailable of a rolling update is a feature that is off.
  static void drop(StatefulSet& set, const StatefulSet* old) {
    drop_disabled_fields(set.spec.template_.spec, old ? &old->spec.template_.spec : nullptr);
    auto& update = set.spec.update_strategy.rolling_update;
    bool used = old && old->spec.update_strategy.rolling_update && old->spec.update_strategy.rolling_update->max_unavailable;
    if (update && !used) update->max_unavailable.reset();
  }
  static void warn_of_claims(const StatefulSetSpec& spec, std::string_view below, std::vector<std::string>& texts) {
    FieldPath path("spec.volumeClaimTemplates");
    for (size_t i = 0; i < spec.volume_claim_templates.size(); ++i) {
      FieldPath at = path.index(i);
      warn_of_claim_spec(spec.volume_claim_templates[i].spec, below.empty() ? at : at.child(below), texts);
    }
  }
  static void validate_update_strategy(const StatefulSetUpdateStrategy& strategy, const FieldPath& path, FieldErrors& errors) {
    FieldPath rolling = path.child("rollingUpdate");
    const auto& update = strategy.rolling_update;
    if (strategy.type.empty()) return require(errors, path);
    if (strategy.type == "OnDelete") {
      if (update) reject(errors, rolling, BadValue::raw("apps.RollingUpdateStatefulSetStrategy{}"), "only allowed for updateStrategy 'RollingUpdate'");
      return;
    }
    if (strategy.type != "RollingUpdate")
      return reject(errors, path, BadValue::raw("apps.StatefulSetUpdateStrategy{Type:\"" + strategy.type + "\"}"), "must be 'RollingUpdate' or 'OnDelete'");
    if (!update) return;
    check_non_negative(errors, rolling.child("partition"), update->partition.value_or(0));
    if (!update->max_unavailable) return;
    FieldPath at = rolling.child("maxUnavailable");
    check_int_or_percent(*update->max_unavailable, at, errors);
    if (int_or_percent(*update->max_unavailable) == 0) reject(errors, at, go_value(*update->max_unavailable), "cannot be 0");
    check_at_most_100_percent(*update->max_unavailable, at, errors);
  }
  // A stateful set's pods are not validated beyond metadata: a bad template is found when the pods are made.
  static void validate_template(const StatefulSetSpec& spec, const PodOptions& options, FieldErrors& errors) {
    FieldPath path("spec");
    FieldPath at = path.child("template");
    const auto& meta = spec.template_.metadata;
    if (check_template_labels(spec.selector, meta.labels, at, path.child("selector"), "", errors)) {
      api::append(errors, api::validate_labels(at.child("labels"), meta.labels));
      api::append(errors, api::validate_annotations(at.child("annotations"), meta.annotations));
      validate_pod_annotations(meta.annotations, spec.template_.spec, at.child("annotations"), options, errors);
    }
    check_endless_pods(spec.template_.spec, "StatefulSet", at.child("spec"), errors);
  }
  static void validate_spec(const StatefulSetSpec& spec, const PodOptions& options, FieldErrors& errors) {
    FieldPath path("spec");
    FieldPath management = path.child("podManagementPolicy");
    if (spec.pod_management_policy.empty()) require(errors, management);
    else if (!is_one_of(spec.pod_management_policy, {"OrderedReady", "Parallel"}))
      reject(errors, management, spec.pod_management_policy, "must be 'OrderedReady' or 'Parallel'");
    validate_update_strategy(spec.update_strategy, path.child("updateStrategy"), errors);
    if (spec.persistent_volume_claim_retention_policy) {
      FieldPath at = path.child("persistentVolumeClaimRetentionPolicy");
      check_choice(errors, at.child("whenDeleted"), spec.persistent_volume_claim_retention_policy->when_deleted, {"Retain", "Delete"});
      check_choice(errors, at.child("whenScaled"), spec.persistent_volume_claim_retention_policy->when_scaled, {"Retain", "Delete"});
    }
    check_counts({{"replicas", spec.replicas.value_or(0)}, {"minReadySeconds", spec.min_ready_seconds}}, path, errors);
    if (spec.ordinals) check_non_negative(errors, path.child("ordinals.start"), spec.ordinals->start);
    check_selector(spec.selector, "statefulset", path.child("selector"), errors);
    validate_template(spec, options, errors);
  }
  static void validate_status(const StatefulSetStatus& status, const StatefulSetStatus& old, FieldErrors& errors) {
    FieldPath path("status");
    check_counts({{"replicas", status.replicas},
                  {"readyReplicas", status.ready_replicas},
                  {"currentReplicas", status.current_replicas},
                  {"updatedReplicas", status.updated_replicas},
                  {"availableReplicas", status.available_replicas},
                  {"observedGeneration", status.observed_generation}},
                 path, errors);
    if (status.collision_count) check_non_negative(errors, path.child("collisionCount"), *status.collision_count);
    check_at_most_replicas({{"readyReplicas", status.ready_replicas},
                            {"currentReplicas", status.current_replicas},
                            {"updatedReplicas", status.updated_replicas},
                            {"availableReplicas", status.available_replicas}},
                           status.replicas, path, errors);
    if (status.available_replicas > status.ready_replicas)
      reject(errors, path.child("availableReplicas"), status.available_replicas, "cannot be greater than status.readyReplicas");
    check_collision_count(status.collision_count, old.collision_count, path, errors);
  }
};

// The generation of the template, a field of earlier versions, lives on as an annotation.
constexpr std::string_view kTemplateGeneration = "deprecated.daemonset.template.generation";

int64_t template_generation(const api::metav1::ObjectMeta& meta) {
  int64_t value = 0;
  if (const std::string* text = meta.annotations.get(kTemplateGeneration)) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

class DaemonSetStrategy final : public Strategy {
 public:
  bool counts_generation() const override { return true; }
  void prepare_create(StrategyContext&, Object& object) const override {
    reset_status(object);
    DaemonSet& set = object.mut<DaemonSet>();
    set.metadata.annotations[kTemplateGeneration] = std::to_string(std::max<int64_t>(template_generation(set.metadata), 1));
    drop_disabled_fields(set.spec.template_.spec, nullptr);
  }
  void prepare_update(StrategyContext& context, Object& object, const Object& before) const override {
    Strategy::prepare_update(context, object, before);
    DaemonSet& set = object.mut<DaemonSet>();
    const DaemonSet& old = before.as<DaemonSet>();
    int64_t generation = template_generation(old.metadata);
    if (context.part != Part::kStatus) {
      drop_disabled_fields(set.spec.template_.spec, &old.spec.template_.spec);
      if (!(set.spec.template_ == old.spec.template_)) ++generation;
    }
    set.metadata.annotations[kTemplateGeneration] = std::to_string(generation);
  }
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    validate_spec(object.as<DaemonSet>().spec, template_options(nullptr), errors);
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    const DaemonSet& set = object.as<DaemonSet>();
    const DaemonSet& before = old.as<DaemonSet>();
    if (context.part == Part::kStatus) return validate_status(set.status, before.status, errors);
    PodOptions options = template_options(&before.spec.template_);
    validate_meta(object.meta(), true, *this, errors);
    validate_spec(set.spec, options, errors);
    validate_spec(set.spec, options, errors);
    check_immutable_selector(set.spec.selector, before.spec.selector, FieldPath("spec.selector"), errors);
  }
  void warnings(StrategyContext&, const Object& object, std::vector<std::string>& texts) const override {
    warn_of_template(object.as<DaemonSet>().spec.template_, FieldPath("spec.template"), texts);
  }
  void warnings_on_update(StrategyContext&, const Object& object, const Object& old, std::vector<std::string>& texts) const override {
    if (template_generation(object.meta()) != template_generation(old.meta()))
      warn_of_template(object.as<DaemonSet>().spec.template_, FieldPath("spec.template"), texts);
  }

 private:
  static void validate_update_strategy(const DaemonSetUpdateStrategy& strategy, const FieldPath& path, FieldErrors& errors) {
    if (strategy.type == "OnDelete") return;
    if (strategy.type != "RollingUpdate")
      return report_unsupported(errors, path, BadValue::raw("apps.DaemonSetUpdateStrategy{Type:\"" + strategy.type + "\"}"), {"RollingUpdate", "OnDelete"});
    FieldPath rolling = path.child("rollingUpdate");
    if (!strategy.rolling_update) return require(errors, rolling);
    FieldPath unavailable = rolling.child("maxUnavailable");
    FieldPath surge = rolling.child("maxSurge");
    api::IntOrString max_unavailable = strategy.rolling_update->max_unavailable.value_or(api::IntOrString());
    api::IntOrString max_surge = strategy.rolling_update->max_surge.value_or(api::IntOrString());
    check_int_or_percent(max_unavailable, unavailable, errors);
    check_int_or_percent(max_surge, surge, errors);
    check_at_most_100_percent(max_unavailable, unavailable, errors);
    check_at_most_100_percent(max_surge, surge, errors);
    bool some_unavailable = int_or_percent(max_unavailable) != 0, some_surge = int_or_percent(max_surge) != 0;
    if (some_unavailable && some_surge) reject(errors, surge, go_value(max_surge), "may not be set when maxUnavailable is non-zero");
    if (!some_unavailable && !some_surge) require(errors, unavailable, "cannot be 0 when maxSurge is 0");
  }
  static void validate_spec(const DaemonSetSpec& spec, const PodOptions& options, FieldErrors& errors) {
    FieldPath path("spec");
    FieldPath selector = path.child("selector");
    FieldPath at = path.child("template");
    if (spec.selector) api::append(errors, api::validate_label_selector(selector, *spec.selector, options.allow_invalid_label_values));
    check_template_labels(spec.selector, spec.template_.metadata.labels, at, selector, nullptr, errors);
    if (spec.selector && spec.selector->match_labels.empty() && spec.selector->match_expressions.empty())
      reject(errors, selector, go_value(*spec.selector), "empty selector is invalid for daemonset");
    validate_pod_template(spec.template_, at, options, errors);
    check_endless_pods(spec.template_.spec, "DaemonSet", at.child("spec"), errors);
    check_non_negative(errors, path.child("minReadySeconds"), spec.min_ready_seconds);
    validate_update_strategy(spec.update_strategy, path.child("updateStrategy"), errors);
    if (spec.revision_history_limit) check_non_negative(errors, path.child("revisionHistoryLimit"), *spec.revision_history_limit);
  }
  static void validate_status(const DaemonSetStatus& status, const DaemonSetStatus& old, FieldErrors& errors) {
    FieldPath path("status");
    check_counts({{"currentNumberScheduled", status.current_number_scheduled},
                  {"numberMisscheduled", status.number_misscheduled},
                  {"desiredNumberScheduled", status.desired_number_scheduled},
                  {"numberReady", status.number_ready},
                  {"observedGeneration", status.observed_generation},
                  {"updatedNumberScheduled", status.updated_number_scheduled},
                  {"numberAvailable", status.number_available},
                  {"numberUnavailable", status.number_unavailable}},
                 path, errors);
    if (status.collision_count) check_non_negative(errors, path.child("collisionCount"), *status.collision_count);
    check_collision_count(status.collision_count, old.collision_count, path, errors);
  }
};

class ControllerRevisionStrategy final : public Strategy {
 public:
  void prepare_create(StrategyContext&, Object&) const override {}
  void prepare_update(StrategyContext&, Object&, const Object&) const override {}
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    const ControllerRevision& revision = object.as<ControllerRevision>();
    check_non_negative(errors, FieldPath("revision"), revision.revision);
    const std::string& data = revision.data.raw;
    FieldPath path("data");
    if (data.empty() || data == "null") require(errors, path, "data is mandatory");
    else if (data[0] != '{') require(errors, path, "data must be a valid JSON object");
  }
  void validate_update(StrategyContext&, const Object& object, const Object& old, FieldErrors& errors) const override {
    const ControllerRevision& revision = object.as<ControllerRevision>();
    validate_meta(object.meta(), true, *this, errors);
    check_non_negative(errors, FieldPath("revision"), revision.revision);
    if (!(revision.data == old.as<ControllerRevision>().data))
      reject(errors, FieldPath("data"), BadValue::raw(revision.data.raw), std::string(api::kFieldImmutable));
  }
};

}  // namespace

const Strategy& stateful_set_strategy() { return instance<StatefulSetStrategy>(); }
const Strategy& daemon_set_strategy() { return instance<DaemonSetStrategy>(); }
const Strategy& controller_revision_strategy() { return instance<ControllerRevisionStrategy>(); }

}  // namespace reigen::apiserver
