// How a pod and its containers end: hooks, signals, grace periods, removal.
#include <fmt/core.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "base/files.h"
#include "base/log.h"
#include "linux/pidfd.h"
#include "network/container_network.h"
#include "network/pod_network.h"
#include "node/action.h"
#include "node/container_part.h"
#include "node/log_reader.h"
#include "node/pod_worker.h"

namespace reigen::node {

using namespace api::corev1;

namespace {

constexpr int64_t kMinimumGrace = 2;  // seconds after a preStop hook that took all the time
constexpr size_t kTerminationLimit = 4096;
constexpr size_t kFallbackLines = 80;
constexpr size_t kFallbackBytes = 2048;

// What the last lines of a log say; the parts of a line that was never ended are put together without a line's end.
std::string log_tail(const std::string& path) {
  std::string log = read_file(path, 64 << 20).value_or("");
  size_t begin = log.size();
  for (size_t lines = 0; begin > 0 && lines < kFallbackLines; ++lines) {
    size_t before = begin >= 2 ? log.rfind('\n', begin - 2) : std::string::npos;
    begin = before == std::string::npos ? 0 : before + 1;
  }
  std::string out;
  for (size_t end; begin < log.size(); begin = end + 1) {
    end = std::min(log.find('\n', begin), log.size());
    auto line = parse_log_line(std::string_view(log).substr(begin, end - begin));
    if (!line) continue;
    out += line->text;
    if (!line->partial) out += '\n';
  }
  if (out.size() > kFallbackBytes) out.erase(0, out.size() - kFallbackBytes);
  return out;
}

}  // namespace

void PodWorker::terminate() {
  terminating_ = true;
  int64_t grace = base_.spec.termination_grace_period_seconds.value_or(30);
  if (base_.metadata.deletion_grace_period_seconds) grace = *base_.metadata.deletion_grace_period_seconds;
  if (docker_) {
    if (auto wished = docker_->grace()) grace = *wished / std::chrono::seconds(1);
    if (std::exchange(docker_restart_at_, std::nullopt)) docker_->give_up();
  }
  if (removed_) grace = std::min<int64_t>(grace, 1);
  if (grace_limit_) grace = std::min(grace, *grace_limit_);
  bool shorter = grace_seconds_ >= 0 && grace < grace_seconds_;
  grace_seconds_ = grace;
  auto active_main = [&] { return std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return !slot.sidecar && slot.active(); }); };
  for (auto& slot : slots_) {
    if (slot.sidecar || !slot.active()) continue;
    if (!slot.stopping) stop(slot, std::chrono::seconds(grace), "Stopping container " + slot.spec->name);
    else if (shorter && slot.signalled) signal(slot.run->id, std::chrono::seconds(grace));
  }
  if (!active_main()) {
    // Sidecars end after the rest, the last one first.
    for (auto it = slots_.rbegin(); it != slots_.rend(); ++it) {
      if (!it->sidecar || !it->active()) continue;
      if (!it->stopping) stop(*it, std::chrono::seconds(grace), "Stopping container " + it->spec->name);
      break;
    }
  }
  bool any = std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.active() || slot.pulling; });
  if (any) {
    bool only_pulls = std::none_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.active(); });
    if (!only_pulls) {
      write_status();
      return publish_handles();
    }
  }
  publish_handles();  // who follows a log learns that it is complete
  for (auto& slot : slots_) {
    if (base_.metadata.deletion_timestamp && slot.waiting && slot.run) slot.waiting.reset();
  }
  bool going = removed_ || base_.metadata.deletion_timestamp.has_value();
  if (!cleaned_ && !(docker_ && going)) write_status(true);
  if (dirty_status_ && !removed_ && !going) return;  // the end of a pod that stays is told before its traces go
  if (!cleaned_ && !clean_up(true)) {
    retry_after(std::chrono::seconds(2));
    return;
  }
  cleaned_ = true;
  if (!going) {
    write_status(true);
    return publish_handles();
  }
  if (!context_.options.hollow && !is_docker_) (void)remove_tree(log_root());
  if (!removed_) return delete_object();
  finished_ = true;
  context_.finished(uid_);
}

void PodWorker::delete_object() {
  if (deleted_object_) return;
  client::DeleteOptions options;
  options.grace_period_seconds = 0;
  options.uid = uid_;
  auto done = context_.client.remove<Pod>(namespace__, name_, options);
  if (done || done.error().code() == Code::kNotFound || done.error().code() == Code::kConflict) {
    deleted_object_ = true;  // removed() follows
    return;
  }
  LOG(kWarning, "node", "delete pod {}/{}: {}", namespace__, name_, done.error().message());
  retry_after(std::chrono::seconds(1));
}

