// Updates of a job's status. A rule holds for what an update changes: what was wrong before may stay.

#include <algorithm>

#include "api/batchv1.h"
#include "api/metav1.h"
#include "apiserver/validation/go_value.h"
#include "apiserver/validation/job.h"
#include "apiserver/validation/pod_parts.h"
#include "apiserver/validation/workload.h"

namespace reigen::apiserver {
namespace {

using namespace api::batchv1;

bool has(const JobStatus& status, std::string_view type, std::string_view value = "True") {
  return std::ranges::any_of(status.conditions, [&](const auto& one) { return one.type == type && one.status == value; });
}
bool is_finished(const JobStatus& status) { return has(status, "Complete") || has(status, "Failed"); }

// A status in the light of the one before.
struct Change {
  const JobSpec& spec;
  const JobStatus& now;
  const JobStatus& before;
  bool complete, failed, failure_target, success, finished;
  bool complete_changed, failed_changed, target_changed, success_changed, finished_changed;
  bool indexed;

  Change(const Job& job, const Job& old)
      : spec(job.spec),
        now(job.status),
        before(old.status),
        complete(has(now, "Complete")),
        failed(has(now, "Failed")),
        failure_target(has(now, "FailureTarget")),
        success(has(now, "SuccessCriteriaMet")),
        finished(is_finished(now)),
        complete_changed(complete != has(before, "Complete")),
        failed_changed(failed != has(before, "Failed")),
        target_changed(failure_target != has(before, "FailureTarget")),
        success_changed(success != has(before, "SuccessCriteriaMet")),
        finished_changed(finished != is_finished(before)),
        indexed(spec.completion_mode.value_or("") == "Indexed") {}
};

constexpr std::string_view kPath = "status";

void refuse(FieldErrors& errors, std::string_view field, const BadValue& value, std::string text) {
  FieldPath path(kPath);
  reject(errors, path.child(field), value, std::move(text));
}
void refuse_conditions(FieldErrors& errors, std::string text) { refuse(errors, "conditions", BadValue::raw(""), std::move(text)); }

void check_uncounted(const std::vector<std::string>& uids, NameSet& seen, const FieldPath& path, FieldErrors& errors) {
  for (size_t i = 0; i < uids.size(); ++i) {
    if (uids[i].empty()) reject(errors, path.index(i), "", "must not be empty");
    else if (!seen.insert(uids[i]).second) report_duplicate(errors, path.index(i), uids[i]);
  }
}

void check_numbers(const JobStatus& status, FieldErrors& errors) {
  FieldPath path(kPath);
  check_counts({{"active", status.active}, {"succeeded", status.succeeded}, {"failed", status.failed}}, path, errors);
  if (status.ready) check_non_negative(errors, path.child("ready"), *status.ready);
  if (status.terminating) check_non_negative(errors, path.child("terminating"), *status.terminating);
  if (!status.uncounted_terminated_pods) return;
  NameSet seen;
  check_uncounted(status.uncounted_terminated_pods->succeeded, seen, path.child("uncountedTerminatedPods.succeeded"), errors);
  check_uncounted(status.uncounted_terminated_pods->failed, seen, path.child("uncountedTerminatedPods.failed"), errors);
}

void check_ends(const Change& change, FieldErrors& errors) {
  const JobStatus& now = change.now;
  bool times_changed = now.completion_time != change.before.completion_time;
  bool start_changed = now.start_time != change.before.start_time;
  if ((change.complete_changed || change.failed_changed) && change.complete && change.failed)
    refuse_conditions(errors, "cannot set Complete=True and Failed=true conditions");
  if ((change.complete_changed || change.target_changed) && change.complete && change.failure_target)
    refuse_conditions(errors, "cannot set Complete=True and FailureTarget=true conditions");
  if (change.complete_changed || times_changed) {
    if (now.completion_time && !change.complete)
      refuse(errors, "completionTime", go_value(*now.completion_time), "cannot set completionTime when there is no Complete=True condition");
    FieldPath path(kPath);
    if (!now.completion_time && change.complete) require(errors, path.child("completionTime"), "completionTime is required for Complete jobs");
  }
  if ((start_changed || times_changed) && now.start_time && now.completion_time && *now.completion_time < *now.start_time)
    refuse(errors, "completionTime", go_value(*now.completion_time), "completionTime cannot be set before startTime");
  if ((change.failed_changed || now.failed_indexes != change.before.failed_indexes) && change.failed && !change.failure_target)
    refuse_conditions(errors, "cannot set Failed=True condition without the FailureTarget=true condition");
  if ((change.complete_changed || change.success_changed) && change.complete && !change.success)
    refuse_conditions(errors, "cannot set Complete=True condition without the SuccessCriteriaMet=true condition");
  if ((change.finished_changed || now.active != change.before.active) && now.active > 0 && change.finished)
    refuse(errors, "active", now.active, "active>0 is invalid for finished job");
  bool suspended_empty = change.spec.suspend.value_or(false) && change.spec.completions == 0;
  if ((change.finished_changed || start_changed) && !suspended_empty && !now.start_time && change.finished) {
    FieldPath path(kPath);
    require(errors, path.child("startTime"), "startTime is required for finished job");
  }
  const auto& uncounted = now.uncounted_terminated_pods;
  bool any = uncounted && (!uncounted->failed.empty() || !uncounted->succeeded.empty());
  if ((change.finished_changed || !(uncounted == change.before.uncounted_terminated_pods)) && change.finished && any)
    refuse(errors, "uncountedTerminatedPods", BadValue::raw("batch.UncountedTerminatedPods{}"), "uncountedTerminatedPods needs to be empty for finished job");
}

void check_indexes(const Change& change, FieldErrors& errors) {
  const JobStatus& now = change.now;
  bool completed_changed = now.completed_indexes != change.before.completed_indexes;
  bool failed_changed = now.failed_indexes != change.before.failed_indexes;
  const auto& completions = change.spec.completions;
  if (completed_changed && completions)
    if (auto count = count_indexes(now.completed_indexes, *completions); !count.error.empty())
      refuse(errors, "completedIndexes", now.completed_indexes, "error parsing completedIndexes: " + count.error);
  if (failed_changed && completions && change.spec.backoff_limit_per_index && now.failed_indexes)
    if (auto count = count_indexes(*now.failed_indexes, *completions); !count.error.empty())
      refuse(errors, "failedIndexes", *now.failed_indexes, "error parsing failedIndexes: " + count.error);
  if (completed_changed && !now.completed_indexes.empty() && !change.indexed)
    refuse(errors, "completedIndexes", now.completed_indexes, "cannot set non-empty completedIndexes when non-indexed completion mode");
  if (failed_changed && !change.spec.backoff_limit_per_index && now.failed_indexes)
    refuse(errors, "failedIndexes", *now.failed_indexes, "cannot set non-null failedIndexes when backoffLimitPerIndex is null");
  if ((failed_changed || completed_changed) && completions && now.failed_indexes)
    if (std::string error = find_index_overlap(now.completed_indexes, *now.failed_indexes, *completions); !error.empty())
      refuse(errors, "failedIndexes", *now.failed_indexes, error);
}

void check_states(const Change& change, FieldErrors& errors) {
  const JobStatus& now = change.now;
  if ((change.finished_changed || now.terminating != change.before.terminating) && now.terminating.value_or(0) > 0 && change.finished)
    refuse(errors, "terminating", *now.terminating, "terminating>0 is invalid for finished job");
  if ((now.ready != change.before.ready || now.active != change.before.active) && now.ready.value_or(0) > now.active)
    refuse(errors, "ready", *now.ready, "cannot set more ready pods than active");
  if (change.success && change.failed) refuse_conditions(errors, "cannot set SuccessCriteriaMet=True and Failed=true conditions");
  if (change.success && change.failure_target) refuse_conditions(errors, "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions");
  if (change.spec.success_policy && !change.success && change.complete)
    refuse_conditions(errors, "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True");
}

void check_against_before(const Change& change, FieldErrors& errors) {
  const JobStatus& now = change.now;
  const JobStatus& before = change.before;
  for (std::string_view type : {"Failed", "Complete", "FailureTarget"})
    if (has(before, type) && !has(now, type)) refuse_conditions(errors, "cannot disable the terminal " + std::string(type) + "=True condition");
  if (now.failed < before.failed) refuse(errors, "failed", now.failed, "cannot decrease the failed counter");
  bool elastic = change.indexed && change.spec.completions == change.spec.parallelism;
  if (!elastic && now.succeeded < before.succeeded) refuse(errors, "succeeded", now.succeeded, "cannot decrease the succeeded counter");
  if (now.completion_time && before.completion_time && *now.completion_time != *before.completion_time)
    refuse(errors, "completionTime", go_value(*now.completion_time), "completionTime cannot be mutated");
  bool resuming = has(before, "Suspended") && has(now, "Suspended", "False");
  if (now.start_time != before.start_time && !resuming && before.start_time && !change.spec.suspend.value_or(false)) {
    FieldPath path(kPath);
    require(errors, path.child("startTime"), "startTime cannot be removed for unsuspended job");
  }
  bool had_success = has(before, "SuccessCriteriaMet");
  if (had_success && !change.success) refuse_conditions(errors, "cannot disable the SuccessCriteriaMet=True condition");
  if (has(before, "Complete") && !had_success && change.success)
    refuse_conditions(errors, "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions");
}

}  // namespace

void validate_job_status_update(const Job& job, const Job& old, FieldErrors& errors) {
  Change change(job, old);
  check_numbers(job.status, errors);
  check_ends(change, errors);
  check_indexes(change, errors);
  check_states(change, errors);
  check_against_before(change, errors);
}

}  // namespace reigen::apiserver
