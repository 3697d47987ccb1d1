// A pod that is one run of a Docker container: the worker's own steps with its ContainerPart (container_part.h).
#include <algorithm>

#include "api/docker_names.h"
#include "base/log.h"
#include "base/random.h"
#include "network/container_network.h"
#include "node/container_part.h"
#include "node/container_service.h"
#include "node/pod_worker.h"

namespace reigen::node {

namespace {
constexpr auto kOpenRetry = std::chrono::milliseconds(500);
}

// False: not yet. Without a Container the pod ends, docker_ stays null.
bool PodWorker::open_docker() {
  if (!failed_reason_.empty()) return true;
  auto opened = ContainerPart::open(context_, base_);
  if (!opened && opened.error().code() != Code::kNotFound) {
    LOG(kWarning, "node", "container of pod {}/{}: {}", namespace__, name_, opened.error().message());
    retry_after(kOpenRetry);
    return false;
  }
  if (!opened) {
    failed_reason_ = "ContainerNotFound";
    failed_message_ = opened.error().message();
    return true;
  }
  docker_ = std::move(*opened);
  auto entry = context_.docker->entry(base_.metadata.annotations.value_or(api::kContainerAnnotation, ""));
  entry->live.lock()->changed = [weak = weak_from_this()](std::shared_ptr<const api::dockerv1::Container> object) {
    auto self = weak.lock();
    if (!self) return;
    self->post([self = self.get(), object = std::move(object)] {
      if (self->docker_) self->docker_->update(object);
    });
  };
  entry->live.lock()->relink = [weak = weak_from_this()](const std::string& id, const std::string& address) {
    auto self = weak.lock();
    if (!self) return;
    self->post([self = self.get(), id, address] {
      if (self->docker_) self->docker_->relink(id, address);
    });
  };
  rotates_docker_log_ = docker_->rotates_log();
  adopt_docker();
  return true;
}

void PodWorker::rotate_docker_log() {
  if (!rotates_docker_log_) return;
  post([this] {
    if (!terminating_ && !cleaned_) rotate_logs();
  });
}

// What the last agent left is as the runtime knows it; what was told of it already is not told again.
void PodWorker::adopt_docker() {
  if (sandbox_ready_) {
    docker_->adopt_sandbox(sandbox_id_, netns_);
    pod_ips_ = docker_->addresses();
  }
  for (auto& slot : slots_) {
    if (!slot.run) continue;
    auto status = context_.runtime.container_status(slot.run->id);
    if (status && status->state == runtime::ContainerState::kRunning) {
      slot.run->state = ContainerRun::State::kRunning;
      docker_->adopt(*status);
    } else if (status && status->state == runtime::ContainerState::kExited && docker_->was_running() && !sandbox_ready_) {
      // With the host: what is next is decided as at any start of the server, and is no restart.
      docker_lost(status->exit_code);
    } else if (status && status->state == runtime::ContainerState::kExited && docker_->was_running()) {
      note_exit(slot, *status);
    } else if (status && status->state == runtime::ContainerState::kExited) {
      slot.run->state = ContainerRun::State::kExited;
      slot.run->exit_code = status->exit_code;
      if (!docker_->over()) docker_restart_at_ = context_.executor.clock().wall();
    } else {
      // Its program never ran.
      (void)context_.runtime.remove_container(slot.run->id);
      (void)context_.images.unpin("container-" + slot.run->id);
      slot.run.reset();
    }
  }
  bool runs_nothing = std::none_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.run.has_value(); });
  if (docker_->begun() && !docker_->over() && (!sandbox_ready_ || (runs_nothing && docker_->was_running()))) docker_lost();
}

// A run has one sandbox: what went with the host is not made again here.
void PodWorker::docker_lost(std::optional<int> exit_code) {
  for (auto& slot : slots_) {
    if (!slot.active()) continue;
    (void)context_.runtime.remove_container(slot.run->id);
    slot.run->state = ContainerRun::State::kExited;
    slot.run->exit_code = exit_code.value_or(255);
    slot.run->reason = "ContainerStatusUnknown";
    slot.run->finished_at = api::Time(context_.executor.clock().wall());
  }
  docker_->lost(exit_code);
  failed_reason_ = "ContainerLost";
  failed_message_ = "The container ended with the host";
}