void PodWorker::stop(Slot& slot, Duration grace, std::string message) {
  if (slot.stopping || !slot.active()) return;
  slot.stopping = true;
  if (docker_) slot.stop_signal = docker_->stop_signal();
  event(slot, false, "Killing", std::move(message));
  std::string id = slot.run->id;
  bool hook = slot.spec->lifecycle && slot.spec->lifecycle->pre_stop && grace > Duration::zero() && !context_.options.hollow;
  if (!hook) return signal(id, grace);
  TimePoint begun = context_.executor.clock().now();
  ActionTarget target{context_.runtime, context_.executor, id, pod_ips_.empty() ? "" : pod_ips_.front(), *slot.spec};
  run_hook(target, *slot.spec->lifecycle->pre_stop, grace, [self = shared_from_this(), id, grace, begun](ActionResult result) {
    self->post([self, id, grace, begun, result = std::move(result)] {
      Slot* slot = self->slot_of(id);
      if (!slot || !slot->active()) return;
      if (!result.success) self->event(*slot, true, "FailedPreStopHook", "PreStopHook failed");
      Duration left = grace - (self->context_.executor.clock().now() - begun);
      self->signal(id, std::max<Duration>(left, std::chrono::seconds(kMinimumGrace)));
    });
  });
}

void PodWorker::signal(const std::string& id, Duration grace) {
  Slot* slot = slot_of(id);
  if (!slot || !slot->active()) return;
  slot->signalled = true;
  int number = linux::parse_signal(slot->stop_signal.empty() ? "SIGTERM" : slot->stop_signal).value_or(SIGTERM);
  if (grace <= Duration::zero()) number = SIGKILL;
  (void)context_.runtime.kill_container(id, number);
  if (number == SIGKILL) return;
  if (slot->kill_timer) strand_.cancel(slot->kill_timer);
  slot->kill_timer = strand_.after(grace, tasks_->wrap([self = shared_from_this(), id] {
    Slot* slot = self->slot_of(id);
    if (self->finished_ || !slot || !slot->active()) return;
    (void)self->context_.runtime.kill_container(id, SIGKILL);
    self->post_after(std::chrono::seconds(2), [self = self.get(), id] { self->on_exit(id); });
  }));
}

// Removes what the runtime and the network have of the pod, and at its end its volumes: they outlive a sandbox. False: try again.
bool PodWorker::clean_up(bool with_volumes) {
  auto failed = [&](const Status& status) {
    if (!status) LOG(kWarning, "node", "removing pod {}/{}: {}", namespace__, name_, status.error().message());
    return !status.has_value();
  };
  for (const auto& container : context_.runtime.list_containers()) {
    auto label = container.labels.find("pod_uid");
    if (label == container.labels.end() || label->second != uid_) continue;
    if (failed(context_.runtime.remove_container(container.id))) return false;
    (void)context_.images.unpin("container-" + container.id);
  }
  for (const auto& sandbox : context_.runtime.list_sandboxes()) {
    auto label = sandbox.labels.find("pod_uid");
    if (label == sandbox.labels.end() || label->second != uid_) continue;
    if (is_docker_ && context_.docker_network && failed(context_.docker_network->detach(sandbox.id))) return false;
    if (!is_docker_ && failed(context_.network.detach(sandbox.id))) return false;
    if (failed(context_.runtime.remove_sandbox(sandbox.id))) return false;
  }
  sandbox_ready_ = false;
  sandbox_id_.clear();
  netns_.clear();
  if (docker_) docker_->clean_up();
  if (with_volumes && !is_docker_ && !context_.options.hollow && failed(remove_pod_dir(pod_dir()))) return false;
  volumes_ready_ = files_ready_ = false;
  return true;
}

std::string PodWorker::termination_message(const Slot& slot, const runtime::ContainerStatus& status) const {
  if (context_.options.hollow || is_docker_) return "";
  std::string text = read_file(termination_file(slot.spec->name, slot.run->attempt), 1 << 20).value_or("");
  if (text.size() > kTerminationLimit) text.resize(kTerminationLimit);
  if (!text.empty() || slot.spec->termination_message_policy != "FallbackToLogsOnError" || status.exit_code == 0) return text;
  return log_tail(log_path(slot.spec->name, slot.run->attempt));
}

}  // namespace reigen::node
