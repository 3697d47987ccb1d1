// Rows of apps, autoscaling, batch and policy.

#include "api/appsv1.h"
#include "api/autoscalingv1.h"
#include "api/batchv1.h"
#include "api/metav1.h"
#include "api/policyv1.h"
#include "apiserver/table/cells.h"
#include "apiserver/table/rows.h"

namespace reigen::apiserver {
namespace {

std::string age(const api::Object& object, WallTime now) { return age_of(object.meta().creation_timestamp, now); }

template <class Template>
void template_cells(const Template& pods, const api::metav1::LabelSelector* selector, Row& row) {
  row.text(container_names(pods.spec.containers));
  row.text(container_images(pods.spec.containers));
  row.text(selector_text(selector));
}

void deployment_row(const api::Object& object, WallTime now, Row& row) {
  const auto& deployment = object.as<api::appsv1::Deployment>();
  row.text(deployment.metadata.name);
  row.text(std::to_string(deployment.status.ready_replicas) + "/" + std::to_string(deployment.spec.replicas.value_or(0)));
  row.number(deployment.status.updated_replicas);
  row.number(deployment.status.available_replicas);
  row.text(age(object, now));
  template_cells(deployment.spec.template_, deployment.spec.selector.get(), row);
}

void replica_set_row(const api::Object& object, WallTime now, Row& row) {
  const auto& set = object.as<api::appsv1::ReplicaSet>();
  row.text(set.metadata.name);
  row.number(set.spec.replicas.value_or(0));
  row.number(set.status.replicas);
  row.number(set.status.ready_replicas);
  row.text(age(object, now));
  template_cells(set.spec.template_, set.spec.selector.get(), row);
}

void stateful_set_row(const api::Object& object, WallTime now, Row& row) {
  const auto& set = object.as<api::appsv1::StatefulSet>();
  row.text(set.metadata.name);
  row.text(std::to_string(set.status.ready_replicas) + "/" + std::to_string(set.spec.replicas.value_or(0)));
  row.text(age(object, now));
  row.text(container_names(set.spec.template_.spec.containers));
  row.text(container_images(set.spec.template_.spec.containers));
}

void daemon_set_row(const api::Object& object, WallTime now, Row& row) {
  const auto& set = object.as<api::appsv1::DaemonSet>();
  row.text(set.metadata.name);
  row.number(set.status.desired_number_scheduled);
  row.number(set.status.current_number_scheduled);
  row.number(set.status.number_ready);
  row.number(set.status.updated_number_scheduled);
  row.number(set.status.number_available);
  row.text(labels_text(set.spec.template_.spec.node_selector));
  row.text(age(object, now));
  template_cells(set.spec.template_, set.spec.selector.get(), row);
}

void controller_revision_row(const api::Object& object, WallTime now, Row& row) {
  const auto& revision = object.as<api::appsv1::ControllerRevision>();
  std::string controller = "<none>";
  for (const auto& owner : revision.metadata.owner_references) {
    if (!owner.controller.value_or(false)) continue;
    size_t slash = owner.api_version.find('/');
    std::string kind = owner.kind;
    for (char& c : kind) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    controller = kind + (slash == std::string::npos ? "" : "." + owner.api_version.substr(0, slash)) + "/" + owner.name;
  }
  row.text(revision.metadata.name);
  row.text(controller);
  row.number(revision.revision);
  row.text(age(object, now));
}

void scale_row(const api::Object& object, WallTime now, Row& row) {
  const auto& scale = object.as<api::autoscalingv1::Scale>();
  row.text(scale.metadata.name);
  row.number(scale.spec.replicas);
  row.number(scale.status.replicas);
  row.text(age(object, now));
}

std::string job_status(const api::batchv1::Job& job) {
  auto has = [&](std::string_view type) {
    for (const auto& condition : job.status.conditions)
      if (condition.type == type && condition.status == "True") return true;
    return false;
  };
  if (has("Complete")) return "Complete";
  if (has("Failed")) return "Failed";
  if (job.metadata.deletion_timestamp) return "Terminating";
  if (has("Suspended")) return "Suspended";
  if (has("FailureTarget")) return "FailureTarget";
  if (has("SuccessCriteriaMet")) return "SuccessCriteriaMet";
  return "Running";
}

void job_row(const api::Object& object, WallTime now, Row& row) {
  const auto& job = object.as<api::batchv1::Job>();
  std::string completions;
  if (job.spec.completions) completions = std::to_string(job.status.succeeded) + "/" + std::to_string(*job.spec.completions);
  else completions = std::to_string(job.status.succeeded) + "/1" + (job.spec.parallelism.value_or(0) > 1 ? " of " + std::to_string(*job.spec.parallelism) : "");
  std::string duration;
  if (job.status.start_time) duration = human_duration((job.status.completion_time ? job.status.completion_time->wall() : now) - job.status.start_time->wall());
  row.text(job.metadata.name);
  row.text(job_status(job));
  row.text(completions);
  row.text(duration);
  row.text(age(object, now));
  template_cells(job.spec.template_, job.spec.selector.get(), row);
}

void cron_job_row(const api::Object& object, WallTime now, Row& row) {
  const auto& cron = object.as<api::batchv1::CronJob>();
  row.text(cron.metadata.name);
  row.text(cron.spec.schedule);
  row.text(cron.spec.time_zone ? *cron.spec.time_zone : "<none>");
  row.text(!cron.spec.suspend ? "<unset>" : *cron.spec.suspend ? "True" : "False");
  row.number(static_cast<int64_t>(cron.status.active.size()));
  row.text(cron.status.last_schedule_time ? age_of(*cron.status.last_schedule_time, now) : "<none>");
  row.text(age(object, now));
  template_cells(cron.spec.job_template.spec.template_, cron.spec.job_template.spec.selector.get(), row);
}

void disruption_budget_row(const api::Object& object, WallTime now, Row& row) {
  const auto& budget = object.as<api::policyv1::PodDisruptionBudget>();
  row.text(budget.metadata.name);
  row.text(budget.spec.min_available ? budget.spec.min_available->to_string() : "N/A");
  row.text(budget.spec.max_unavailable ? budget.spec.max_unavailable->to_string() : "N/A");
  row.number(budget.status.disruptions_allowed);
  row.text(age(object, now));
}

constexpr RowLine kLines[] = {
    {"apps", "Deployment", deployment_row},
    {"apps", "ReplicaSet", replica_set_row},
    {"apps", "StatefulSet", stateful_set_row},
    {"apps", "DaemonSet", daemon_set_row},
    {"apps", "ControllerRevision", controller_revision_row},
    {"autoscaling", "Scale", scale_row},
    {"batch", "Job", job_row},
    {"batch", "CronJob", cron_job_row},
    {"policy", "PodDisruptionBudget", disruption_budget_row},
};

}  // namespace

std::span<const RowLine> apps_rows() { return kLines; }

}  // namespace reigen::apiserver
