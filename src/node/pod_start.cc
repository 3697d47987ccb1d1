// How a pod comes up: volumes, sandbox, network, images, containers.
#include <fcntl.h>
#include <fmt/core.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "api/nodev1.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random.h"
#include "client/event_recorder.h"
#include "image/reference.h"
#include "network/pod_network.h"
#include "node/action.h"
#include "node/container_part.h"
#include "node/container_spec.h"
#include "node/pod_volumes.h"
#include "node/pod_worker.h"

namespace reigen::node {

using namespace api::corev1;

namespace {

constexpr auto kFirstBackoff = std::chrono::seconds(10);
constexpr auto kMaxBackoff = std::chrono::minutes(5);
constexpr auto kFirstSetupRetry = std::chrono::milliseconds(500);
constexpr auto kMaxSetupRetry = std::chrono::minutes(2);
constexpr auto kConfigRetry = std::chrono::seconds(5);

std::string go_duration(Duration d) {
  int64_t s = d / std::chrono::seconds(1);
  return s < 60 ? fmt::format("{}s", s) : fmt::format("{}m{}s", s / 60, s % 60);
}

std::string format_pod(const Pod& pod) { return pod.metadata.name + "_" + pod.metadata.namespace_ + "(" + pod.metadata.uid + ")"; }

// client-go's Backoff.Next: forgotten when nothing failed for twice the longest wait.
void next_backoff(Duration& backoff, std::optional<WallTime>& updated, WallTime event_at, WallTime now) {
  bool expired = !updated || event_at - *updated > 2 * kMaxBackoff;
  backoff = expired || backoff == Duration::zero() ? Duration(kFirstBackoff) : std::min<Duration>(backoff * 2, kMaxBackoff);
  updated = now;
}

// In place, so that containers that mount the file see the change.
Status write_existing_or_new(const std::string& path, const std::string& text) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return fail_errno("create " + path);
  if (!text.empty() && ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return fail_errno("write " + path);
  return {};
}

std::vector<network::HostPort> host_ports(const Pod& pod) {
  std::vector<network::HostPort> out;
  for (const auto* list : {&pod.spec.init_containers, &pod.spec.containers}) {
    for (const auto& container : *list) {
      if (list == &pod.spec.init_containers && !is_sidecar(container)) continue;
      for (const auto& port : container.ports) {
        if (port.host_port == 0) continue;
        network::HostPort out_port;
        out_port.protocol = port.protocol.empty() ? "TCP" : port.protocol;
        if (auto ip = IpAddress::parse(port.host_ip)) out_port.host_ip = *ip;
        out_port.host_port = static_cast<uint16_t>(port.host_port);
        out_port.container_port = static_cast<uint16_t>(port.container_port);
        out.push_back(std::move(out_port));
      }
    }
  }
  return out;
}

}  // namespace

std::string PodWorker::pod_dir() const { return context_.options.data_dir + "/pods/" + uid_; }
std::string PodWorker::log_root() const { return context_.options.data_dir + "/logs/" + namespace__ + "_" + name_ + "_" + uid_; }
std::string PodWorker::log_path(const std::string& container, int attempt) const {
  return log_root() + "/" + container + "/" + std::to_string(attempt) + ".log";
}
std::string PodWorker::termination_file(const std::string& container, int attempt) const {
  return pod_dir() + "/containers/" + container + "/" + std::to_string(attempt);
}

VolumeContext PodWorker::volume_context() {
  return {base_,     context_.facts,
          pod_ips_,  context_.objects,
          pod_dir(), fmt::format("{:x}_{}", context_.executor.clock().wall().time_since_epoch().count(), ++generation_)};
}

bool PodWorker::ensure_volumes() {
  if (volumes_ready_ || context_.options.hollow) return true;
  if (docker_) return prepare_docker();
  if (auto done = prepare_volumes(volume_context()); !done) {
    event(true, "FailedMount", done.error().message());
    setup_backoff_ = setup_backoff_ == Duration::zero() ? Duration(kFirstSetupRetry) : std::min<Duration>(setup_backoff_ * 2, kMaxSetupRetry);
    retry_after(setup_backoff_);
    return false;
  }
  volumes_ready_ = true;
  setup_backoff_ = {};
  return true;
}

bool PodWorker::ensure_sandbox() {
  if (sandbox_ready_) return true;
  if (docker_ && !sandbox_id_.empty()) {
    docker_lost();
    return false;
  }
  if (!sandbox_id_.empty()) {
    // Gone under us (a reboot): nothing of it can run any more.
    event(false, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.");
    for (auto& slot : slots_) {
      if (slot.active()) (void)context_.runtime.remove_container(slot.run->id);
      if (!slot.active()) continue;
      runtime::ContainerStatus lost;
      lost.exit_code = 255;
      lost.started_at = slot.run->started_at ? slot.run->started_at->wall() : WallTime();
      note_exit(slot, lost);
    }
    if (!clean_up(false)) {
      retry_after(std::chrono::seconds(1));
      return false;
    }
    ++sandbox_attempt_;
    pod_ips_.clear();
    if (!ensure_volumes()) return false;
  }
  if (docker_) {
    auto made = make_docker_sandbox();
    if (!made) docker_start_failed(made.error(), false);
    return made.has_value();
  }
  if (auto made = make_sandbox(); !made) {
    event(true, "FailedCreatePodSandBox", "Failed to create pod sandbox: " + made.error().message());
    if (!sandbox_id_.empty()) {
      (void)context_.network.detach(sandbox_id_);
      (void)context_.runtime.remove_sandbox(sandbox_id_);
      sandbox_id_.clear();
    }
    setup_backoff_ = setup_backoff_ == Duration::zero() ? Duration(kFirstSetupRetry) : std::min<Duration>(setup_backoff_ * 2, kMaxSetupRetry);
    retry_after(setup_backoff_);
    return false;
  }
  setup_backoff_ = {};
  sandbox_ready_ = true;
  publish_handles();
  return true;
}

// This node has one runtime, whose handler has its name.
Status PodWorker::check_runtime_class() {
  const auto& name = base_.spec.runtime_class_name;
  if (!name || name->empty() || context_.options.hollow) return {};
  auto found = context_.client.get<api::nodev1::RuntimeClass>("", *name);
  if (!found) return fail(found.error());
  if ((*found)->handler == context_.runtime.name()) return {};
  return fail(Code::kInvalidArgument, "no runtime for \"" + (*found)->handler + "\" is configured");
}

Status PodWorker::make_sandbox() {
  TRY(check_runtime_class());
  runtime::SandboxSpec spec;
  spec.id = system_random().hex(32);
  spec.labels = {{"pod_uid", uid_}, {"pod_name", name_}, {"pod_namespace", namespace__}, {"attempt", std::to_string(sandbox_attempt_)}};
  spec.hostname = pod_host_name(base_);
  if (base_.spec.set_hostname_as_fqdn.value_or(false)) {
    if (auto fqdn = pod_fqdn(base_, context_.dns.domain); !fqdn.empty()) spec.hostname = fqdn;
    if (spec.hostname.size() > 64)
      return fail(Code::kInvalidArgument,
                  "failed to construct FQDN from pod hostname and cluster domain, FQDN " + spec.hostname + " is too long (64 characters is the max)");
  }
  spec.cgroup_parent = pod_cgroup(base_);
  spec.resources = pod_resources(base_);
  spec.host_network = base_.spec.host_network;
  spec.host_ipc = base_.spec.host_ipc;
  spec.host_pid = base_.spec.host_pid;
  spec.shared_pid = base_.spec.share_process_namespace.value_or(false);
  if (base_.spec.security_context) {
    for (const auto& sysctl : base_.spec.security_context->sysctls) spec.sysctls.emplace_back(sysctl.name, sysctl.value);
  }
  sandbox_id_ = spec.id;
  TRY_ASSIGN(auto made, context_.runtime.create_sandbox(spec));
  netns_ = made.netns_path;
  pod_ips_.clear();
  if (!spec.host_network) {
    TRY_ASSIGN(auto attachment, context_.network.attach(spec.id, made.netns_path, host_ports(base_)));
    for (const auto& address : attachment.addresses) pod_ips_.push_back(address.str());
  }
  if (context_.options.hollow) return {};
  return write_files();
}

Status PodWorker::write_files() {
  std::string host = base_.spec.host_network ? read_file("/etc/hosts", 1 << 20).value_or("") : "";
  TRY(make_directories(pod_dir(), 0750));
  TRY(write_existing_or_new(pod_dir() + "/etc-hosts",
                            hosts_file(base_, base_.spec.host_network ? std::vector<std::string>() : pod_ips_, context_.dns.domain, host)));
  TRY(write_existing_or_new(pod_dir() + "/resolv.conf", resolv_conf(base_, context_.dns)));
  files_ready_ = true;
  return {};
}

void PodWorker::wait_with(Slot& slot, const char* reason, std::string message) {
  auto& waiting = slot.waiting.emplace();
  waiting.reason = reason;
  waiting.message = std::move(message);
}

void PodWorker::try_start(Slot& slot) {
  if (slot.pulling || slot.stopping || slot.active() || terminating_) return;
  if (in_backoff(slot)) return;
  ImageStep image = ensure_image(slot);
  if (!image) return;
  launch(slot, *image);
}

bool PodWorker::in_backoff(Slot& slot) {
  if (!slot.run || slot.pulled) return false;
  WallTime now = context_.executor.clock().wall();
  WallTime ended = slot.run->finished_at ? slot.run->finished_at->wall() : now;
  bool since = slot.backoff_at && ended - *slot.backoff_at <= 2 * kMaxBackoff && now - ended < slot.backoff;
  if (!since) return false;
  bool first = !slot.waiting || slot.waiting->reason != "CrashLoopBackOff";
  wait_with(slot, "CrashLoopBackOff",
            "back-off " + go_duration(slot.backoff) + " restarting failed container=" + slot.spec->name + " pod=" + format_pod(base_));
  if (first) event(slot, true, "BackOff", "Back-off restarting failed container " + slot.spec->name + " in pod " + format_pod(base_));
  retry_after(slot.backoff - (now - ended));
  return true;
}

PodWorker::ImageStep PodWorker::ensure_image(Slot& slot) {
  const std::string& name = slot.spec->image;
  std::string policy = slot.spec->image_pull_policy.empty() ? "IfNotPresent" : slot.spec->image_pull_policy;
  if (auto pulled = std::exchange(slot.pulled, std::nullopt)) {
    if (*pulled) return std::move(**pulled);
    return std::nullopt;
  }
  auto parsed = context_.options.hollow ? Result<image::Reference>(image::Reference()) : image::parse_reference(name);
  if (!parsed && !name.starts_with("sha256:")) {
    std::string text = "Failed to apply default image tag \"" + name + "\": couldn't parse image name \"" + name + "\": " + parsed.error().message();
    event(slot, true, "InspectFailed", text);
    wait_with(slot, "InvalidImageName", text);
    retry_after(kMaxBackoff);
    return std::nullopt;
  }
  if (policy != "Always") {
    auto found = context_.images.find(name);
    if (found) {
      event(slot, false, "Pulled", "Container image \"" + name + "\" already present on machine");
      return std::move(*found);
    }
    if (policy == "Never") {
      std::string text = "Container image \"" + name + "\" is not present with pull policy of Never";
      event(slot, true, "ErrImageNeverPull", text);
      wait_with(slot, "ErrImageNeverPull", text);
      retry_after(std::chrono::seconds(10));
      return std::nullopt;
    }
  }
  WallTime now = context_.executor.clock().wall();
  if (slot.image_backoff_at && now - *slot.image_backoff_at < slot.image_backoff) {
    bool first = !slot.waiting || slot.waiting->reason != "ImagePullBackOff";
    std::string text = "Back-off pulling image \"" + name + "\"";
    if (first) event(slot, false, "BackOff", text);
    wait_with(slot, "ImagePullBackOff", slot.image_error.empty() ? text : text + ": " + slot.image_error);
    retry_after(slot.image_backoff - (now - *slot.image_backoff_at));
    return std::nullopt;
  }
  begin_pull(slot, policy);
  return std::nullopt;
}

void PodWorker::begin_pull(Slot& slot, const std::string&) {
  std::string image = slot.spec->image, container = slot.spec->name;
  event(slot, false, "Pulling", "Pulling image \"" + image + "\"");
  slot.pulling = true;
  if (!slot.run) slot.waiting.reset();
  std::vector<std::string> configs;
  for (const auto& reference : base_.spec.image_pull_secrets) {
    auto secret = context_.objects.secret(namespace__, reference.name);
    if (!secret) {
      event(true, "FailedToRetrieveImagePullSecret",
            "Unable to retrieve some image pull secrets (" + reference.name + "); attempting to pull the image may not succeed.");
      continue;
    }
    for (const char* key : {".dockerconfigjson", ".dockercfg"}) {
      if (const auto* data = (*secret)->data.get(key)) configs.emplace_back(data->view());
    }
  }
  TimePoint begun = context_.executor.clock().now();
  context_.images.pull(image, std::move(configs), [self = shared_from_this(), image, container, begun](Result<ImageInfo> info) {
    auto shared = std::make_shared<Result<ImageInfo>>(std::move(info));
    self->post([self = self.get(), shared, image, container, begun] {
      Slot* slot = self->find_slot(container);
      if (!slot) return;
      slot->pulling = false;
      WallTime now = self->context_.executor.clock().wall();
      if (*shared) {
        auto ms = (self->context_.executor.clock().now() - begun) / std::chrono::milliseconds(1);
        std::string took = ms < 1000 ? fmt::format("{}ms", ms) : fmt::format("{:.3f}s", static_cast<double>(ms) / 1000);
        self->event(*slot, false, "Pulled",
                    fmt::format("Successfully pulled image \"{}\" in {} ({} including waiting). Image size: {} bytes.", image, took, took, (*shared)->size));
        slot->image_backoff = {};
        slot->image_backoff_at.reset();
        slot->pulled = std::move(*shared);
      } else {
        std::string text = (*shared).error().message();
        self->event(*slot, true, "Failed", "Failed to pull image \"" + image + "\": " + text);
        self->event(*slot, true, "Failed", "Error: ErrImagePull");
        next_backoff(slot->image_backoff, slot->image_backoff_at, now, now);
        slot->image_error = "ErrImagePull: " + text;
        self->wait_with(*slot, "ErrImagePull", text);
        if (!self->wants_end()) self->write_status();
        return self->retry_after(std::chrono::seconds(2));
      }
      self->sync();
    });
  });
}

Result<runtime::ContainerSpec> PodWorker::spec_for(Slot& slot, const ImageInfo& image, int attempt) {
  TRY_ASSIGN(auto env, make_environment(base_, *slot.spec, context_.facts, pod_ips_, context_.objects));
  SpecContext context{base_, *slot.spec, image, env, context_.facts, context_.options.seccomp_default, context_.options.data_dir + "/seccomp"};
  TRY_ASSIGN(auto spec, make_container_spec(context));
  if (!slot.target.empty()) {
    Slot* target = find_slot(slot.target);
    if (!target || !target->run || target->run->id.empty()) return fail(Code::kInvalidArgument, "unable to find target container " + slot.target);
    spec.pid_namespace_of = target->run->id;
  }
  spec.id = system_random().hex(32);
  spec.sandbox_id = sandbox_id_;
  spec.labels = {{"pod_uid", uid_},
                 {"pod_name", name_},
                 {"pod_namespace", namespace__},
                 {"name", slot.spec->name},
                 {"attempt", std::to_string(attempt)},
                 {"image", slot.spec->image},
                 {"image_ref", image.ref},
                 {"stop_signal", image.stop_signal},
                 {"spec_image", slot.spec->image}};
  if (context_.options.hollow) return spec;
  (void)remove_subpaths(pod_dir(), slot.spec->name);
  Environment all = env.services;
  for (const auto& [name, value] : env.own) all[name] = value;
  TRY_ASSIGN(spec.mounts, container_mounts(volume_context(), *slot.spec, all));
  auto add = [&](const std::string& source, const std::string& destination) {
    bool there = std::any_of(spec.mounts.begin(), spec.mounts.end(), [&](const auto& mount) { return mount.destination == destination; });
    if (!there) spec.mounts.push_back({source, destination, "bind", {"rbind", "rprivate", "rw"}});
  };
  add(pod_dir() + "/etc-hosts", "/etc/hosts");
  add(pod_dir() + "/resolv.conf", "/etc/resolv.conf");
  std::string message = termination_file(slot.spec->name, attempt);
  TRY(make_directories(message.substr(0, message.rfind('/')), 0755));
  TRY(write_existing_or_new(message, ""));
  (void)::chmod(message.c_str(), 0666);
  add(message, slot.spec->termination_message_path.empty() ? "/dev/termination-log" : slot.spec->termination_message_path);
  spec.log_path = log_path(slot.spec->name, attempt);
  TRY(make_directories(log_root() + "/" + slot.spec->name, 0755));
  return spec;
}

void PodWorker::launch(Slot& slot, const ImageInfo& image) {
  int attempt = slot.run ? slot.run->attempt + 1 : 0;
  auto give_up = [&](const char* reason, const std::string& message) {
    event(slot, true, "Failed", "Error: " + message);
    wait_with(slot, reason, message);
    retry_after(kConfigRetry);
  };
  if (slot.ephemeral) {
    auto field = unsupported_in(*slot.spec, "spec.ephemeralContainers{" + slot.spec->name + "}.");
    if (field) return give_up("UnsupportedField", field->path + ": " + field->why);
  }
  auto spec = spec_for(slot, image, attempt);
  if (!spec) return give_up("CreateContainerConfigError", spec.error().message());
  (void)context_.images.pin("container-" + spec->id, image.id);
  if (auto created = context_.runtime.create_container(*spec); !created) {
    (void)context_.images.unpin("container-" + spec->id);
    return give_up("CreateContainerError", created.error().message());
  }
  event(slot, false, "Created", "Created container: " + slot.spec->name);
  if (slot.run) {
    WallTime now = context_.executor.clock().wall();
    next_backoff(slot.backoff, slot.backoff_at, slot.run->finished_at ? slot.run->finished_at->wall() : now, now);
    if (!slot.run->id.empty()) {
      (void)context_.runtime.remove_container(slot.run->id);
      (void)context_.images.unpin("container-" + slot.run->id);
      if (attempt >= 2 && !context_.options.hollow) ::unlink(log_path(slot.spec->name, attempt - 2).c_str());
    }
    slot.previous = std::move(slot.run);
  }
  ContainerRun run;
  run.id = spec->id;
  run.attempt = attempt;
  run.image = slot.spec->image;
  run.image_id = image.ref;
  slot.run = std::move(run);
  slot.waiting.reset();
  slot.stop_signal = image.stop_signal;
  slot.started_image = slot.spec->image;
  for (auto& probe : slot.probes) probe = ProbeState();
  auto started = context_.runtime.start_container(spec->id);
  auto status = context_.runtime.container_status(spec->id);
  if (!started) {
    std::string message = started.error().message();
    event(slot, true, "Failed", "Error: " + message);
    if (status) note_exit(slot, *status);
    else slot.run->state = ContainerRun::State::kExited;
    if (!slot.ephemeral) wait_with(slot, "RunContainerError", message);
    return retry_after(std::chrono::seconds(1));
  }
  event(slot, false, "Started", "Started container " + slot.spec->name);
  slot.run->state = ContainerRun::State::kRunning;
  if (status) slot.run->started_at = api::Time(status->started_at);
  if (status && status->state == runtime::ContainerState::kExited) {
    note_exit(slot, *status);
    return retry_after(std::chrono::milliseconds(10));
  }
  post_start(slot);
}

void PodWorker::post_start(Slot& slot) {
  bool hook = slot.spec->lifecycle && slot.spec->lifecycle->post_start && !context_.options.hollow;
  if (!hook) return start_probes(slot);
  slot.hook_running = true;
  std::string id = slot.run->id;
  ActionTarget target{context_.runtime, context_.executor, id, pod_ips_.empty() ? "" : pod_ips_.front(), *slot.spec};
  run_hook(target, *slot.spec->lifecycle->post_start, std::chrono::hours(1), [self = shared_from_this(), id](ActionResult result) {
    self->post([self = self.get(), id, result = std::move(result)] {
      Slot* slot = self->slot_of(id);
      if (!slot || !slot->active()) return;
      slot->hook_running = false;
      if (!result.success) {
        self->event(*slot, true, "FailedPostStartHook", "PostStartHook failed");
        self->stop(*slot, std::chrono::seconds(self->base_.spec.termination_grace_period_seconds.value_or(30)), "FailedPostStartHook");
      } else {
        self->start_probes(*slot);
      }
      self->sync();
    });
  });
}

// kubelet's rule: a log larger than the limit is renamed, the oldest go.
void PodWorker::rotate_logs() {
  for (const auto& slot : slots_) {
    if (!slot.active() || slot.run->id.empty()) continue;
    if (docker_) {
      docker_->rotate_log(slot.run->id);
      continue;
    }
    std::string path = log_path(slot.spec->name, slot.run->attempt);
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0 || info.st_size < context_.options.log_max_bytes) continue;
    for (int i = context_.options.log_max_files - 1; i >= 1; --i) {
      std::string from = i == 1 ? path : path + "." + std::to_string(i - 1);
      (void)::rename(from.c_str(), (path + "." + std::to_string(i)).c_str());
    }
    if (auto done = context_.runtime.reopen_log(slot.run->id); !done) LOG(kWarning, "node", "{}", done.error().message());
  }
}

}  // namespace reigen::node