void PodWorker::docker_start_failed(const Error& error, bool from_runtime) {
  docker_->start_failed(error, from_runtime);
  event(true, "Failed", "Error: " + error.message());
  failed_reason_ = "StartError";
  failed_message_ = error.message();
}

bool PodWorker::prepare_docker() {
  auto image = docker_->image();
  auto done = image ? docker_->prepare(*image) : Status(fail(image.error()));
  if (!done) {
    docker_start_failed(done.error(), false);
    return false;
  }
  volumes_ready_ = true;
  return true;
}

Status PodWorker::make_docker_sandbox() {
  runtime::SandboxSpec spec;
  spec.id = system_random().hex(32);
  spec.labels = {{"pod_uid", uid_}, {"pod_name", name_}, {"pod_namespace", namespace__}, {"attempt", "0"}};
  TRY(docker_->fill_sandbox(spec));
  sandbox_id_ = spec.id;
  TRY_ASSIGN(auto made, context_.runtime.create_sandbox(spec));
  netns_ = made.netns_path;
  TRY(docker_->begin_network(spec.id, made.netns_path));
  pod_ips_ = docker_->addresses();
  files_ready_ = true;
  sandbox_ready_ = true;
  publish_handles();
  return {};
}

void PodWorker::advance_docker() {
  Slot& slot = slots_.front();
  if (slot.active() || docker_->over()) return;
  if (slot.run) {
    WallTime now = context_.executor.clock().wall();
    if (!docker_restart_at_) return;
    if (now < *docker_restart_at_) return retry_after(*docker_restart_at_ - now);
  }
  auto image = docker_->image();
  if (!image) return docker_start_failed(image.error(), false);
  launch_docker(slot, *image);
}

void PodWorker::launch_docker(Slot& slot, const ImageInfo& image) {
  auto spec = docker_->container_spec(image, sandbox_id_);
  if (!spec) return docker_start_failed(spec.error(), false);
  if (slot.run && !slot.run->id.empty()) {
    (void)context_.runtime.remove_container(slot.run->id);
    (void)context_.images.unpin("container-" + slot.run->id);
    slot.previous = std::move(slot.run);
  }
  int attempt = docker_->restart_count();
  runtime::Labels labels = {{"pod_uid", uid_},
                            {"pod_name", name_},
                            {"pod_namespace", namespace__},
                            {"name", slot.spec->name},
                            {"attempt", std::to_string(attempt)},
                            {"image", slot.spec->image},
                            {"image_ref", image.ref},
                            {"stop_signal", spec->stop_signal},
                            {"spec_image", slot.spec->image}};
  spec->labels.insert(labels.begin(), labels.end());
  (void)context_.images.pin("container-" + spec->id, image.id);
  ContainerRun run;
  run.id = spec->id;
  run.attempt = attempt;
  run.image = slot.spec->image;
  run.image_id = image.ref;
  slot.run = std::move(run);
  slot.waiting.reset();
  slot.stop_signal = spec->stop_signal;
  slot.started_image = slot.spec->image;
  docker_restart_at_.reset();
  auto created = context_.runtime.create_container(*spec);
  auto started = created ? context_.runtime.start_container(spec->id, docker_->start_options(spec->id)) : created;
  if (!created) (void)context_.images.unpin("container-" + spec->id);  // nobody else will: the runtime does not know it
  if (!started && docker_->network_failed()) {
    // As if the runtime had not been asked.
    (void)context_.runtime.remove_container(spec->id);
    (void)context_.images.unpin("container-" + spec->id);
    slot.run.reset();
    return docker_start_failed(started.error(), false);
  }
  if (!started) {
    slot.run->state = ContainerRun::State::kExited;
    slot.run->exit_code = 128;
    slot.run->reason = "StartError";
    slot.run->message = started.error().message();
    slot.run->finished_at = api::Time(context_.executor.clock().wall());
    return docker_start_failed(started.error(), true);
  }
  auto status = context_.runtime.container_status(spec->id);
  if (!status) return docker_start_failed(status.error(), true);
  slot.run->state = ContainerRun::State::kRunning;
  slot.run->started_at = api::Time(status->started_at);
  docker_->started(*status);
  publish_handles();
  // It may have ended before its start was told.
  if (status->state == runtime::ContainerState::kExited) note_exit(slot, *status);
}

}  // namespace reigen::node
