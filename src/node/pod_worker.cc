#include "node/pod_worker.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "api/pod_rules.h"
#include "base/files.h"
#include "base/log.h"
#include "client/event_recorder.h"
#include "network/pod_network.h"
#include "node/container_part.h"
#include "node/container_spec.h"

namespace reigen::node {

using namespace api::corev1;

namespace {

uint64_t version_of(const Pod& pod) {
  const auto& text = pod.metadata.resource_version;
  uint64_t version = 0;
  std::from_chars(text.data(), text.data() + text.size(), version);
  return version;
}

bool shows_ready(const PodStatus& status) {
  return std::any_of(status.conditions.begin(), status.conditions.end(),
                     [](const auto& condition) { return condition.type == "Ready" && condition.status == "True"; });
}

}  // namespace

PodWorker::PodWorker(NodeContext& context, std::shared_ptr<const Pod> pod)
    : context_(context),
      tasks_(context.tasks),
      uid_(pod->metadata.uid),
      name_(pod->metadata.name),
      namespace__(pod->metadata.namespace_),
      strand_(context.executor),
      is_docker_(api::is_container_pod(*pod)) {
  set_pod(std::move(pod));
  if (!is_docker_) seed_from_status();
  publish_handles();
}

PodWorker::~PodWorker() = default;

void PodWorker::post(std::function<void()> fn) {
  strand_.post(tasks_->wrap([self = shared_from_this(), fn = std::move(fn)] {
    if (!self->finished_) fn();
  }));
}

void PodWorker::post_after(Duration delay, std::function<void()> fn) {
  strand_.after(delay, tasks_->wrap([self = shared_from_this(), fn = std::move(fn)] {
    if (!self->finished_) fn();
  }));
}

// Timers that would find nothing new are not set: the earliest one counts.
void PodWorker::retry_after(Duration delay) {
  TimePoint now = context_.executor.clock().now(), at = now + delay;
  if (retry_at_ > now && retry_at_ <= at) return;
  retry_at_ = at;
  post_after(delay, [this, at] {
    if (retry_at_ == at) retry_at_ = {};
    sync();
  });
}

void PodWorker::set_pod(std::shared_ptr<const Pod> pod) {
  bool first = pod_ == nullptr;
  PodStatus known = std::move(base_.status);
  pod_ = std::move(pod);
  base_ = *pod_;
  storage_limited_ = !context_.options.hollow && has_storage_limits(base_);
  if (!first) {
    // Somebody thought this node lost and said that the pod is not ready: the next status says it again.
    if (version_of(*pod_) > written_version_ && shows_ready(base_.status) != shows_ready(known)) dirty_status_ = true;
    // Conditions of others are the API's, everything else is ours and newer.
    std::vector<PodCondition> foreign = base_.status.conditions;
    auto ours = [](const PodCondition& c) {
      return c.type == "Ready" || c.type == "Initialized" || c.type == "ContainersReady" || c.type == "PodReadyToStartContainers" || c.type == "PodScheduled";
    };
    std::erase_if(foreign, ours);
    std::erase_if(known.conditions, [&](const auto& c) { return !ours(c); });
    foreign.insert(foreign.end(), known.conditions.begin(), known.conditions.end());
    base_.status = std::move(known);
    base_.status.conditions = std::move(foreign);
  }
  std::vector<Slot> old = std::move(slots_);
  slots_.clear();
  std::vector<Container> old_ephemeral = std::move(ephemeral_);  // `old` points into it
  ephemeral_.clear();
  for (const auto& container : base_.spec.ephemeral_containers) ephemeral_.push_back(as_container(container));
  auto add = [&](const Container& container, bool init) {
    auto it = std::find_if(old.begin(), old.end(), [&](const Slot& slot) { return slot.spec && slot.run && slot.spec->name == container.name; });
    for (auto& candidate : old) {
      if (it == old.end() && candidate.spec && candidate.spec->name == container.name) it = old.begin() + (&candidate - old.data());
    }
    Slot slot = it == old.end() ? Slot() : std::move(*it);
    slot.spec = &container;
    slot.init = init;
    slot.sidecar = init && is_sidecar(container);
    slots_.push_back(std::move(slot));
  };
  for (const auto& container : base_.spec.init_containers) add(container, true);
  for (const auto& container : base_.spec.containers) add(container, false);
  for (size_t i = 0; i < ephemeral_.size(); ++i) {
    add(ephemeral_[i], false);
    slots_.back().ephemeral = true;
    slots_.back().target = base_.spec.ephemeral_containers[i].target_container_name;
  }
}

namespace {

ContainerRun run_of(const ContainerStateTerminated& terminated) {
  ContainerRun run;
  run.state = ContainerRun::State::kExited;
  run.exit_code = terminated.exit_code;
  run.reason = terminated.reason;
  run.message = terminated.message;
  run.started_at = terminated.started_at;
  run.finished_at = terminated.finished_at;
  run.id = terminated.container_id.substr(std::min(terminated.container_id.find("://") + 3, terminated.container_id.size()));
  if (terminated.container_id.empty()) run.id.clear();
  return run;
}

}  // namespace

// What the API knows of earlier runs; adopt() then puts what really runs over it.
void PodWorker::seed_from_status() {
  start_time_ = base_.status.start_time;
  for (auto& slot : slots_) {
    for (const auto* list : {&base_.status.init_container_statuses, &base_.status.container_statuses, &base_.status.ephemeral_container_statuses}) {
      for (const auto& status : *list) {
        if (status.name != slot.spec->name) continue;
        if (status.last_state.terminated) slot.previous = run_of(*status.last_state.terminated);
        if (status.state.terminated) slot.run = run_of(*status.state.terminated);
        if (status.state.running) {
          ContainerRun lost;  // adopt() replaces it when the container is there
          lost.state = ContainerRun::State::kExited;
          lost.exit_code = 137;
          lost.reason = "ContainerStatusUnknown";
          lost.message = "The container could not be located when the pod was terminated";
          lost.started_at = status.state.running->started_at;
          lost.finished_at = api::Time(context_.executor.clock().wall());
          slot.run = std::move(lost);
        }
        if (status.state.waiting && slot.previous) slot.run = std::exchange(slot.previous, std::nullopt);
        if (slot.run) {
          slot.run->attempt = status.restart_count;
          slot.run->image = status.image;
          slot.run->image_id = status.image_id;
        }
      }
    }
  }
}

void PodWorker::adopt(const runtime::SandboxStatus& sandbox) {
  int attempt = std::atoi(sandbox.labels.count("attempt") ? sandbox.labels.at("attempt").c_str() : "0");
  if (!sandbox_id_.empty() && attempt <= sandbox_attempt_) return;
  sandbox_id_ = sandbox.id;
  sandbox_attempt_ = attempt;
  sandbox_ready_ = sandbox.ready;
  netns_ = sandbox.netns_path;
  if (auto found = context_.network.find(sandbox.id)) {
    for (const auto& address : found->addresses) pod_ips_.push_back(address.str());
  }
  if (sandbox.ready && !is_docker_ && !base_.spec.host_network && pod_ips_.empty() && !context_.options.hollow) sandbox_ready_ = false;
  admitted_ = true;
  if (sandbox.ready) volumes_ready_ = files_ready_ = true;
}

void PodWorker::adopt(const runtime::ContainerStatus& container) {
  auto label = [&](const char* name) { return container.labels.count(name) ? container.labels.at(name) : std::string(); };
  Slot* slot = find_slot(label("name"));
  if (!slot) return;
  int attempt = std::atoi(label("attempt").c_str());
  ContainerRun run;
  run.id = container.id;
  run.attempt = attempt;
  run.image = label("image");
  run.image_id = label("image_ref");
  run.state = container.state == runtime::ContainerState::kRunning ? ContainerRun::State::kRunning : ContainerRun::State::kCreated;
  run.started_at = api::Time(container.started_at);
  if (slot->run && slot->run->attempt > attempt) return;
  if (slot->run && slot->run->id != run.id && slot->run->attempt < attempt) slot->previous = slot->run;
  slot->run = std::move(run);
  slot->stop_signal = label("stop_signal");
  slot->started_image = label("spec_image");
  if (is_docker_) return;  // adopt_docker looks at it
  if (container.state == runtime::ContainerState::kExited || container.state == runtime::ContainerState::kCreated) note_exit(*slot, container);
}

void PodWorker::update(std::shared_ptr<const Pod> pod) {
  post([this, pod = std::move(pod)]() mutable {
    set_pod(std::move(pod));
    if (docker_) docker_->update(base_);
    sync();
    for (auto& slot : slots_) {
      if (slot.active() && slot.run->state == ContainerRun::State::kRunning && !slot.probes[1].armed && !slot.probes[0].armed && !slot.probes[2].armed)
        start_probes(slot);
    }
  });
}

void PodWorker::removed() {
  post([this] {
    removed_ = true;
    sync();
  });
}

void PodWorker::container_exited(std::string id) {
  post([this, id = std::move(id)] { on_exit(id); });
}

void PodWorker::refresh() {
  post([this] {
    if (terminating_ || cleaned_ || context_.options.hollow) return;
    rotate_logs();
    if (volumes_ready_ && sandbox_ready_ && has_refreshed_volumes(base_)) {
      if (auto done = prepare_volumes(volume_context()); !done) event(true, "FailedMount", done.error().message());
    }
  });
}

PodWorker::Slot* PodWorker::find_slot(const std::string& name) {
  for (auto& slot : slots_) {
    if (slot.spec->name == name) return &slot;
  }
  return nullptr;
}

PodWorker::Slot* PodWorker::slot_of(const std::string& id) {
  for (auto& slot : slots_) {
    if (slot.run && slot.run->id == id) return &slot;
  }
  return nullptr;
}

void PodWorker::event(bool warning, const char* reason, std::string message) {
  if (is_docker_ && !warning) return;  // its Container tells of it
  context_.events.event(pod_, warning ? "Warning" : "Normal", reason, std::move(message));
}

void PodWorker::event(const Slot& slot, bool warning, const char* reason, std::string message) {
  if (is_docker_ && !warning) return;
  auto about = client::reference_to(api::Object::of(pod_), std::string(slot.init        ? "spec.initContainers{"
                                                                       : slot.ephemeral ? "spec.ephemeralContainers{"
                                                                                        : "spec.containers{") +
                                                               slot.spec->name + "}");
  context_.events.event(about, warning ? "Warning" : "Normal", reason, std::move(message));
}

void PodWorker::sync() {
  if (finished_) return;
  if (!start_time_) start_time_ = api::Time(context_.executor.clock().wall());
  if (is_docker_ && !docker_ && !open_docker()) return;
  if (!admitted_ && !removed_ && !base_.metadata.deletion_timestamp) admit();
  if (wants_end()) return terminate();
  bool over = docker_ && docker_->over();
  if (!unsupported_ && !over && ensure_volumes() && ensure_sandbox()) advance();
  write_status();
  publish_handles();
  if (base_.status.phase == "Succeeded" || base_.status.phase == "Failed") terminate();
}

void PodWorker::admit() {
  admitted_ = true;
  if (auto rejection = context_.admit ? context_.admit(base_) : std::nullopt) {
    failed_reason_ = rejection->reason;
    rejected_ = true;
    failed_message_ = "Pod was rejected: " + rejection->message;
    event(true, rejection->reason.c_str(), rejection->message);
    return;
  }
  if (auto field = context_.options.hollow ? std::nullopt : unsupported_field(base_)) {
    unsupported_ = true;
    std::string message = field->path + ": " + field->why;
    event(true, "UnsupportedField", message);
    for (auto& slot : slots_) wait_with(slot, "UnsupportedField", message);
  }
}

bool PodWorker::wants_end() {
  if (terminating_ || removed_ || base_.metadata.deletion_timestamp || !failed_reason_.empty()) return true;
  if (base_.status.phase == "Failed" || base_.status.phase == "Succeeded") return true;
  if (!base_.spec.active_deadline_seconds || !start_time_) return false;
  WallTime end = start_time_->wall() + std::chrono::seconds(*base_.spec.active_deadline_seconds), now = context_.executor.clock().wall();
  if (now < end) {
    retry_after(end - now);
    return false;
  }
  failed_reason_ = "DeadlineExceeded";
  failed_message_ = "Pod was active on the node longer than the specified deadline";
  event(false, "DeadlineExceeded", failed_message_);
  return true;
}

// True when the regular containers may start.
bool PodWorker::advance_init() {
  bool main_started = std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return !slot.init && !slot.ephemeral && slot.run; });
  for (auto& slot : slots_) {
    if (!slot.init) continue;
    if (slot.sidecar) {
      if (!slot.active()) try_start(slot);
      bool started =
          slot.active() && slot.run->state == ContainerRun::State::kRunning && (!slot.spec->startup_probe || slot.probes[0].passed) && !slot.hook_running;
      if (!started && !main_started) return false;
      continue;
    }
    if (main_started || (slot.run && slot.run->state == ContainerRun::State::kExited && slot.run->exit_code == 0)) continue;
    if (slot.active()) return false;
    if (!slot.run || restarts_after(base_, *slot.spec, true, slot.run->exit_code)) try_start(slot);
    return false;
  }
  return true;
}

