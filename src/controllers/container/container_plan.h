// What is to be done for one Container: when a pod is made for a run, when it goes, what the restart policy asks of the controller, when a
// container removes itself. Pure. Rules: docs/design/docker.md, Flows.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/corev1.h"
#include "api/dockerv1.h"
#include "base/clock.h"

namespace reigen::controllers {

// What its views say that the plan needs.
struct ContainerRules {
  std::string restart_policy;  // "", no, always, unless-stopped, on-failure
  int64_t max_retries = 0;     // of on-failure; 0: no end
  bool auto_remove = false;
};
ContainerRules rules_of(const api::dockerv1::Container& container);

// Of one of the container's pods.
struct RunPod {
  std::shared_ptr<const api::corev1::Pod> pod;
  int64_t run = 0;
};
// nullopt for a pod without our annotations.
std::optional<RunPod> run_pod(const std::shared_ptr<const api::corev1::Pod>& pod);

struct ContainerObserved {
  std::shared_ptr<const api::dockerv1::Container> container;  // null: it is gone
  ContainerRules rules;
  std::vector<RunPod> pods;  // that say they are its
  int refusals = 0;          // pods of this run that the node has refused before
};

struct PodRemoval {
  std::shared_ptr<const api::corev1::Pod> pod;
  std::optional<int64_t> grace_seconds;  // nothing: the pod's own
};

struct ContainerPlan {
  std::vector<PodRemoval> remove;
  bool create = false;                              // the pod of spec.run.number
  std::shared_ptr<const api::corev1::Pod> running;  // the pod whose record of endpoints is to follow spec.networks
  std::optional<api::dockerv1::RunRequest> run;     // written to the Container
  bool remove_container = false;                    // with its claims and anonymous volumes
  bool refused = false;                             // a pod of the run goes because the node refused it
  Duration again_in = Duration::zero();
};

ContainerPlan plan_container(const ContainerObserved& observed, WallTime now);

// The run spec.run.number was begun and is over, or could not begin.
bool run_has_ended(const api::dockerv1::Container& container);
// A program of it exists.
bool is_running(const api::dockerv1::ContainerStatus& status);
// What dockerd starts when it starts itself, and what a run lost with its host gets.
bool restarts_with_host(const api::dockerv1::Container& container, const ContainerRules& rules);

}  // namespace reigen::controllers
