#include "apiserver/validation/job.h"

#include <set>

#include <fmt/core.h>

#include "api/batchv1.h"
#include "api/label_selector.h"
#include "api/metav1.h"
#include "api/validation.h"
#include "apiserver/validation/cron_schedule.h"
#include "apiserver/validation/go_value.h"
#include "apiserver/validation/pod_parts.h"
#include "apiserver/validation/workload.h"

namespace reigen::apiserver {
namespace {

using namespace api::batchv1;

bool is_indexed(const JobSpec& spec) { return spec.completion_mode && *spec.completion_mode == "Indexed"; }

void check_optional_count(const auto& value, const FieldPath& path, FieldErrors& errors) {
  if (value) check_non_negative(errors, path, *value);
}

void check_label(const api::Map<std::string>& labels, std::string_view key, const std::string& expected, const FieldPath& path, FieldErrors& errors) {
  const std::string* value = labels.get(key);
  if (!value) require(errors, path.key(key), "must be '" + expected + "'");
  else if (*value != expected) reject(errors, path.key(key), go_value(labels), "must be '" + expected + "'");
}

// A selector that the server made must stay as made.
void check_generated_selector(const Job& job, bool prefixed, FieldErrors& errors) {
  if (job.spec.manual_selector.value_or(false) || !job.spec.selector) return;
  const auto& meta = job.metadata;
  if (meta.uid.empty()) require(errors, FieldPath("metadata.uid"));
  FieldPath path("spec.template.metadata.labels");
  const auto& labels = job.spec.template_.metadata.labels;
  api::Map<std::string> expected{{"controller-uid", meta.uid}, {"job-name", meta.name}};
  check_label(labels, "controller-uid", meta.uid, path, errors);
  check_label(labels, "job-name", meta.name, path, errors);
  if (prefixed) {
    check_label(labels, "batch.kubernetes.io/controller-uid", meta.uid, path, errors);
    check_label(labels, "batch.kubernetes.io/job-name", meta.name, path, errors);
    expected["batch.kubernetes.io/controller-uid"] = meta.uid;
    expected["batch.kubernetes.io/job-name"] = meta.name;
  }
  auto selector = api::LabelSelector::from(*job.spec.selector);
  if (selector && !selector->matches(expected)) reject(errors, FieldPath("spec.selector"), go_value(*job.spec.selector), "`selector` not auto-generated");
}

void validate_indexed(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  constexpr int32_t kLimit = 100'000, kHighLimit = 10'000;
  auto at_most = [&](const std::optional<int32_t>& value, int32_t limit, std::string_view field, std::string text) {
    if (value && *value > limit) reject(errors, path.child(field), *value, std::move(text));
  };
  if (!spec.completions) require(errors, path.child("completions"), "when completion mode is Indexed");
  at_most(spec.parallelism, kLimit, "parallelism", "must be less than or equal to 100000 when completion mode is Indexed");
  if (spec.completions) at_most(spec.max_failed_indexes, *spec.completions, "maxFailedIndexes", "must be less than or equal to completions");
  at_most(spec.max_failed_indexes, kLimit, "maxFailedIndexes", "must be less than or equal to 100000");
  if (!spec.completions || *spec.completions <= kLimit || !spec.backoff_limit_per_index) return;
  if (!spec.max_failed_indexes) require(errors, path.child("maxFailedIndexes"), "must be specified when completions is above 100000");
  std::string text = "must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index";
  at_most(spec.parallelism, kHighLimit, "parallelism", text);
  at_most(spec.max_failed_indexes, kHighLimit, "maxFailedIndexes", text);
}

void validate_exit_codes(const PodFailurePolicyOnExitCodesRequirement& codes, const NameSet& names, const FieldPath& path, FieldErrors& errors) {
  if (codes.operator_.empty()) require(errors, path.child("operator"), "valid values: [\"In\" \"NotIn\"]");
  else check_choice(errors, path.child("operator"), codes.operator_, {"In", "NotIn"});
  if (codes.container_name && !names.contains(*codes.container_name))
    reject(errors, path.child("containerName"), *codes.container_name, "must be one of the container or initContainer names in the pod template");
  FieldPath values = path.child("values");
  int64_t count = static_cast<int64_t>(codes.values.size());
  if (count == 0) reject(errors, values, go_value(codes.values), "at least one value is required");
  else if (count > 255) errors.push_back(api::FieldError::too_many(values, count, 255));
  bool ordered = true;
  std::set<int32_t> seen;
  for (size_t i = 0; i < codes.values.size(); ++i) {
    FieldPath at = values.index(i);
    if (codes.operator_ == "In" && codes.values[i] == 0) reject(errors, at, 0, "must not be 0 for the In operator");
    if (!seen.insert(codes.values[i]).second) report_duplicate(errors, at, codes.values[i]);
    if (i > 0 && codes.values[i - 1] > codes.values[i]) ordered = false;
  }
  if (!ordered) reject(errors, values, go_value(codes.values), "must be ordered");
}

void validate_conditions(const std::vector<PodFailurePolicyOnPodConditionsPattern>& patterns, const FieldPath& path, FieldErrors& errors) {
  if (patterns.size() > 20) errors.push_back(api::FieldError::too_many(path, static_cast<int64_t>(patterns.size()), 20));
  for (size_t i = 0; i < patterns.size(); ++i) {
    FieldPath at = path.index(i);
    check_qualified_name(errors, at.child("type"), patterns[i].type);
    if (patterns[i].status.empty()) require(errors, at.child("status"), "valid values: [\"False\" \"True\" \"Unknown\"]");
    else check_choice(errors, at.child("status"), patterns[i].status, {"False", "True", "Unknown"});
  }
}

// An error that shows no value.
void reject_plainly(FieldErrors& errors, const FieldPath& path, std::string detail) { reject(errors, path, BadValue::raw(""), std::move(detail)); }

void validate_failure_rule(const JobSpec& spec, const PodFailurePolicyRule& rule, const NameSet& names, const FieldPath& path, FieldErrors& errors) {
  FieldPath action = path.child("action");
  if (rule.action.empty()) require(errors, action, "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]");
  else if (rule.action != "FailIndex") check_choice(errors, action, rule.action, {"Count", "FailIndex", "FailJob", "Ignore"});
  else if (!spec.backoff_limit_per_index) reject(errors, action, rule.action, "requires the backoffLimitPerIndex to be set");
  if (rule.on_exit_codes) validate_exit_codes(*rule.on_exit_codes, names, path.child("onExitCodes"), errors);
  if (!rule.on_pod_conditions.empty()) validate_conditions(rule.on_pod_conditions, path.child("onPodConditions"), errors);
  if (rule.on_exit_codes && !rule.on_pod_conditions.empty()) reject_plainly(errors, path, "specifying both OnExitCodes and OnPodConditions is not supported");
  if (!rule.on_exit_codes && rule.on_pod_conditions.empty()) reject_plainly(errors, path, "specifying one of OnExitCodes and OnPodConditions is required");
}

void validate_failure_policy(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const auto& rules = spec.pod_failure_policy->rules;
  FieldPath at = path.child("rules");
  if (rules.size() > 20) errors.push_back(api::FieldError::too_many(at, static_cast<int64_t>(rules.size()), 20));
  NameSet names;
  for (const auto& container : spec.template_.spec.containers) names.insert(container.name);
  for (const auto& container : spec.template_.spec.init_containers) names.insert(container.name);
  for (size_t i = 0; i < rules.size(); ++i) validate_failure_rule(spec, rules[i], names, at.index(i), errors);
}

void validate_success_rule(const JobSpec& spec, const SuccessPolicyRule& rule, const FieldPath& path, FieldErrors& errors) {
  if (!rule.succeeded_count && !rule.succeeded_indexes) require(errors, path, "at least one of succeededCount or succeededIndexes must be specified");
  // Kubernetes fails on an indexed job without completions here; the missing completions are reported elsewhere.
  int32_t completions = spec.completions.value_or(0), indexes = 0;
  if (rule.succeeded_indexes) {
    FieldPath at = path.child("succeededIndexes");
    if (rule.succeeded_indexes->size() > 64 * 1024) errors.push_back(api::FieldError::too_long(at, 64 * 1024));
    IndexCount count = count_indexes(*rule.succeeded_indexes, completions);
    indexes = count.count;
    if (!count.error.empty()) reject(errors, at, *rule.succeeded_indexes, "error parsing succeededIndexes: " + count.error);
  }
  if (!rule.succeeded_count) return;
  FieldPath at = path.child("succeededCount");
  int32_t count = *rule.succeeded_count;
  check_non_negative(errors, at, count);
  if (count > completions) reject(errors, at, count, fmt::format("must be less than or equal to {} (the number of specified completions)", completions));
  if (rule.succeeded_indexes && count > indexes)
    reject(errors, at, count, fmt::format("must be less than or equal to {} (the number of indexes in the specified succeededIndexes field)", indexes));
}

void validate_success_policy(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  if (!is_indexed(spec)) return reject(errors, path, BadValue::raw("batch.SuccessPolicy{}"), "requires indexed completion mode");
  const auto& rules = spec.success_policy->rules;
  FieldPath at = path.child("rules");
  if (rules.empty()) require(errors, at, "at least one rules must be specified when the successPolicy is specified");
  if (rules.size() > 20) errors.push_back(api::FieldError::too_many(at, static_cast<int64_t>(rules.size()), 20));
  for (size_t i = 0; i < rules.size(); ++i) validate_success_rule(spec, rules[i], at.index(i), errors);
}

void validate_policies(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  if (spec.pod_failure_policy) validate_failure_policy(spec, path.child("podFailurePolicy"), errors);
  if (spec.success_policy) validate_success_policy(spec, path.child("successPolicy"), errors);
  if (!spec.pod_replacement_policy) return;
  FieldPath replacement = path.child("podReplacementPolicy");
  if (spec.pod_failure_policy) check_choice(errors, replacement, *spec.pod_replacement_policy, {"Failed"});
  else check_choice(errors, replacement, *spec.pod_replacement_policy, {"Failed", "TerminatingOrFailed"});
}

void check_restart_policy(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const std::string& policy = spec.template_.spec.restart_policy;
  if (policy.empty() || policy == "Always") require(errors, path, "valid values: \"OnFailure\", \"Never\"");
  else if (policy != "OnFailure" && policy != "Never") report_unsupported(errors, path, policy, {"OnFailure", "Never"});
  else if (spec.pod_failure_policy && policy != "Never") reject(errors, path, policy, "only \"Never\" is supported when podFailurePolicy is specified");
}

void validate_counts(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  check_optional_count(spec.parallelism, path.child("parallelism"), errors);
  check_optional_count(spec.completions, path.child("completions"), errors);
  check_optional_count(spec.active_deadline_seconds, path.child("activeDeadlineSeconds"), errors);
  check_optional_count(spec.backoff_limit, path.child("backoffLimit"), errors);
  check_optional_count(spec.ttl_seconds_after_finished, path.child("ttlSecondsAfterFinished"), errors);
  check_optional_count(spec.backoff_limit_per_index, path.child("backoffLimitPerIndex"), errors);
  check_optional_count(spec.max_failed_indexes, path.child("maxFailedIndexes"), errors);
  if (spec.max_failed_indexes && !spec.backoff_limit_per_index) require(errors, path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified");
}

// The template as it would be with the scheduling of another one.
api::corev1::PodTemplateSpec with_scheduling_of(const api::corev1::PodTemplateSpec& old, const api::corev1::PodTemplateSpec& now) {
  api::corev1::PodTemplateSpec out = old;
  auto& affinity = out.spec.affinity;
  if (now.spec.affinity) {
    affinity.ensure().node_affinity = now.spec.affinity->node_affinity;
  } else if (affinity) {
    affinity->node_affinity.reset();
    if (*affinity == api::corev1::Affinity()) affinity.reset();
  }
  out.spec.node_selector = now.spec.node_selector;
  out.spec.tolerations = now.spec.tolerations;
  out.spec.scheduling_gates = now.spec.scheduling_gates;
  out.metadata.annotations = now.metadata.annotations;
  out.metadata.labels = now.metadata.labels;
  return out;
}

void check_completions(const JobSpec& spec, const JobSpec& old, FieldErrors& errors) {
  FieldPath path("spec.completions");
  if (spec.completions == old.completions) return;
  if (!is_indexed(spec)) return reject(errors, path, spec.completions, std::string(api::kFieldImmutable));
  if (spec.completions && *spec.completions != spec.parallelism.value_or(0))
    reject(errors, path, *spec.completions, "can only be modified in tandem with spec.parallelism");
}

void validate_job_spec(const JobSpec& spec, const JobOptions& options, FieldErrors& errors) {
  FieldPath path("spec");
  FieldPath selector = path.child("selector");
  validate_job_fields(spec, path, options.pods, errors);
  if (!spec.selector) require(errors, selector);
  else api::append(errors, api::validate_label_selector(selector, *spec.selector, options.allow_invalid_label_values));
  check_template_labels(spec.selector, spec.template_.metadata.labels, path.child("template"), selector, nullptr, errors);
}

}  // namespace

JobOptions job_options(const Job* old) {
  JobOptions options;
  if (!old) return options;
  options.pods = template_options(&old->spec.template_);
  FieldPath path("selector");
  options.allow_invalid_label_values =
      options.pods.allow_invalid_label_values || (old->spec.selector && !api::validate_label_selector(path, *old->spec.selector).empty() &&
                                                  api::validate_label_selector(path, *old->spec.selector, true).empty());
  options.mutable_scheduling = old->spec.suspend.value_or(false) && !old->status.start_time;
  const auto& labels = old->spec.template_.metadata.labels;
  options.prefixed_labels = labels.contains("batch.kubernetes.io/job-name") && labels.contains("batch.kubernetes.io/controller-uid");
  return options;
}

void validate_job_fields(const JobSpec& spec, const FieldPath& path, const PodOptions& options, FieldErrors& errors) {
  validate_counts(spec, path, errors);
  if (spec.managed_by) {
    FieldPath at = path.child("managedBy");
    api::append(errors, api::validate_domain_prefixed_path(at, *spec.managed_by));
    if (spec.managed_by->size() > 63) errors.push_back(api::FieldError::too_long(at, 63));
  }
  if (spec.completion_mode) check_choice(errors, path.child("completionMode"), *spec.completion_mode, {"NonIndexed", "Indexed"});
  if (is_indexed(spec)) validate_indexed(spec, path, errors);
  if (!spec.completion_mode || *spec.completion_mode == "NonIndexed") {
    if (spec.backoff_limit_per_index) reject(errors, path.child("backoffLimitPerIndex"), *spec.backoff_limit_per_index, "requires indexed completion mode");
    if (spec.max_failed_indexes) reject(errors, path.child("maxFailedIndexes"), *spec.max_failed_indexes, "requires indexed completion mode");
  }
  validate_policies(spec, path, errors);
  validate_pod_template(spec.template_, path.child("template"), options, errors);
  check_restart_policy(spec, path.child("template.spec.restartPolicy"), errors);
}

void validate_job(const Job& job, const JobOptions& options, FieldErrors& errors) {
  check_generated_selector(job, options.prefixed_labels, errors);
  validate_job_spec(job.spec, options, errors);
  if (!is_indexed(job.spec) || job.spec.completions.value_or(0) <= 0) return;
  std::string longest = fmt::format("{}-{}", job.metadata.name, *job.spec.completions - 1);
  if (!api::is_dns1123_label(longest).empty())
    reject(errors, FieldPath("metadata.name"), job.metadata.name, "will not able to create pod with invalid DNS label: " + longest);
}

void validate_job_update(const Job& job, const Job& old, const JobOptions& options, FieldErrors& errors) {
  const JobSpec& now = job.spec;
  const JobSpec& before = old.spec;
  FieldPath path("spec");
  validate_job_spec(now, options, errors);
  check_completions(now, before, errors);
  check_immutable_selector(now.selector, before.selector, path.child("selector"), errors);
  auto immutable = [&](bool same, std::string_view field, const BadValue& value) {
    if (!same) reject(errors, path.child(field), value, std::string(api::kFieldImmutable));
  };
  bool same_template = options.mutable_scheduling ? now.template_ == with_scheduling_of(before.template_, now.template_) : now.template_ == before.template_;
  immutable(same_template, "template", BadValue::raw("core.PodTemplateSpec{}"));
  immutable(now.completion_mode == before.completion_mode, "completionMode", now.completion_mode);
  immutable(now.pod_failure_policy == before.pod_failure_policy, "podFailurePolicy",
            now.pod_failure_policy ? BadValue::raw("batch.PodFailurePolicy{}") : BadValue(nullptr));
  immutable(now.backoff_limit_per_index == before.backoff_limit_per_index, "backoffLimitPerIndex", now.backoff_limit_per_index);
  immutable(now.managed_by == before.managed_by, "managedBy", now.managed_by);
  immutable(now.success_policy == before.success_policy, "successPolicy", now.success_policy ? BadValue::raw("batch.SuccessPolicy{}") : BadValue(nullptr));
}

void validate_cron_job_spec(const CronJobSpec& spec, const CronJobSpec* old, const PodOptions& options, FieldErrors& errors) {
  FieldPath path("spec");
  FieldPath schedule = path.child("schedule");
  if (spec.schedule.empty()) {
    require(errors, schedule);
  } else {
    if (std::string error = check_schedule(spec.schedule); !error.empty()) reject(errors, schedule, spec.schedule, error);
    auto has_zone = [](const std::string& text) { return text.find("TZ") != std::string::npos; };
    bool had_zone = old && has_zone(old->schedule);
    if (has_zone(spec.schedule) && !had_zone) reject(errors, schedule, spec.schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
    else if (has_zone(spec.schedule) && spec.time_zone) reject(errors, schedule, spec.schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule");
  }
  check_optional_count(spec.starting_deadline_seconds, path.child("startingDeadlineSeconds"), errors);
  if (spec.time_zone && (!old || old->time_zone != spec.time_zone)) {
    FieldPath at = path.child("timeZone");
    const std::string& zone = *spec.time_zone;
    bool local = zone.size() == 5 && (zone[0] | 32) == 'l' && (zone[1] | 32) == 'o' && (zone[2] | 32) == 'c' && (zone[3] | 32) == 'a' && (zone[4] | 32) == 'l';
    if (zone.empty()) reject(errors, at, zone, "timeZone must be nil or non-empty string");
    if (local) reject(errors, at, zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones");
    if (!zone.empty() && zone != "Local" && !is_time_zone(zone)) reject(errors, at, zone, "unknown time zone " + zone);
  }
  check_required_choice(errors, path.child("concurrencyPolicy"), spec.concurrency_policy, {"Allow", "Forbid", "Replace"});
  FieldPath job = path.child("jobTemplate.spec");
  validate_job_fields(spec.job_template.spec, job, options, errors);
  if (spec.job_template.spec.selector) reject(errors, job.child("selector"), go_value(*spec.job_template.spec.selector), "`selector` will be auto-generated");
  if (spec.job_template.spec.manual_selector.value_or(false)) report_unsupported(errors, job.child("manualSelector"), true, {"nil", "false"});
  check_optional_count(spec.successful_jobs_history_limit, path.child("successfulJobsHistoryLimit"), errors);
  check_optional_count(spec.failed_jobs_history_limit, path.child("failedJobsHistoryLimit"), errors);
}

}  // namespace reigen::apiserver