// Ephemeral containers start once, also while init containers run, and never again.
void PodWorker::advance_ephemeral() {
  for (auto& slot : slots_) {
    if (slot.ephemeral && !slot.run) try_start(slot);
  }
}

void PodWorker::advance() {
  if (docker_) return advance_docker();
  advance_ephemeral();
  if (!advance_init()) return;
  for (auto& slot : slots_) {
    if (slot.init || slot.ephemeral) continue;
    if (slot.active()) {
      if (!slot.started_image.empty() && slot.started_image != slot.spec->image && !slot.stopping) {
        stop(slot, std::chrono::seconds(base_.spec.termination_grace_period_seconds.value_or(30)),
             "Container " + slot.spec->name + " definition changed, will be restarted");
      }
      continue;
    }
    if (!slot.run || restarts_after(base_, *slot.spec, false, slot.run->exit_code)) try_start(slot);
  }
}

void PodWorker::on_exit(const std::string& id) {
  Slot* slot = slot_of(id);
  if (!slot || !slot->active()) return;
  auto status = context_.runtime.container_status(id);
  if (!status || status->state != runtime::ContainerState::kExited) return;
  note_exit(*slot, *status);
  sync();
}

void PodWorker::note_exit(Slot& slot, const runtime::ContainerStatus& status) {
  auto& run = *slot.run;
  run.state = ContainerRun::State::kExited;
  run.exit_code = status.exit_code;
  bool never_ran = status.started_at == WallTime();
  run.reason = status.oom_killed ? "OOMKilled" : never_ran && !status.message.empty() ? "StartError" : run.exit_code == 0 ? "Completed" : "Error";
  run.started_at = api::Time(status.started_at);
  run.finished_at = api::Time(status.finished_at == WallTime() ? context_.executor.clock().wall() : status.finished_at);
  run.message = status.message.empty() ? termination_message(slot, status) : status.message;
  slot.stopping = slot.signalled = slot.hook_running = false;
  if (slot.kill_timer) strand_.cancel(std::exchange(slot.kill_timer, 0));
  for (auto& probe : slot.probes) probe = ProbeState();
  if (!docker_) return;
  auto again = docker_->restart_after(status, terminating_ || removed_ || base_.metadata.deletion_timestamp.has_value());
  docker_->ended(status, again.has_value());
  docker_restart_at_.reset();
  if (again) docker_restart_at_ = context_.executor.clock().wall() + *again;
}

