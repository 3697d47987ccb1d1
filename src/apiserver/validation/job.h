// Jobs and cron jobs: rules, paths and texts of Kubernetes' batch/validation.
#pragma once

#include <string>

#include "apiserver/validation/pod_spec.h"

namespace reigen::api::batchv1 {
struct CronJobSpec;
struct Job;
struct JobSpec;
}  // namespace reigen::api::batchv1

namespace reigen::apiserver {

struct JobOptions {
  PodOptions pods;
  bool allow_invalid_label_values = false;  // in the selector
  bool mutable_scheduling = false;          // a suspended job that never started
  bool prefixed_labels = true;              // the template has to have them
};

JobOptions job_options(const api::batchv1::Job* old);

// A job alone; metadata was checked.
void validate_job(const api::batchv1::Job& job, const JobOptions& options, api::FieldErrors& errors);
void validate_job_update(const api::batchv1::Job& job, const api::batchv1::Job& old, const JobOptions& options, api::FieldErrors& errors);
void validate_job_status_update(const api::batchv1::Job& job, const api::batchv1::Job& old, api::FieldErrors& errors);
// A spec without its selector, which templates of cron jobs do not have.
void validate_job_fields(const api::batchv1::JobSpec& spec, const api::FieldPath& path, const PodOptions& options, api::FieldErrors& errors);
// `old` is null on create.
void validate_cron_job_spec(const api::batchv1::CronJobSpec& spec, const api::batchv1::CronJobSpec* old, const PodOptions& options, api::FieldErrors& errors);

// "1,3-5": the number of indexes, or what is wrong.
struct IndexCount {
  int32_t count = 0;
  std::string error;
};
IndexCount count_indexes(std::string_view text, int32_t completions);
// The error of an index that is in both, or nothing.
std::string find_index_overlap(std::string_view completed, std::string_view failed, int32_t completions);

}  // namespace reigen::apiserver
