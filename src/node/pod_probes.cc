// Startup, readiness and liveness probes of a pod's containers (pkg/kubelet/prober/worker.go).
#include "node/action.h"
#include "node/pod_worker.h"

namespace reigen::node {

using namespace api::corev1;

namespace {

// kubelet learns of a container's start when it looks at the runtime, within a second, and probes it then. We know at once, when no program
// listens yet: counted as a failure, that would cost the whole period of the probe.
constexpr auto kFirstLook = std::chrono::seconds(1);
constexpr auto kFirstPause = std::chrono::milliseconds(50);

const Probe* probe_of(const Container& container, size_t kind) {
  const auto& box = kind == 0 ? container.startup_probe : kind == 1 ? container.readiness_probe : container.liveness_probe;
  return box.get();
}

const char* name_of(size_t kind) { return kind == 0 ? "Startup" : kind == 1 ? "Readiness" : "Liveness"; }

}  // namespace

void PodWorker::start_probes(Slot& slot) {
  if (context_.options.hollow || !slot.active() || slot.hook_running) return;
  WallTime now = context_.executor.clock().wall(), started = slot.run->started_at ? slot.run->started_at->wall() : now;
  bool after_startup = !slot.spec->startup_probe || slot.probes[0].passed;
  for (size_t kind = 0; kind < 3; ++kind) {
    const Probe* probe = probe_of(*slot.spec, kind);
    if (!probe || slot.probes[kind].armed || (kind > 0 && !after_startup)) continue;
    if (kind == 0 && slot.probes[0].passed) continue;
    slot.probes[kind].armed = true;
    slot.probes[kind].since = context_.executor.clock().now();
    Duration delay = std::chrono::seconds(probe->initial_delay_seconds) - (now - started);
    arm_probe(slot, static_cast<ProbeKind>(kind), std::max<Duration>(delay, std::chrono::milliseconds(1)));
  }
}

void PodWorker::arm_probe(Slot& slot, ProbeKind kind, Duration delay) {
  post_after(delay, [this, id = slot.run->id, kind] { fire_probe(id, kind); });
}

void PodWorker::fire_probe(const std::string& id, ProbeKind kind) {
  Slot* slot = slot_of(id);
  if (!slot || !slot->active() || slot->stopping) return;
  const Probe* probe = probe_of(*slot->spec, static_cast<size_t>(kind));
  if (!probe) return;
  std::string ip = base_.spec.host_network ? (context_.facts.host_ips.empty() ? "127.0.0.1" : context_.facts.host_ips.front())
                   : pod_ips_.empty()      ? ""
                                           : pod_ips_.front();
  ActionTarget target{context_.runtime, context_.executor, id, ip, *slot->spec};
  run_probe(target, *probe, std::chrono::seconds(std::max(probe->timeout_seconds, 1)), [self = shared_from_this(), id, kind](ActionResult result) {
    self->post([self = self.get(), id, kind, result = std::move(result)] { self->probe_done(id, kind, result); });
  });
}

bool PodWorker::is_early(const Probe& probe, const ProbeState& state) const {
  if (state.passed || state.successes > 0 || state.failures > 0 || probe.initial_delay_seconds > 0) return false;
  return context_.executor.clock().now() - state.since < kFirstLook;
}

void PodWorker::probe_done(const std::string& id, ProbeKind kind, ActionResult result) {
  Slot* slot = slot_of(id);
  if (!slot || !slot->active() || slot->stopping) return;
  size_t index = static_cast<size_t>(kind);
  const Probe* probe = probe_of(*slot->spec, index);
  if (!probe) return;
  ProbeState& state = slot->probes[index];
  if (!result.success && is_early(*probe, state)) return arm_probe(*slot, kind, kFirstPause * (1 << std::min(state.early++, 4u)));
  if (result.errored) {
    event(*slot, true, "Unhealthy", std::string(name_of(index)) + " probe errored: " + result.output);
  } else if (!result.success) {
    event(*slot, true, "Unhealthy", std::string(name_of(index)) + " probe failed: " + result.output);
  }
  if (result.warning) event(*slot, true, "ProbeWarning", std::string(name_of(index)) + " probe warning: " + result.output);
  bool was = state.passed, changed = false, kill = false;
  if (!result.errored) {
    state.successes = result.success ? state.successes + 1 : 0;
    state.failures = result.success ? 0 : state.failures + 1;
    if (state.successes >= std::max(probe->success_threshold, 1)) state.passed = true;
    if (state.failures >= std::max(probe->failure_threshold, 1)) {
      state.passed = false;
      kill = kind != ProbeKind::kReadiness;
    }
    changed = was != state.passed;
  }
  if (kill) {
    int64_t grace = probe->termination_grace_period_seconds.value_or(base_.spec.termination_grace_period_seconds.value_or(30));
    stop(*slot, std::chrono::seconds(grace),
         "Container " + slot->spec->name + " failed " + (kind == ProbeKind::kStartup ? "startup" : "liveness") + " probe, will be restarted");
    return sync();
  }
  if (kind == ProbeKind::kStartup && state.passed) {
    start_probes(*slot);
    return sync();
  }
  arm_probe(*slot, kind, std::chrono::seconds(std::max(probe->period_seconds, 1)));
  if (changed) sync();
}

}  // namespace reigen::node