PodView PodWorker::view(bool terminal) const {
  PodView out;
  for (const auto& slot : slots_) {
    ContainerView& container = out.containers[slot.spec->name];
    container.run = slot.run;
    container.previous = slot.previous;
    container.waiting = slot.waiting;
    container.probed_started = (!slot.spec->startup_probe || slot.probes[0].passed) && !slot.hook_running;
    container.probed_ready = !slot.spec->readiness_probe || slot.probes[1].passed;
  }
  out.sandbox_ready = sandbox_ready_;
  out.pod_ips = pod_ips_;
  out.host_ips = context_.facts.host_ips;
  out.terminal = terminal;
  out.rejected = rejected_;
  out.failed_reason = failed_reason_;
  out.failed_message = failed_message_;
  out.start_time = start_time_;
  return out;
}

void PodWorker::write_status(bool terminal) {
  if (removed_) return;
  PodStatus status = compute_pod_status(base_, view(terminal), api::Time(context_.executor.clock().wall()));
  std::string patch = status_patch(base_, dirty_status_ ? pod_->status : base_.status, status);
  if (patch.empty()) {
    base_.status = std::move(status);
    dirty_status_ = false;
    return;
  }
  auto written = context_.client.patch<Pod>(namespace__, name_, client::PatchType::kStrategic, patch, "status");
  if (written) {
    written_version_ = version_of(**written);
    base_.status = std::move(status);
    dirty_status_ = false;
    return;
  }
  if (written.error().code() == Code::kNotFound || written.error().code() == Code::kConflict) {
    // Gone, or another pod has the name: the informer will tell.
    base_.status = std::move(status);
    return;
  }
  LOG(kWarning, "node", "status of pod {}/{}: {}", namespace__, name_, written.error().message());
  dirty_status_ = true;
  base_.status = std::move(status);
  retry_after(std::chrono::seconds(1));
}

