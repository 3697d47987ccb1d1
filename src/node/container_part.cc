#include "node/container_part.h"

#include <fmt/core.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "api/docker_names.h"
#include "api/json.h"
#include "apiserver/docker_error.h"
#include "base/files.h"
#include "base/log.h"
#include "linux/pidfd.h"
#include "node/container_service.h"
#include "node/container_times.h"
#include "node/docker_log_options.h"
#include "node/docker_seccomp.h"
#include "node/docker_spec.h"
#include "node/log_rotation.h"
#include "node/pod_worker.h"

namespace reigen::node {

using api::dockerv1::ContainerStatus;

namespace {

constexpr auto kFirstDelay = std::chrono::milliseconds(100);
constexpr auto kLastDelay = std::chrono::minutes(1);
constexpr auto kSteadyRun = std::chrono::seconds(10);
constexpr size_t kRuntimeIdDigits = 56;
constexpr int kLostExit = 255, kNotStarted = 128;

int64_t number_of(const std::string& text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void end_run(ContainerStatus& status) {
  status.pid = 0;
  for (auto& network : status.networks) {
    api::dockerv1::EndpointStatus kept;
    kept.network = network.network;
    kept.network_id = network.network_id;
    network = std::move(kept);
  }
  status.ports.clear();
  ++status.exits;
}

}  // namespace

Result<std::unique_ptr<ContainerPart>> ContainerPart::open(NodeContext& context, const api::corev1::Pod& pod) {
  if (!context.docker) return fail(Code::kNotFound, "this node has no Docker containers");
  std::string id = pod.metadata.annotations.value_or(api::kContainerAnnotation, "");
  int64_t run = number_of(pod.metadata.annotations.value_or(api::kRunAnnotation, ""));
  TRY_ASSIGN(auto object, context.docker->object(id, run));
  bool owned = std::any_of(pod.metadata.owner_references.begin(), pod.metadata.owner_references.end(),
                           [&](const auto& owner) { return owner.uid == object->metadata.uid; });
  if (!owned || object->spec.node_name != context.options.node_name) return fail(Code::kNotFound, "container " + id + " is not this pod's");
  TRY_ASSIGN(auto view, DockerView::of(object));
  auto entry = context.docker->entry(id);
  entry->status->seed(object->status);
  return std::unique_ptr<ContainerPart>(new ContainerPart(context, *context.docker, std::move(entry), std::move(view), pod, run));
}

ContainerPart::ContainerPart(NodeContext& context, ContainerService& service, std::shared_ptr<ContainerEntry> entry, DockerView view,
                             const api::corev1::Pod& pod, int64_t run)
    : context_(context), service_(service), entry_(std::move(entry)), view_(std::move(view)), pod_uid_(pod.metadata.uid), run_(run) {
  (void)read_record(pod);
  auto status = entry_->status->current();
  bool lives = status.state == "running" || status.state == "paused" || status.state == "restarting";
  over_ = status.run_number > run_ || (status.run_number == run_ && !lives);
}

ContainerPart::~ContainerPart() {
  (void)finish_network();
  stop_health();
}

bool ContainerPart::begun() const { return entry_->status->current().run_number == run_; }

bool ContainerPart::was_running() const {
  auto status = entry_->status->current();
  return status.run_number == run_ && (status.state == "running" || status.state == "paused");
}

std::string ContainerPart::container_dir() const { return service_.container_dir(view_.id()); }
std::string ContainerPart::mount_user() const { return pod_uid_; }
std::string ContainerPart::log_path() const { return view_.host.log_config.type == "none" ? "" : container_dir() + "/log"; }
int ContainerPart::restart_count() const { return entry_->status->current().restart_count; }

void ContainerPart::update(std::shared_ptr<const api::dockerv1::Container> object) {
  if (object->metadata.uid != view_.object->metadata.uid) return;
  auto view = DockerView::of(std::move(object));
  if (!view) {
    LOG(kWarning, "docker", "{}", view.error().message());
    return;
  }
  view_ = std::move(*view);
  if (attachment_ && entry_->live.lock()->running) write_names();
}

// Two informers tell of one wish: what the pod says may be seen before what its Container says.
void ContainerPart::refresh_object() {
  if (auto object = service_.fresh_object(view_.id())) update(std::move(*object));
}

std::string ContainerPart::stop_signal() {
  const auto* wish = &view_.object->spec.run;
  if (wish->wanted && wish->number == run_) {
    refresh_object();
    wish = &view_.object->spec.run;
  }
  if (!wish->signal.empty()) return wish->signal;
  return view_.config.stop_signal.empty() ? "SIGTERM" : view_.config.stop_signal;
}

std::optional<Duration> ContainerPart::grace() {
  const auto* wish = &view_.object->spec.run;
  if (wish->wanted && wish->number == run_) {
    refresh_object();
    wish = &view_.object->spec.run;
  }
  if ((wish->wanted && wish->number == run_) || !wish->grace_seconds) return std::nullopt;
  return std::chrono::seconds(std::clamp<int64_t>(*wish->grace_seconds, 0, int64_t{1} << 31));
}

// --- start ---

std::string ContainerPart::hostname() {
  if (!shared_hostname_.empty()) return shared_hostname_;
  if (!view_.config.hostname.empty()) return view_.config.hostname;
  if (network_mode_of(view_.host) == "host" || view_.host.uts_mode == "host") {
    char name[HOST_NAME_MAX + 1] = {};
    if (::gethostname(name, sizeof name - 1) == 0) return name;
  }
  return view_.id().substr(0, 12);
}

Result<ImageInfo> ContainerPart::image() { return context_.images.find_id(view_.object->spec.image_id); }

Status ContainerPart::prepare(const ImageInfo& image) {
  if (!record_.error.empty()) return fail(apiserver::docker_error(record_.error_code ? record_.error_code : 500, record_.error));
  if (auto log = log_rotation(view_.host.log_config); !log) return fail(apiserver::docker_error(500, log.error().message()));
  TRY(make_directories(container_dir(), 0710));
  TRY(find_links(true));
  DockerMountsInput input{view_, service_.volumes(), context_.runtime, {image.layers, view_.id()}, container_dir(), mount_user(), service_.files_dir(view_)};
  TRY_ASSIGN(mounts_, prepare_docker_mounts(input));
  return write_files();
}

// Whom a mode "container:X" names. `stopped` is the error's text when it does not run, {0} its id.
Result<ContainerPart::Target> ContainerPart::running_target(const std::string& reference, const char* stopped) {
  auto other = service_.resolve(reference);
  if (!other) return fail(apiserver::docker_error(404, "No such container: " + reference));
  auto found = service_.find_entry(other->metadata.name);
  auto live = found ? *found->live.lock() : LiveContainer();
  if (!live.running) return fail(apiserver::docker_error(409, fmt::format(fmt::runtime(stopped), other->metadata.name)));
  return Target{std::move(other), std::move(live)};
}

Status ContainerPart::fill_sandbox(runtime::SandboxSpec& spec) {
  spec.labels["docker_id"] = view_.id();
  spec.labels["run"] = std::to_string(run_);
  fill_docker_sandbox(view_, spec);
  // A run of its own has one of its own: the last one's may still be on its way out.
  spec.cgroup_parent += "-" + std::to_string(run_);
  if (auto target = container_of_mode(view_.host.network_mode)) {
    TRY_ASSIGN(auto other, running_target(*target, "cannot join network of a non running container: {0}"));
    spec.net_namespace_of = other.live.sandbox;
    if (auto config = api::decode_json_as<api::dockerv1::Config>(other.object->spec.config.raw)) shared_hostname_ = config->hostname;
  }
  if (auto target = container_of_mode(view_.host.ipc_mode)) {
    TRY_ASSIGN(auto other, running_target(*target, "can't join IPC of container {0}: container {0} is not running"));
    auto host = api::decode_json_as<api::dockerv1::HostConfig>(other.object->spec.host_config.raw);
    if (!host || host->ipc_mode != "shareable") {
      return fail(apiserver::docker_error(
          400,
          fmt::format("can't join IPC of container {}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)", other.object->metadata.name)));
    }
    spec.ipc_namespace_of = other.live.sandbox;
  }
  if (!spec.host_uts.value_or(false)) spec.hostname = hostname();
  return {};
}

Result<runtime::ContainerSpec> ContainerPart::container_spec(const ImageInfo& image, const std::string& sandbox) {
  TRY_ASSIGN(auto made, make_docker_spec({view_, image.layers, hostname(), link_env_}));
  auto& spec = made.spec;
  TRY(add_docker_devices(view_.host, spec));
  if (!made.seccomp_profile.empty()) {
    TRY_ASSIGN(std::string profile, convert_seccomp(made.seccomp_profile, spec.security));
    spec.security.seccomp = runtime::SeccompKind::kFile;
    spec.security.seccomp_file = container_dir() + "/seccomp.json";
    TRY(write_file(spec.security.seccomp_file, profile));
  }
  if (auto target = container_of_mode(view_.host.pid_mode)) {
    TRY_ASSIGN(auto other, running_target(*target, "container {0} is not running"));
    spec.pid_namespace_of = other.live.runtime_id;
  }
  int64_t attempt = entry_->status->current().attempts + 1;
  spec.id = view_.id().substr(0, kRuntimeIdDigits) + "-" + std::to_string(attempt);
  spec.sandbox_id = sandbox;
  spec.mounts = mounts_.mounts;
  spec.log_path = log_path();
  spec.labels["docker_id"] = view_.id();
  spec.labels["run"] = std::to_string(run_);
  if (auto size = entry_->attach->early_size()) std::tie(spec.console_width, spec.console_height) = *size;
  entry_->live.lock()->mount_sources = mounts_.sources;
  return std::move(spec);
}

runtime::StartOptions ContainerPart::start_options(const std::string& runtime_id) {
  runtime::StartOptions options;
  if (attachment_ && !attachment_->legs.empty()) publish_names(true);  // it has its network since an earlier start
  options.before_run = [this, runtime_id]() -> Status {
    TRY(finish_network());
    entry_->attach->run(runtime_id);
    if (attachment_ && !attachment_->legs.empty()) sync_names();
    return {};
  };
  return options;
}

void ContainerPart::started(const runtime::ContainerStatus& status) {
  mounts_.view.reset();
  HealthState health;
  {
    auto live = entry_->live.lock();
    live->runtime_id = status.id;
    live->sandbox = sandbox_;
    live->netns = netns_;
    live->running = true;
    live->paused = false;
    live->shares_network = container_of_mode(view_.host.network_mode).has_value();
    health.log = live->health_state.log;
  }
  bool checked = health_checks(view_.config).has_value();
  if (checked) health.status = "starting";
  auto networks = endpoint_status();
  auto ports = port_status();
  entry_->status->change([&](ContainerStatus& to) {
    bool same_run = to.run_number == run_;
    to.state = "running";
    to.run_number = run_;
    to.pod_uid = pod_uid_;
    ++to.attempts;
    if (!same_run) to.restart_count = 0;
    to.pid = status.pid;
    to.exit_code = 0;
    to.error.clear();
    to.error_code = 0;
    to.oom_killed = false;
    to.started_at = docker_time(status.started_at);
    to.health = health.status;
    to.sandbox_id = container_of_mode(view_.host.network_mode) ? "" : sandbox_;
    to.networks = networks;
    to.ports = ports;
    to.lost = false;
  });
  start_health(status, std::move(health));
}

void ContainerPart::start_failed(const Error& cause, bool from_runtime) {
  // The network comes first for Docker, whatever failed beside it.
  (void)finish_network();
  if (network_error_) from_runtime = false;
  const Error& error = network_error_.value_or(cause);
  mounts_.view.reset();
  over_ = true;
  entry_->attach->ended();
  leave_network();
  StartFailure failure = start_failure(error, view_.object->spec.path, from_runtime);
  forget_run();
  entry_->status->change([&](ContainerStatus& to) {
    to.state = to.started_at.empty() ? "created" : "exited";
    to.run_number = run_;
    to.pod_uid = pod_uid_;
    // Docker tells of the sandbox, though it is gone.
    if (!sandbox_.empty() && !container_of_mode(view_.host.network_mode)) to.sandbox_id = sandbox_;
    if (from_runtime) ++to.attempts;
    if (failure.exit_code != kNotStarted || to.exit_code == 0) to.exit_code = failure.exit_code;
    to.error = failure.text;
    to.error_code = failure.status;
    end_run(to);
  });
}

// --- what an agent before this one left ---

void ContainerPart::adopt_sandbox(const std::string& sandbox, const std::string& netns) {
  sandbox_ = sandbox;
  netns_ = netns;
  attachment_ = service_.container_network().find(sandbox);
  std::string mode = network_mode_of(view_.host);
  if (!attachment_ && mode != "host" && !container_of_mode(mode)) attachment_.emplace().sandbox = sandbox;
  (void)find_links(false);
  auto input = files_input();
  hosts_ = docker_hosts_file(input).value_or("");
  resolv_conf_ = docker_resolv_conf(input);
  for (const auto& point : view_.object->spec.mounts) {
    if (point.type == "volume") service_.volumes().adopt(point.name, mount_user());
    if (point.type == "bind") mounts_.sources[point.destination] = point.source;
  }
}

void ContainerPart::adopt(const runtime::ContainerStatus& status) {
  auto known = entry_->status->current();
  {
    auto live = entry_->live.lock();
    live->runtime_id = status.id;
    live->sandbox = sandbox_;
    live->netns = netns_;
    live->running = true;
    live->paused = known.state == "paused";
    live->shares_network = container_of_mode(view_.host.network_mode).has_value();
    live->mount_sources = mounts_.sources;
  }
  entry_->attach->adopt(status.id);
  publish_names(true);
  if (known.run_number != run_ || (known.state != "running" && known.state != "paused")) {
    // The last agent ended between the start and telling of it.
    return started(status);
  }
  HealthState health;
  if (health_checks(view_.config)) health.status = known.health.empty() ? "starting" : known.health;
  start_health(status, std::move(health));
}

// --- health ---

void ContainerPart::start_health(const runtime::ContainerStatus& status, HealthState state) {
  stop_health();
  auto checks = health_checks(view_.config);
  if (!checks) return;
  auto writer = entry_->status;
  std::weak_ptr<ContainerEntry> weak = entry_;
  int64_t run = run_;
  auto changed = [weak, run] {
    auto entry = weak.lock();
    auto health = entry ? entry->live.lock()->health : nullptr;
    if (!health) return;
    std::string now = health->state().status;
    entry->status->change([&](ContainerStatus& to) {
      if (to.run_number == run && (to.state == "running" || to.state == "paused")) to.health = now;
    });
  };
  auto probed = [id = view_.id(), probes = service_.probes()](const std::string& exec_id, const std::vector<std::string>& command, std::optional<int> code) {
    auto told = probes->lock();
    if (*told) (*told)({id, exec_id, command, code});
  };
  auto health = std::make_shared<ContainerHealth>(context_.runtime, context_.executor, context_.tasks, status.id, std::move(*checks), status.started_at,
                                                  std::move(state), ContainerHealth::Told{std::move(changed), std::move(probed)});
  health_ = health;
  entry_->live.lock()->health = health;
  health->start();
}

void ContainerPart::stop_health() {
  if (!health_) return;
  health_->stop();
  auto live = entry_->live.lock();
  if (live->health == health_) {
    live->health_state = health_->state();
    live->health = nullptr;
  }
  health_.reset();
}

// --- end ---

std::optional<Duration> ContainerPart::restart_after(const runtime::ContainerStatus& status, bool ended_by_us) {
  const auto& policy = view_.host.restart_policy;
  if (ended_by_us || policy.name.empty() || policy.name == "no") return std::nullopt;
  refresh_object();  // a kill may just have said that it shall stay down
  const auto& wish = view_.object->spec.run;
  if (wish.number != run_ || !wish.wanted || wish.exit_on_next) return std::nullopt;
  const auto& now = view_.host.restart_policy;
  bool again = now.name == "always" || (now.name == "unless-stopped" && !wish.stopped_by_user);
  if (now.name == "on-failure") again = status.exit_code != 0 && (now.maximum_retry_count == 0 || restart_count() < now.maximum_retry_count);
  if (!again) return std::nullopt;
  bool steady = status.started_at != WallTime() && status.finished_at - status.started_at >= kSteadyRun;
  restart_delay_ = steady || restart_delay_ == Duration::zero() ? Duration(kFirstDelay) : std::min<Duration>(restart_delay_ * 2, kLastDelay);
  return restart_delay_;
}

void ContainerPart::ended(const runtime::ContainerStatus& status, bool restarts) {
  stop_health();
  entry_->attach->ended();
  {
    auto live = entry_->live.lock();
    live->running = live->paused = false;
    live->runtime_id.clear();
  }
  rotate_log("");
  if (restarts) {
    publish_names(false);
  } else {
    over_ = true;
    leave_network();
  }
  WallTime finished = status.finished_at == WallTime() ? context_.executor.clock().wall() : status.finished_at;
  entry_->status->change([&](ContainerStatus& to) {
    auto networks = to.networks;
    auto ports = to.ports;
    end_run(to);
    if (restarts) {
      // The sandbox stays, with all it has.
      to.networks = std::move(networks);
      to.ports = std::move(ports);
      ++to.restart_count;
    }
    to.state = restarts ? "restarting" : "exited";
    to.run_number = run_;
    to.pod_uid = pod_uid_;
    to.exit_code = status.exit_code;
    to.oom_killed = status.oom_killed;
    to.finished_at = docker_time(finished);
    if (!to.health.empty()) to.health = "unhealthy";
  });
}

void ContainerPart::forget_run() {
  auto live = entry_->live.lock();
  live->runtime_id.clear();
  live->sandbox.clear();
  live->netns.clear();
  live->running = live->paused = false;
  live->mount_sources.clear();
}

void ContainerPart::lost(std::optional<int> exit_code) {
  stop_health();
  entry_->attach->ended();
  over_ = true;
  leave_network();
  forget_run();
  entry_->status->change([&](ContainerStatus& to) {
    end_run(to);
    to.state = "exited";
    to.run_number = run_;
    to.exit_code = exit_code.value_or(kLostExit);
    to.finished_at = docker_time(context_.executor.clock().wall());
    to.lost = true;
    if (!to.health.empty()) to.health = "unhealthy";
  });
}

void ContainerPart::give_up() {
  if (over_) return;
  over_ = true;
  leave_network();
  entry_->status->change([&](ContainerStatus& to) {
    end_run(to);
    --to.exits;  // its end was told
    to.state = "exited";
    to.run_number = run_;
  });
}

void ContainerPart::clean_up() {
  if (!sandbox_.empty()) {
    if (auto gone = service_.names().remove(sandbox_); !gone) LOG(kWarning, "docker", "{}", gone.error().message());
  }
  release_docker_mounts(service_.volumes(), mount_user(), container_dir());
  {
    auto live = entry_->live.lock();
    if (live->sandbox == sandbox_) live->sandbox.clear(), live->netns.clear();
  }
  sandbox_.clear();
  netns_.clear();
  attachment_.reset();
  service_.pod_finished(view_.id());
}

bool ContainerPart::rotates_log() const {
  auto limits = log_rotation(view_.host.log_config);
  return limits && limits->max_bytes > 0;
}

void ContainerPart::rotate_log(const std::string& runtime_id) const {
  auto limits = log_rotation(view_.host.log_config);
  if (!limits || log_path().empty()) return;
  std::function<Status()> reopen;
  if (!runtime_id.empty()) reopen = [&] { return context_.runtime.reopen_log(runtime_id); };
  if (auto done = rotate_log_files(log_path(), *limits, reopen); !done) LOG(kWarning, "docker", "log of container {}: {}", view_.id(), done.error().message());
}

}  // namespace reigen::node
