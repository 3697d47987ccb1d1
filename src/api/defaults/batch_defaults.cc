#include "api/batchv1.h"
#include "api/defaults/hooks.h"

namespace reigen::api {
namespace {

using namespace batchv1;

void default_job(Job& job) {
  JobSpec& spec = job.spec;
  if (!spec.completions && !spec.parallelism) spec.completions = 1;
  default_to(spec.parallelism, 1);
  default_to(spec.backoff_limit, spec.backoff_limit_per_index ? INT32_MAX : 6);
  if (job.metadata.labels.empty()) job.metadata.labels = spec.template_.metadata.labels;
  default_to(spec.completion_mode, "NonIndexed");
  default_to(spec.suspend, false);
  if (spec.pod_failure_policy)
    for (auto& rule : spec.pod_failure_policy->rules)
      for (auto& pattern : rule.on_pod_conditions) default_text(pattern.status, "True");
  default_to(spec.pod_replacement_policy, spec.pod_failure_policy ? "Failed" : "TerminatingOrFailed");
  default_to(spec.manual_selector, false);
}

void default_cron_job(CronJob& job) {
  default_text(job.spec.concurrency_policy, "Allow");
  default_to(job.spec.suspend, false);
  default_to(job.spec.successful_jobs_history_limit, 3);
  default_to(job.spec.failed_jobs_history_limit, 1);
}

}  // namespace

void add_batch_defaults(DefaultHooks& hooks) {
  hooks.add<default_job>();
  hooks.add<default_cron_job>();
}

}  // namespace reigen::api
