#include "controllers/container/container_plan.h"

#include <algorithm>
#include <charconv>

#include "api/docker_names.h"
#include "api/json.h"

namespace reigen::controllers {
namespace {

using namespace api::dockerv1;
using api::corev1::Pod;

// A pod the node refused (its informer may have been behind) is tried again this long after it was made, doubled each time.
constexpr Duration kRefusedPause = std::chrono::seconds(1);
constexpr Duration kLongestPause = std::chrono::minutes(5);
constexpr int kMostDoublings = 9;

bool is_deleting(const Pod& pod) { return pod.metadata.deletion_timestamp.has_value(); }
bool has_ended(const Pod& pod) { return pod.status.phase == "Succeeded" || pod.status.phase == "Failed"; }

// Never 0, with which the object would go before the node is through; the node reads the 0 from spec.run.
std::optional<int64_t> pod_grace(const RunRequest& run) {
  if (!run.grace_seconds) return std::nullopt;
  return std::max<int64_t>(*run.grace_seconds, 1);
}

// A pod that is to stop. One that stops already gets a shorter time, when one is asked for.
void stop_pod(ContainerPlan& plan, const RunPod& run_pod, const RunRequest& run) {
  auto grace = pod_grace(run);
  const auto& meta = run_pod.pod->metadata;
  if (is_deleting(*run_pod.pod) && (!grace || meta.deletion_grace_period_seconds.value_or(0) <= *grace)) return;
  plan.remove.push_back({run_pod.pod, grace});
}

// A pod of which nothing runs any more. One that is being deleted goes when the node is through with it.
void drop_pod(ContainerPlan& plan, const RunPod& run_pod) {
  if (!is_deleting(*run_pod.pod)) plan.remove.push_back({run_pod.pod, 0});
}

// The container asks for nothing but that its run goes on.
void follow_run(ContainerPlan& plan, const ContainerObserved& observed, const RunPod& current, WallTime now) {
  const RunRequest& run = observed.container->spec.run;
  const Pod& pod = *current.pod;
  bool refused = has_ended(pod) && observed.container->status.run_number < run.number;
  if (is_deleting(pod)) {
    if (refused) return;  // removed below: even with grace 0 it is marked before it goes
    // Nobody here asked for it: somebody deleted the pod, which is what killing the container would be.
    if (run.exit_on_next && run.stopped_by_user) return;
    plan.run = run;
    plan.run->stopped_by_user = plan.run->exit_on_next = true;
    return;
  }
  if (!has_ended(pod)) {
    plan.running = current.pod;
    return;
  }
  // A run that began is over when the Container's status says so.
  if (!refused) return;
  Duration pause = std::min<Duration>(kRefusedPause * (1 << std::min(observed.refusals, kMostDoublings)), kLongestPause);
  auto again = pod.metadata.creation_timestamp.wall() + pause;
  plan.refused = again <= now;
  if (plan.refused) drop_pod(plan, current);
  else plan.again_in = again - now;
}

// The run is over: no pod stays, and what comes next is decided.
void end_run(ContainerPlan& plan, const ContainerObserved& observed) {
  const Container& container = *observed.container;
  if (observed.rules.auto_remove) {
    plan.remove_container = true;
    return;
  }
  for (const RunPod& pod : observed.pods) drop_pod(plan, pod);
  if (!container.status.lost || !container.spec.run.wanted || !restarts_with_host(container, observed.rules)) return;
  plan.run = RunRequest();
  plan.run->wanted = true;
  plan.run->number = container.spec.run.number + 1;
}

}  // namespace

ContainerRules rules_of(const Container& container) {
  auto host = api::decode_json_as<HostConfig>(container.spec.host_config.raw);
  if (!host) return {};
  return {host->restart_policy.name, host->restart_policy.maximum_retry_count, host->auto_remove};
}

std::optional<RunPod> run_pod(const std::shared_ptr<const Pod>& pod) {
  const std::string* text = pod->metadata.annotations.get(api::kRunAnnotation);
  if (!text || !pod->metadata.annotations.contains(api::kContainerAnnotation)) return std::nullopt;
  RunPod out{pod, 0};
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out.run);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return out;
}

bool is_running(const ContainerStatus& status) { return status.state == "running" || status.state == "paused" || status.state == "restarting"; }

bool run_has_ended(const Container& container) {
  const RunRequest& run = container.spec.run;
  return run.number > 0 && container.status.run_number == run.number && !is_running(container.status);
}

bool restarts_with_host(const Container& container, const ContainerRules& rules) {
  if (rules.restart_policy == "always") return true;
  if (rules.restart_policy == "unless-stopped") return !container.spec.run.stopped_by_user;
  const ContainerStatus& status = container.status;
  return rules.restart_policy == "on-failure" && status.exit_code != 0 && (rules.max_retries == 0 || status.restart_count < rules.max_retries);
}

ContainerPlan plan_container(const ContainerObserved& observed, WallTime now) {
  ContainerPlan plan;
  const Container* container = observed.container.get();
  if (!container || container->metadata.deletion_timestamp) {
    for (const RunPod& pod : observed.pods)
      if (!is_deleting(*pod.pod)) plan.remove.push_back({pod.pod, std::nullopt});
    return plan;
  }
  if (run_has_ended(*container)) {
    end_run(plan, observed);
    return plan;
  }
  const RunRequest& run = container->spec.run;
  const RunPod* current = nullptr;
  for (const RunPod& pod : observed.pods) {
    if (run.wanted && pod.run == run.number) current = &pod;
    else if (pod.run <= container->status.run_number && !is_running(container->status)) drop_pod(plan, pod);
    else stop_pod(plan, pod, run);
  }
  if (!run.wanted) return plan;
  if (current) {
    follow_run(plan, observed, *current, now);
    return plan;
  }
  bool begun = container->status.run_number >= run.number;  // its pod is gone, and the node will tell the end
  if (!observed.pods.empty() || begun) return plan;
  if (!run.exit_on_next) {
    plan.create = true;
    return plan;
  }
  // Its pod was deleted before the node told of the run: it stays stopped.
  plan.run = run;
  plan.run->wanted = false;
  return plan;
}

}  // namespace reigen::controllers
