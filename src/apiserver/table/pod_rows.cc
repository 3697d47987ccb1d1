// The row of a pod: what kubectl get pods prints, by the rules of printers/internalversion.

#include "api/corev1.h"
#include "apiserver/table/rows.h"

namespace reigen::apiserver {
namespace {

using api::corev1::ContainerStatus;
using api::corev1::Pod;

struct Summary {
  std::string reason;
  int64_t restarts = 0, sidecar_restarts = 0, ready = 0, total = 0;
  api::Time last_restart, last_sidecar_restart;
};

bool is_sidecar(const Pod& pod, const std::string& name) {
  for (const auto& container : pod.spec.init_containers)
    if (container.name == name) return container.restart_policy && *container.restart_policy == "Always";
  return false;
}

bool has_condition(const Pod& pod, std::string_view type) {
  for (const auto& condition : pod.status.conditions)
    if (condition.type == type) return condition.status == "True";
  return false;
}

void note_restart(const ContainerStatus& status, api::Time& last) {
  if (status.last_state.terminated && last < status.last_state.terminated->finished_at) last = status.last_state.terminated->finished_at;
}

std::string ended(const api::corev1::ContainerStateTerminated& state, const char* prefix) {
  if (!state.reason.empty()) return prefix + state.reason;
  if (state.signal != 0) return std::string(prefix) + "Signal:" + std::to_string(state.signal);
  return std::string(prefix) + "ExitCode:" + std::to_string(state.exit_code);
}

// True while an init container has not done its part.
bool initializing(const Pod& pod, Summary& sum) {
  for (size_t i = 0; i < pod.status.init_container_statuses.size(); ++i) {
    const ContainerStatus& status = pod.status.init_container_statuses[i];
    bool sidecar = is_sidecar(pod, status.name);
    sum.restarts += status.restart_count;
    note_restart(status, sum.last_restart);
    if (sidecar) {
      sum.sidecar_restarts += status.restart_count;
      note_restart(status, sum.last_sidecar_restart);
    }
    const auto& state = status.state;
    if (state.terminated && state.terminated->exit_code == 0) continue;
    if (sidecar && status.started.value_or(false)) {
      sum.ready += status.ready;
      continue;
    }
    if (state.terminated) sum.reason = ended(*state.terminated, "Init:");
    else if (state.waiting && !state.waiting->reason.empty() && state.waiting->reason != "PodInitializing") sum.reason = "Init:" + state.waiting->reason;
    else sum.reason = "Init:" + std::to_string(i) + "/" + std::to_string(pod.spec.init_containers.size());
    return true;
  }
  return false;
}

void running(const Pod& pod, Summary& sum) {
  sum.restarts = sum.sidecar_restarts;
  sum.last_restart = sum.last_sidecar_restart;
  bool any_running = false;
  for (size_t i = pod.status.container_statuses.size(); i-- > 0;) {
    const ContainerStatus& status = pod.status.container_statuses[i];
    sum.restarts += status.restart_count;
    note_restart(status, sum.last_restart);
    if (status.state.waiting && !status.state.waiting->reason.empty()) sum.reason = status.state.waiting->reason;
    else if (status.state.terminated) sum.reason = ended(*status.state.terminated, "");
    else if (status.ready && status.state.running) any_running = true, ++sum.ready;
  }
  if (sum.reason == "Completed" && any_running) sum.reason = has_condition(pod, "Ready") ? "Running" : "NotReady";
}

Summary summarize(const Pod& pod) {
  Summary sum;
  sum.total = static_cast<int64_t>(pod.spec.containers.size());
  for (const auto& container : pod.spec.init_containers) sum.total += container.restart_policy && *container.restart_policy == "Always";
  sum.reason = pod.status.reason.empty() ? pod.status.phase : pod.status.reason;
  for (const auto& condition : pod.status.conditions)
    if (condition.type == "PodScheduled" && condition.reason == "SchedulingGated") sum.reason = "SchedulingGated";
  if (!initializing(pod, sum) || has_condition(pod, "Initialized")) running(pod, sum);
  bool terminal = pod.status.phase == "Succeeded" || pod.status.phase == "Failed";
  if (pod.metadata.deletion_timestamp && pod.status.reason == "NodeLost") sum.reason = "Unknown";
  else if (pod.metadata.deletion_timestamp && !terminal) sum.reason = "Terminating";
  return sum;
}

std::string or_none(const std::string& text) { return text.empty() ? "<none>" : text; }

std::string readiness_gates(const Pod& pod) {
  if (pod.spec.readiness_gates.empty()) return "<none>";
  size_t good = 0;
  for (const auto& gate : pod.spec.readiness_gates) good += has_condition(pod, gate.condition_type);
  return std::to_string(good) + "/" + std::to_string(pod.spec.readiness_gates.size());
}

void pod_row(const api::Object& object, WallTime now, Row& row) {
  const Pod& pod = object.as<Pod>();
  Summary sum = summarize(pod);
  std::string restarts = std::to_string(sum.restarts);
  if (sum.restarts != 0 && !sum.last_restart.is_zero()) restarts += " (" + age_of(sum.last_restart, now) + " ago)";
  row.text(pod.metadata.name);
  row.text(std::to_string(sum.ready) + "/" + std::to_string(sum.total));
  row.text(sum.reason);
  row.text(restarts);
  row.text(age_of(pod.metadata.creation_timestamp, now));
  row.text(or_none(pod.status.pod_ips.empty() ? "" : pod.status.pod_ips[0].ip));
  row.text(or_none(pod.spec.node_name));
  row.text(or_none(pod.status.nominated_node_name));
  row.text(readiness_gates(pod));
  if (pod.status.phase == "Succeeded")
    row.conditions = R"([{"type":"Completed","status":"True","reason":"Succeeded","message":"The pod has completed successfully."}])";
  if (pod.status.phase == "Failed") row.conditions = R"([{"type":"Completed","status":"True","reason":"Failed","message":"The pod failed."}])";
}

constexpr RowLine kLines[] = {{"", "Pod", pod_row}};

}  // namespace

std::span<const RowLine> pod_rows() { return kLines; }

}  // namespace reigen::apiserver
