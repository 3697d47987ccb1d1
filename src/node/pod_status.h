// A pod's status from what is known of its containers, computed as kubelet does (pkg/kubelet: getPhase, convertToAPIContainerStatuses,
// status/generate.go). Pure: no clock, no I/O.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/corev1.h"

namespace reigen::node {

// One run of a container.
struct ContainerRun {
  enum class State : unsigned char { kCreated, kRunning, kExited };
  State state = State::kCreated;
  std::string id;   // "" for a run that only an earlier status tells of
  int attempt = 0;  // restartCount of this run
  std::string image, image_id;
  int exit_code = 0;
  std::string reason, message;
  std::optional<api::Time> started_at, finished_at;
};

struct ContainerView {
  std::optional<ContainerRun> run;       // the newest
  std::optional<ContainerRun> previous;  // the one before
  // Why it does not run although it should: CrashLoopBackOff, ErrImagePull, CreateContainerConfigError, RunContainerError...
  std::optional<api::corev1::ContainerStateWaiting> waiting;
  bool probed_ready = false;    // readiness probe, true without one
  bool probed_started = false;  // startup probe, true without one
};

struct PodView {
  std::map<std::string, ContainerView> containers;  // init containers too: ephemeral ones too: names are unique in a pod
  bool sandbox_ready = false;
  std::vector<std::string> pod_ips, host_ips;
  bool terminal = false;                      // nothing of it runs and nothing will
  bool rejected = false;                      // never taken: no container has a status
  std::string failed_reason, failed_message;  // evicted, rejected, deadline exceeded: phase Failed
  std::optional<api::Time> start_time;
};

// The container of an ephemeral one: same fields.
api::corev1::Container as_container(const api::corev1::EphemeralContainerCommon& from);

bool is_sidecar(const api::corev1::Container& container);  // a restartable init container

// Whether a container that has ended is to be started again by the rules of the pod (not looking at back-off).
bool restarts_after(const api::corev1::Pod& pod, const api::corev1::Container& container, bool init, int exit_code);

// `pod` gives spec, metadata and the status known to the API. `now` becomes lastTransitionTime of conditions that changed.
api::corev1::PodStatus compute_pod_status(const api::corev1::Pod& pod, const PodView& view, api::Time now);

// What a strategic merge patch of the status subresource writes to get from `from` to `to`, with the uid as its precondition; "" when they
// are equal. Only what a node owns is in it: conditions of others and the scheduler's nomination stay as they are by then.
std::string status_patch(const api::corev1::Pod& pod, const api::corev1::PodStatus& from, const api::corev1::PodStatus& to);

}  // namespace reigen::node