void PodWorker::publish_handles() {
  std::lock_guard lock(mutex_);
  handles_.clear();
  main_names_.clear();
  for (const auto& slot : slots_) {
    ContainerHandle handle;
    handle.tty = slot.spec->tty;
    handle.stdin_open = slot.spec->stdin;
    if (slot.run) {
      handle.id = slot.run->id;
      handle.attempt = slot.run->attempt;
      handle.running = slot.run->state == ContainerRun::State::kRunning;
      handle.log_path = log_path(slot.spec->name, slot.run->attempt);
      handle.has_previous = slot.run->attempt > 0;
      handle.previous_attempt = slot.run->attempt - 1;
      handle.previous_log_path = log_path(slot.spec->name, slot.run->attempt - 1);
      if (docker_) {
        handle.log_path = docker_->log_path();
        handle.has_previous = false;
      }
    }
    handles_[slot.spec->name] = std::move(handle);
    if (!slot.init && !slot.ephemeral) main_names_.push_back(slot.spec->name);
  }
  shown_sandbox_ = sandbox_id_;
  shown_netns_ = netns_;
  shown_ip_ = base_.spec.host_network ? (context_.facts.host_ips.empty() ? "" : context_.facts.host_ips.front()) : pod_ips_.empty() ? "" : pod_ips_.front();
  shown_pod_ = pod_;
}

Result<ContainerHandle> PodWorker::find_container(const std::string& name) const {
  std::lock_guard lock(mutex_);
  std::string wanted = name.empty() && !main_names_.empty() ? main_names_.front() : name;
  auto it = handles_.find(wanted);
  if (it == handles_.end()) return fail(Code::kInvalidArgument, "container " + wanted + " is not valid for pod " + name_);
  return it->second;
}

std::vector<std::pair<std::string, ContainerHandle>> PodWorker::containers() const {
  std::lock_guard lock(mutex_);
  return {handles_.begin(), handles_.end()};
}
std::string PodWorker::sandbox() const {
  std::lock_guard lock(mutex_);
  return shown_sandbox_;
}
std::string PodWorker::netns() const {
  std::lock_guard lock(mutex_);
  return shown_netns_;
}
std::string PodWorker::pod_ip() const {
  std::lock_guard lock(mutex_);
  return shown_ip_;
}
bool PodWorker::host_network() const {
  std::lock_guard lock(mutex_);
  return shown_pod_->spec.host_network;
}
Pod PodWorker::pod() const {
  std::lock_guard lock(mutex_);
  return *shown_pod_;
}

}  // namespace reigen::node
