// A pod's container as a Container: what dockershim would have asked Docker for, filled with what the image says.
#include <fmt/core.h>

#include <algorithm>

#include "api/pod_rules.h"
#include "docker/create_request.h"
#include "docker/go_json.h"
#include "docker/pod_containers.h"
#include "docker/wire_form.h"

namespace reigen::docker {

namespace {

using api::Value;
using api::corev1::Pod;
using api::dockerv1::Container;

constexpr int64_t kQuotaPeriodUs = 100'000;

Value strings(const std::vector<std::string>& items) {
  if (items.empty()) return {};
  Value out = Value::array();
  for (const auto& item : items) out.push_back(item);
  return out;
}

std::string_view bare_id(std::string_view container_id) {
  size_t at = container_id.find("://");
  return at == std::string_view::npos ? container_id : container_id.substr(at + 3);
}

std::string go_time_or_empty(const api::Time& time) { return time.is_zero() ? std::string() : go_time(time.wall()); }

// One run of a container of a pod.
struct RunOfContainer {
  std::string_view id;
  int attempt = 0;
  const api::corev1::ContainerStateRunning* running = nullptr;
  const api::corev1::ContainerStateTerminated* terminated = nullptr;
};

// The present one, and the one before it when the node still tells of it.
std::vector<RunOfContainer> runs_of(const api::corev1::ContainerStatus& status) {
  std::vector<RunOfContainer> out;
  RunOfContainer now{
      .id = bare_id(status.container_id), .attempt = status.restart_count, .running = status.state.running.get(), .terminated = status.state.terminated.get()};
  const auto* last = status.last_state.terminated.get();
  bool same = last && bare_id(last->container_id) == now.id;
  if (!now.running && !now.terminated && same) now.terminated = last;
  if (!now.id.empty()) out.push_back(now);
  if (last && !same && !last->container_id.empty()) {
    out.push_back({.id = bare_id(last->container_id), .attempt = std::max(0, status.restart_count - 1), .running = nullptr, .terminated = last});
  }
  return out;
}

void fill_state(api::dockerv1::ContainerStatus& out, const RunOfContainer& run) {
  out.state = run.running ? "running" : run.terminated ? "exited" : "created";
  out.run_number = 1;
  if (run.running) out.started_at = go_time_or_empty(run.running->started_at);
  if (run.running || run.terminated) out.attempts = 1;
  if (!run.terminated) return;
  out.exits = 1;
  out.exit_code = run.terminated->exit_code;
  out.oom_killed = run.terminated->reason == "OOMKilled";
  out.started_at = go_time_or_empty(run.terminated->started_at);
  out.finished_at = go_time_or_empty(run.terminated->finished_at);
}

Value labels_of(const Pod& pod, const api::corev1::Container& spec, int attempt) {
  const auto& meta = pod.metadata;
  Value out = Value::object({{"annotation.io.kubernetes.container.restartCount", std::to_string(attempt)},
                             {"annotation.io.kubernetes.container.terminationMessagePath", spec.termination_message_path},
                             {"annotation.io.kubernetes.container.terminationMessagePolicy", spec.termination_message_policy}});
  if (pod.spec.termination_grace_period_seconds)
    out.set("annotation.io.kubernetes.pod.terminationGracePeriod", std::to_string(*pod.spec.termination_grace_period_seconds));
  out.set("io.kubernetes.container.name", spec.name);
  out.set("io.kubernetes.docker.type", "container");
  out.set("io.kubernetes.pod.name", meta.name);
  out.set("io.kubernetes.pod.namespace", meta.namespace_);
  out.set("io.kubernetes.pod.uid", meta.uid);
  return out;
}

// Values from elsewhere (secrets among them) are the node's to know.
Value environment_of(const api::corev1::Container& spec) {
  std::vector<std::string> out;
  for (const auto& variable : spec.env) {
    if (!variable.value_from) out.push_back(variable.name + "=" + variable.value);
  }
  return strings(out);
}

std::string user_of(const Pod& pod, const api::corev1::Container& spec) {
  const auto* own = spec.security_context.get();
  const auto* shared = pod.spec.security_context.get();
  auto pick = [&](auto mine, auto theirs) { return own && own->*mine ? own->*mine : shared ? shared->*theirs : std::nullopt; };
  auto user = pick(&api::corev1::SecurityContext::run_as_user, &api::corev1::PodSecurityContext::run_as_user);
  auto group = pick(&api::corev1::SecurityContext::run_as_group, &api::corev1::PodSecurityContext::run_as_group);
  if (!user) return {};
  return group ? fmt::format("{}:{}", *user, *group) : std::to_string(*user);
}

Value config_of_spec(const Pod& pod, const api::corev1::Container& spec, int attempt) {
  return Value::object({{"Hostname", pod.spec.hostname.empty() ? pod.metadata.name : pod.spec.hostname},
                        {"User", user_of(pod, spec)},
                        {"Tty", spec.tty},
                        {"OpenStdin", spec.stdin},
                        {"StdinOnce", spec.stdin_once},
                        {"Env", environment_of(spec)},
                        {"Cmd", strings(spec.args)},
                        {"Healthcheck", Value::object({{"Test", Value::array({"NONE"})}})},
                        {"Image", spec.image},
                        {"WorkingDir", spec.working_dir},
                        {"Entrypoint", strings(spec.command)},
                        {"Labels", labels_of(pod, spec, attempt)}});
}

std::string source_of(const Pod& pod, const std::string& volume, const std::string& pods_dir) {
  for (const auto& each : pod.spec.volumes) {
    if (each.name == volume && each.host_path) return each.host_path->path;
  }
  return fmt::format("{}/{}/volumes/{}", pods_dir, pod.metadata.uid, volume);
}

std::vector<api::dockerv1::MountPoint> mounts_of(const Pod& pod, const api::corev1::Container& spec, const std::string& pods_dir) {
  std::vector<api::dockerv1::MountPoint> out;
  for (const auto& mount : spec.volume_mounts) {
    api::dockerv1::MountPoint point;
    point.type = "bind";
    point.source = source_of(pod, mount.name, pods_dir) + (mount.sub_path.empty() ? "" : "/" + mount.sub_path);
    point.destination = mount.mount_path;
    point.mode = mount.read_only ? "ro" : "";
    point.rw = !mount.read_only;
    point.propagation = "rprivate";
    out.push_back(std::move(point));
  }
  return out;
}

int64_t limit(const api::Map<api::Quantity>& list, std::string_view name, bool milli) {
  const auto* found = list.get(name);
  return !found ? 0 : milli ? found->milli_value() : found->value();
}

Value host_config_of_spec(const Pod& pod, const api::corev1::Container& spec, const std::vector<api::dockerv1::MountPoint>& mounts) {
  std::vector<std::string> binds;
  for (const auto& point : mounts) binds.push_back(point.source + ":" + point.destination + (point.rw ? "" : ":ro"));
  // The pod network is not one of Docker's.
  Value out = Value::object({{"Binds", strings(binds)},
                             {"NetworkMode", pod.spec.host_network ? "host" : "none"},
                             {"PidMode", pod.spec.host_pid ? "host" : ""},
                             {"IpcMode", pod.spec.host_ipc ? "host" : ""},
                             {"LogConfig", Value::object({{"Type", "json-file"}, {"Config", Value::object()}})}});
  const auto& resources = spec.resources;
  out.set("Memory", limit(resources.limits, "memory", false));
  int64_t cpu = limit(resources.limits, "cpu", true), wanted = limit(resources.requests, "cpu", true);
  out.set("CpuShares", std::max<int64_t>(2, (wanted > 0 ? wanted : cpu) * 1024 / 1000));
  if (cpu > 0) out.set("CpuPeriod", kQuotaPeriodUs);
  if (cpu > 0) out.set("CpuQuota", std::max<int64_t>(1000, cpu * kQuotaPeriodUs / 1000));
  if (const auto* security = spec.security_context.get()) {
    out.set("Privileged", security->privileged.value_or(false));
    out.set("ReadonlyRootfs", security->read_only_root_filesystem.value_or(false));
    if (security->capabilities) {
      out.set("CapAdd", strings(security->capabilities->add));
      out.set("CapDrop", strings(security->capabilities->drop));
    }
  }
  return out;
}

CreateRequest request_of(const Pod& pod, const api::corev1::Container& spec, const RunOfContainer& run, const std::vector<api::dockerv1::MountPoint>& mounts) {
  CreateRequest out;
  out.config = wire_form<api::dockerv1::Config>(config_of_spec(pod, spec, run.attempt)).value_or(Value::object());
  out.host = wire_form<api::dockerv1::HostConfig>(host_config_of_spec(pod, spec, mounts)).value_or(Value::object());
  return out;
}

ContainerPtr container_of(const Pod& pod, const api::corev1::Container& spec, const api::corev1::ContainerStatus& status, const RunOfContainer& run,
                          const PodContainerFacts& facts) {
  auto out = std::make_shared<Container>();
  const auto& meta = pod.metadata;
  out->metadata.name = run.id;
  out->metadata.annotations[std::string(kPodContainerAnnotation)] = fmt::format("{}/{}/{}/{}", meta.namespace_, meta.name, meta.uid, spec.name);
  if (!pod.spec.host_network) out->metadata.annotations[std::string(kPodAddressAnnotation)] = pod.status.pod_ip;
  out->spec.node_name = pod.spec.node_name;
  out->spec.run.number = 1;
  out->spec.docker_name = pod_container_name(spec.name, meta.name, meta.namespace_, meta.uid, run.attempt);
  out->spec.image_name = spec.image;
  out->spec.image_id = status.image_id;
  fill_state(out->status, run);
  out->spec.created = out->status.started_at;
  if (out->spec.created.empty()) out->spec.created = go_time_or_empty(meta.creation_timestamp);
  out->spec.mounts = mounts_of(pod, spec, facts.pods_dir);
  CreateRequest request = request_of(pod, spec, run, out->spec.mounts);
  // One without a command of its own and an image that is gone has none to show.
  if (auto image = facts.image ? facts.image(status.image_id) : nullptr) (void)merge_image(request, *image);
  resolve_command(request, out->spec.path, out->spec.args);
  out->spec.config = api::RawExtension(api::to_json(request.config));
  out->spec.host_config = api::RawExtension(api::to_json(request.host));
  return out;
}

// What an ephemeral container has of a container.
api::corev1::Container as_container(const api::corev1::EphemeralContainer& ephemeral) {
  api::corev1::Container out;
  out.name = ephemeral.name;
  out.image = ephemeral.image;
  out.command = ephemeral.command;
  out.args = ephemeral.args;
  out.working_dir = ephemeral.working_dir;
  out.env = ephemeral.env;
  out.volume_mounts = ephemeral.volume_mounts;
  out.stdin = ephemeral.stdin;
  out.stdin_once = ephemeral.stdin_once;
  out.tty = ephemeral.tty;
  return out;
}

}  // namespace

std::string pod_container_name(std::string_view container, std::string_view pod, std::string_view namespace_, std::string_view uid, int attempt) {
  return fmt::format("k8s_{}_{}_{}_{}_{}", container, pod, namespace_, uid, attempt);
}

std::vector<ContainerPtr> containers_of_pod(const Pod& pod, const PodContainerFacts& facts) {
  std::vector<ContainerPtr> out;
  if (pod.spec.node_name != facts.node_name || api::is_container_pod(pod)) return out;
  auto add = [&](const api::corev1::Container& spec, const std::vector<api::corev1::ContainerStatus>& statuses) {
    for (const auto& status : statuses) {
      if (status.name != spec.name) continue;
      for (const auto& run : runs_of(status)) out.push_back(container_of(pod, spec, status, run, facts));
    }
  };
  for (const auto& spec : pod.spec.containers) add(spec, pod.status.container_statuses);
  for (const auto& spec : pod.spec.init_containers) add(spec, pod.status.init_container_statuses);
  for (const auto& spec : pod.spec.ephemeral_containers) add(as_container(spec), pod.status.ephemeral_container_statuses);
  return out;
}

}  // namespace reigen::docker
