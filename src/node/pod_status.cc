#include "node/pod_status.h"

#include <algorithm>

#include "api/json.h"
#include "api/pod_rules.h"
#include "api/value.h"

namespace reigen::node {
namespace {

using namespace api::corev1;

const ContainerStatus* find_status(const std::vector<ContainerStatus>& statuses, const std::string& name) {
  for (const auto& status : statuses) {
    if (status.name == name) return &status;
  }
  return nullptr;
}

bool any_main_started(const PodSpec& spec, const std::vector<ContainerStatus>& statuses) {
  return std::any_of(spec.containers.begin(), spec.containers.end(), [&](const auto& container) {
    const auto* status = find_status(statuses, container.name);
    return status && (status->state.running || status->state.terminated || status->last_state.terminated);
  });
}

ContainerState terminated_state(const ContainerRun& run) {
  ContainerState state;
  auto& terminated = state.terminated.emplace();
  terminated.exit_code = run.exit_code;
  terminated.reason = run.reason;
  terminated.message = run.message;
  if (run.started_at) terminated.started_at = *run.started_at;
  if (run.finished_at) terminated.finished_at = *run.finished_at;
  if (!run.id.empty()) terminated.container_id = "crun://" + run.id;
  return state;
}

ContainerState state_of(const ContainerRun& run) {
  if (run.state == ContainerRun::State::kExited) return terminated_state(run);
  ContainerState state;
  if (run.state == ContainerRun::State::kCreated) {
    state.waiting.emplace();
  } else {
    auto& running = state.running.emplace();
    if (run.started_at) running.started_at = *run.started_at;
  }
  return state;
}

std::vector<VolumeMountStatus> mount_statuses(const Container& container) {
  std::vector<VolumeMountStatus> out;
  for (const auto& mount : container.volume_mounts) {
    VolumeMountStatus status;
    status.name = mount.name;
    status.mount_path = mount.mount_path;
    status.read_only = mount.read_only;
    if (mount.read_only) status.recursive_read_only = "Disabled";
    out.push_back(std::move(status));
  }
  return out;
}

enum class Role : unsigned char { kInit, kMain, kEphemeral };

ContainerStatus container_status(const Container& container, const PodView& view, bool has_init, Role role) {
  ContainerStatus status;
  status.name = container.name;
  status.image = container.image;
  status.volume_mounts = mount_statuses(container);
  auto found = view.containers.find(container.name);
  const ContainerView empty;
  const ContainerView& known = found == view.containers.end() ? empty : found->second;
  if (known.run) {
    const auto& run = *known.run;
    status.state = state_of(run);
    status.restart_count = run.attempt;
    if (!run.image.empty()) status.image = run.image;
    status.image_id = run.image_id;
    if (!run.id.empty()) status.container_id = "crun://" + run.id;
    if (known.previous) status.last_state = terminated_state(*known.previous);
  } else {
    status.state.waiting.emplace().reason = has_init ? "PodInitializing" : "ContainerCreating";
  }
  if (known.waiting) {
    if (status.state.terminated) status.last_state = status.state;
    status.state = ContainerState();
    status.state.waiting = *known.waiting;
  }
  bool running = status.state.running.has_value();
  if (role == Role::kEphemeral) return status;  // nobody asks whether it is ready
  status.started = running && known.probed_started;
  if (role == Role::kInit && !is_sidecar(container)) {
    status.ready = status.state.terminated && status.state.terminated->exit_code == 0;
    status.started = running;
  } else {
    status.ready = running && known.probed_started && known.probed_ready;
  }
  return status;
}

struct Counts {
  int pending_init = 0, pending_sidecar = 0, failed_init = 0;
  int unknown = 0, running = 0, waiting = 0, stopped = 0, succeeded = 0;
};

void count_init(const Container& container, const ContainerStatus* status, Counts& counts) {
  if (is_sidecar(container)) {
    if (!status) {
      ++counts.unknown;
    } else if (status->state.running) {
      if (!status->started.value_or(false)) ++counts.pending_sidecar;
      ++counts.running;
    } else if (status->state.waiting && !status->last_state.terminated) {
      ++counts.pending_sidecar;
      ++counts.waiting;
    }
    return;
  }
  if (status && status->state.terminated) {
    if (status->state.terminated->exit_code != 0) ++counts.failed_init;
  } else if (status && status->state.waiting && status->last_state.terminated) {
    if (status->last_state.terminated->exit_code != 0) ++counts.failed_init;
  } else {
    ++counts.pending_init;
  }
}

void count_main(const ContainerStatus* status, Counts& counts) {
  if (!status) {
    ++counts.unknown;
  } else if (status->state.running) {
    ++counts.running;
  } else if (status->state.terminated) {
    ++counts.stopped;
    if (status->state.terminated->exit_code == 0) ++counts.succeeded;
  } else if (status->state.waiting) {
    ++(status->last_state.terminated ? counts.stopped : counts.waiting);
  } else {
    ++counts.unknown;
  }
}

std::string phase_of(const Pod& pod, const std::vector<ContainerStatus>& all, bool terminal) {
  Counts n;
  for (const auto& container : pod.spec.init_containers) count_init(container, find_status(all, container.name), n);
  for (const auto& container : pod.spec.containers) count_main(find_status(all, container.name), n);
  if (n.failed_init > 0 && pod.spec.restart_policy == RestartPolicy::Never) return "Failed";
  if (n.pending_init > 0 || (n.pending_sidecar > 0 && !any_main_started(pod.spec, all)) || n.waiting > 0) return "Pending";
  if (n.running > 0 && n.unknown == 0) return "Running";
  if (n.running == 0 && n.stopped > 0 && n.unknown == 0) {
    if (terminal) return n.stopped == n.succeeded ? "Succeeded" : "Failed";
    if (pod.spec.restart_policy == RestartPolicy::Always) return "Running";
    if (n.stopped == n.succeeded) return "Succeeded";
    return pod.spec.restart_policy == RestartPolicy::Never ? "Failed" : "Running";
  }
  return "Pending";
}

std::string bracketed(const std::vector<std::string>& names) {
  std::string out = "[";
  for (const auto& name : names) out += (out.size() > 1 ? " " : "") + name;
  return out + "]";
}

std::string join_messages(const std::vector<std::string>& unknown, const char* what, const std::vector<std::string>& others) {
  std::string out;
  if (!unknown.empty()) out = "containers with unknown status: " + bracketed(unknown);
  if (!others.empty()) out += (out.empty() ? "" : ", ") + std::string(what) + bracketed(others);
  return out;
}

PodCondition condition(std::string_view type, bool status, std::string reason = "", std::string message = "") {
  PodCondition out;
  out.type = type;
  out.status = status ? "True" : "False";
  out.reason = std::move(reason);
  out.message = std::move(message);
  return out;
}

PodCondition initialized(const PodSpec& spec, const std::vector<ContainerStatus>& all, const std::string& phase) {
  std::vector<std::string> unknown, incomplete;
  for (const auto& container : spec.init_containers) {
    const auto* status = find_status(all, container.name);
    if (!status) {
      unknown.push_back(container.name);
    } else if (is_sidecar(container) ? !status->started.value_or(false) : !status->ready) {
      incomplete.push_back(container.name);
    }
  }
  if (phase == "Succeeded" && unknown.empty()) return condition("Initialized", true, "PodCompleted");
  if (any_main_started(spec, all)) return condition("Initialized", true);
  std::string message = join_messages(unknown, "containers with incomplete status: ", incomplete);
  return message.empty() ? condition("Initialized", true) : condition("Initialized", false, "ContainersNotInitialized", message);
}

PodCondition containers_ready(const PodSpec& spec, const std::vector<ContainerStatus>& all, const std::string& phase) {
  std::vector<std::string> unknown, unready;
  auto look = [&](const Container& container) {
    const auto* status = find_status(all, container.name);
    if (!status) unknown.push_back(container.name);
    else if (!status->ready) unready.push_back(container.name);
  };
  for (const auto& container : spec.init_containers) {
    if (is_sidecar(container)) look(container);
  }
  for (const auto& container : spec.containers) look(container);
  if (phase == "Succeeded" && unknown.empty()) return condition("ContainersReady", false, "PodCompleted");
  if (phase == "Failed") return condition("ContainersReady", false, "PodFailed");
  std::string message = join_messages(unknown, "containers with unready status: ", unready);
  return message.empty() ? condition("ContainersReady", true) : condition("ContainersReady", false, "ContainersNotReady", message);
}

PodCondition ready(const PodSpec& spec, const std::vector<PodCondition>& conditions, const PodCondition& containers) {
  if (containers.status != "True") return condition("Ready", false, containers.reason, containers.message);
  std::string message;
  for (const auto& gate : spec.readiness_gates) {
    auto it = std::find_if(conditions.begin(), conditions.end(), [&](const auto& c) { return c.type == gate.condition_type; });
    std::string text;
    if (it == conditions.end()) text = "corresponding condition of pod readiness gate \"" + gate.condition_type + "\" does not exist.";
    else if (it->status != "True") text = "the status of pod readiness gate \"" + gate.condition_type + "\" is not \"True\", but " + it->status;
    if (!text.empty()) message += (message.empty() ? "" : ", ") + text;
  }
  return message.empty() ? condition("Ready", true) : condition("Ready", false, "ReadinessGatesNotReady", message);
}

bool owned_by_node(const std::string& type) {
  return type == "PodScheduled" || type == "Ready" || type == "Initialized" || type == "ContainersReady" || type == "PodReadyToStartContainers";
}

void keep_transition_times(std::vector<PodCondition>& conditions, const std::vector<PodCondition>& old, api::Time now) {
  for (auto& condition : conditions) {
    auto it = std::find_if(old.begin(), old.end(), [&](const auto& c) { return c.type == condition.type; });
    bool same = it != old.end() && it->status == condition.status;
    condition.last_transition_time = same ? it->last_transition_time : now;
    if (it != old.end()) condition.last_probe_time = it->last_probe_time;
  }
}

void set_addresses(const Pod& pod, const PodView& view, PodStatus& status) {
  if (!view.host_ips.empty()) {
    status.host_ip = view.host_ips.front();
    for (const auto& ip : view.host_ips) status.host_ips.emplace_back().ip = ip;
  }
  const auto& ips = pod.spec.host_network ? view.host_ips : view.pod_ips;
  if (ips.empty()) {
    if (pod.spec.host_network) return;
    // The addresses of a pod that has ended stay visible.
    status.pod_ip = pod.status.pod_ip;
    status.pod_ips = pod.status.pod_ips;
    return;
  }
  status.pod_ip = ips.front();
  for (const auto& ip : ips) status.pod_ips.emplace_back().ip = ip;
}

// Adds a member to the text of an object.
void append_member(std::string& object, std::string_view name, std::string_view value) {
  object.pop_back();
  if (object.size() > 1) object += ',';
  object += '"';
  object += name;
  object += "\":";
  object += value;
  object += '}';
}

// Whole elements: what a condition no longer says must not stay from its last state.
std::string own_conditions(const std::vector<PodCondition>& conditions) {
  std::string out = "[";
  for (const auto& condition : conditions) {
    if (!owned_by_node(condition.type)) continue;
    if (out.size() > 1) out += ',';
    std::string element = api::encode_json(condition);
    if (condition.reason.empty()) append_member(element, "reason", "null");
    if (condition.message.empty()) append_member(element, "message", "null");
    out += element;
  }
  return out + "]";
}

std::string order_of(const std::vector<PodCondition>& conditions) {
  std::string out = "[";
  for (const auto& condition : conditions) {
    out += out.size() > 1 ? ",{\"type\":" : "{\"type\":";
    api::append_json_string(out, condition.type);
    out += '}';
  }
  return out + "]";
}

// Addresses are merged by themselves, so that one that changed would stay.
template <class T>
std::string replacing_list(const std::vector<T>& items) {
  std::string out = R"([{"$patch":"replace"})";
  for (const auto& item : items) out += "," + api::encode_json(item);
  return out + "]";
}

}  // namespace

Container as_container(const EphemeralContainerCommon& from) {
  Container out;
  out.name = from.name;
  out.image = from.image;
  out.command = from.command;
  out.args = from.args;
  out.working_dir = from.working_dir;
  out.ports = from.ports;
  out.env_from = from.env_from;
  out.env = from.env;
  out.resources = from.resources;
  out.resize_policy = from.resize_policy;
  out.restart_policy = from.restart_policy;
  out.volume_mounts = from.volume_mounts;
  out.volume_devices = from.volume_devices;
  out.termination_message_path = from.termination_message_path;
  out.termination_message_policy = from.termination_message_policy;
  out.image_pull_policy = from.image_pull_policy;
  out.security_context = from.security_context;
  out.stdin = from.stdin;
  out.stdin_once = from.stdin_once;
  out.tty = from.tty;
  return out;
}

bool is_sidecar(const Container& container) { return container.restart_policy == "Always"; }

bool restarts_after(const Pod& pod, const Container& container, bool init, int exit_code) {
  if (pod.metadata.deletion_timestamp) return false;
  if (init && is_sidecar(container)) return true;
  if (init) return exit_code != 0 && pod.spec.restart_policy != RestartPolicy::Never;
  if (pod.spec.restart_policy == RestartPolicy::Never) return false;
  return pod.spec.restart_policy != RestartPolicy::OnFailure || exit_code != 0;
}

PodStatus compute_pod_status(const Pod& pod, const PodView& view, api::Time now) {
  PodStatus status;
  if (view.rejected) {
    status.phase = "Failed";
    status.reason = view.failed_reason;
    status.message = view.failed_message;
    status.conditions = pod.status.conditions;
    status.start_time = view.start_time;
    status.qos_class = pod.status.qos_class;
    return status;
  }
  bool has_init = !pod.spec.init_containers.empty();
  for (const auto& container : pod.spec.init_containers) status.init_container_statuses.push_back(container_status(container, view, has_init, Role::kInit));
  for (const auto& container : pod.spec.containers) status.container_statuses.push_back(container_status(container, view, has_init, Role::kMain));
  for (const auto& container : pod.spec.ephemeral_containers) {
    status.ephemeral_container_statuses.push_back(container_status(as_container(container), view, has_init, Role::kEphemeral));
  }
  std::sort(status.container_statuses.begin(), status.container_statuses.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  std::vector<ContainerStatus> all = status.init_container_statuses;
  all.insert(all.end(), status.container_statuses.begin(), status.container_statuses.end());

  status.phase = phase_of(pod, all, view.terminal);
  if (pod.status.phase == "Failed" || pod.status.phase == "Succeeded") status.phase = pod.status.phase;  // never left again
  if (!view.failed_reason.empty()) {
    status.phase = "Failed";
    status.reason = view.failed_reason;
    status.message = view.failed_message;
  } else if (status.phase == pod.status.phase) {
    status.reason = pod.status.reason;
    status.message = pod.status.message;
  }
  for (const auto& old : pod.status.conditions) {
    if (!owned_by_node(old.type)) status.conditions.push_back(old);
  }
  size_t foreign = status.conditions.size();
  status.conditions.push_back(condition("PodReadyToStartContainers", view.sandbox_ready));
  status.conditions.push_back(initialized(pod.spec, all, status.phase));
  PodCondition containers = containers_ready(pod.spec, all, status.phase);
  status.conditions.push_back(ready(pod.spec, status.conditions, containers));
  status.conditions.push_back(containers);
  status.conditions.push_back(condition("PodScheduled", true));
  std::vector<PodCondition> own(status.conditions.begin() + static_cast<long>(foreign), status.conditions.end());
  keep_transition_times(own, pod.status.conditions, now);
  std::copy(own.begin(), own.end(), status.conditions.begin() + static_cast<long>(foreign));

  set_addresses(pod, view, status);
  status.start_time = pod.status.start_time ? pod.status.start_time : view.start_time;
  status.qos_class = pod.status.qos_class.empty() ? api::qos_class(pod.spec) : pod.status.qos_class;
  status.nominated_node_name = pod.status.nominated_node_name;
  status.resize = pod.status.resize;
  status.resource_claim_statuses = pod.status.resource_claim_statuses;
  return status;
}

std::string status_patch(const Pod& pod, const PodStatus& from, const PodStatus& to) {
  if (from == to) return "";
  PodStatus sent = to;
  sent.conditions.clear();
  sent.pod_ips.clear();
  sent.host_ips.clear();
  sent.nominated_node_name.clear();
  sent.resize.clear();
  sent.resource_claim_statuses.clear();
  std::string status;
  api::append_json(status, api::type_of<PodStatus>(), &sent);
  // The order of nothing is refused: a pod that is rejected before anybody said anything of it has no conditions.
  if (!to.conditions.empty()) {
    append_member(status, "conditions", own_conditions(to.conditions));
    append_member(status, "$setElementOrder/conditions", order_of(to.conditions));
  }
  if (!to.pod_ips.empty()) append_member(status, "podIPs", replacing_list(to.pod_ips));
  if (!to.host_ips.empty()) append_member(status, "hostIPs", replacing_list(to.host_ips));
  auto gone = [&](std::string_view name, bool was, bool is) {
    if (was && !is) append_member(status, name, "null");
  };
  gone("reason", !from.reason.empty(), !to.reason.empty());
  gone("message", !from.message.empty(), !to.message.empty());
  gone("podIP", !from.pod_ip.empty(), !to.pod_ip.empty());
  gone("podIPs", !from.pod_ips.empty(), !to.pod_ips.empty());
  gone("startTime", from.start_time.has_value(), to.start_time.has_value());
  return "{\"metadata\":{\"uid\":\"" + pod.metadata.uid + "\"},\"status\":" + status + "}";
}

}  // namespace reigen::node
