// Job and CronJob. Rules of pkg/registry/batch.

#include "api/batchv1.h"
#include "api/metav1.h"
#include "api/object.h"
#include "apiserver/metadata.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/strategy/workload_strategies.h"
#include "apiserver/validation/job.h"
#include "apiserver/validation/pod_warnings.h"
#include "apiserver/validation/report.h"

namespace reigen::apiserver {
namespace {

using api::Object;
using namespace api::batchv1;

constexpr std::string_view kNameUse = "this is used in Pod names and hostnames";

void warn_of_job_spec(const JobSpec& spec, const FieldPath& path, std::vector<std::string>& texts) {
  bool indexed = spec.completion_mode && *spec.completion_mode == "Indexed";
  if (indexed && spec.completions.value_or(0) > 100'000 && spec.parallelism.value_or(0) > 10'000)
    texts.push_back(path.to_string() +
                    ": In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track "
                    "completedIndexes when a big number of indexes fail");
  warn_of_template(spec.template_, path.child("template"), texts);
}

// A job finds its pods by its own uid, unless the user takes that on himself.
void generate_selector(Job& job) {
  if (job.spec.manual_selector.value_or(false)) return;
  auto& labels = job.spec.template_.metadata.labels;
  // A job without labels of its own has its template's, by default and so also these.
  bool shared = job.metadata.labels.empty() || job.metadata.labels == labels;
  for (std::string_view key : {"job-name", "batch.kubernetes.io/job-name"}) labels.emplace(key, job.metadata.name);
  for (std::string_view key : {"controller-uid", "batch.kubernetes.io/controller-uid"}) labels.emplace(key, job.metadata.uid);
  if (shared) job.metadata.labels = labels;
  job.spec.selector.ensure().match_labels.emplace("batch.kubernetes.io/controller-uid", job.metadata.uid);
}

class JobStrategy final : public Strategy {
 public:
  bool counts_generation() const override { return true; }
  bool orphans_by_default() const override { return true; }
  void prepare_create(StrategyContext&, Object& object) const override {
    reset_status(object);
    Job& job = object.mut<Job>();
    generate_selector(job);
    drop_disabled_fields(job.spec.template_.spec, nullptr);
  }
  void prepare_update(StrategyContext& context, Object& object, const Object& old) const override {
    Strategy::prepare_update(context, object, old);
    if (context.part != Part::kStatus) drop_disabled_fields(object.mut<Job>().spec.template_.spec, &old.as<Job>().spec.template_.spec);
  }
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override { validate_job(object.as<Job>(), job_options(nullptr), errors); }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    const Job& job = object.as<Job>();
    const Job& before = old.as<Job>();
    if (context.part == Part::kStatus) return validate_job_status_update(job, before, errors);
    JobOptions options = job_options(&before);
    validate_meta(object.meta(), true, *this, errors);
    validate_job(job, options, errors);
    validate_job_update(job, before, options, errors);
  }
  void warnings(StrategyContext&, const Object& object, std::vector<std::string>& texts) const override {
    warn_of_name(object.meta().name, kNameUse, texts);
    warn_of_job_spec(object.as<Job>().spec, FieldPath("spec"), texts);
  }
  void warnings_on_update(StrategyContext& context, const Object& object, const Object& old, std::vector<std::string>& texts) const override {
    if (context.part != Part::kStatus && object.meta().generation != old.meta().generation) warn_of_job_spec(object.as<Job>().spec, FieldPath("spec"), texts);
  }
  std::vector<std::string_view> fields() const override { return {"status.successful"}; }
  std::string field_value(const Object& object, std::string_view) const override { return std::to_string(object.as<Job>().status.succeeded); }
};

class CronJobStrategy final : public Strategy {
 public:
  bool counts_generation() const override { return true; }
  void prepare_create(StrategyContext&, Object& object) const override {
    reset_status(object);
    drop_disabled_fields(pods_of(object.mut<CronJob>()), nullptr);
  }
  void prepare_update(StrategyContext& context, Object& object, const Object& old) const override {
    Strategy::prepare_update(context, object, old);
    if (context.part != Part::kStatus) drop_disabled_fields(pods_of(object.mut<CronJob>()), &old.as<CronJob>().spec.job_template.spec.template_.spec);
  }
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    validate_cron_job_spec(object.as<CronJob>().spec, nullptr, template_options(nullptr), errors);
    // Its jobs' names have a dash and ten digits more.
    const std::string& name = object.meta().name;
    if (name.size() > 52) reject(errors, FieldPath("metadata.name"), name, "must be no more than 52 characters");
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    if (context.part == Part::kStatus) return;
    const CronJobSpec& before = old.as<CronJob>().spec;
    validate_cron_job_spec(object.as<CronJob>().spec, &before, template_options(&before.job_template.spec.template_), errors);
  }
  void warnings(StrategyContext&, const Object& object, std::vector<std::string>& texts) const override {
    warn_of_name(object.meta().name, kNameUse, texts);
    warn_of_job_spec(object.as<CronJob>().spec.job_template.spec, FieldPath("spec.jobTemplate.spec"), texts);
  }
  void warnings_on_update(StrategyContext& context, const Object& object, const Object& old, std::vector<std::string>& texts) const override {
    if (context.part == Part::kStatus) return;
    const CronJobSpec& spec = object.as<CronJob>().spec;
    if (object.meta().generation != old.meta().generation) warn_of_job_spec(spec.job_template.spec, FieldPath("spec.jobTemplate.spec"), texts);
    if (spec.schedule.find("TZ") != std::string::npos)
      texts.emplace_back(
          "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for "
          "more details");
  }

 private:
  static api::corev1::PodSpec& pods_of(CronJob& job) { return job.spec.job_template.spec.template_.spec; }
};

}  // namespace

const Strategy& job_strategy() { return instance<JobStrategy>(); }
const Strategy& cron_job_strategy() { return instance<CronJobStrategy>(); }

}  // namespace reigen::apiserver
