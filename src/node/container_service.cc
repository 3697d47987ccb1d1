#include "node/container_service.h"

#include <signal.h>

#include <algorithm>

#include "api/docker_names.h"
#include "api/json.h"
#include "apiserver/docker_error.h"
#include "base/log.h"
#include "node/agent.h"
#include "node/docker_spec.h"
#include "node/pod_worker.h"

namespace reigen::node {

using apiserver::ContainerTarget;
using apiserver::docker_error;
using apiserver::Done;

ContainerService::ContainerService(ContainerServiceParts parts)
    : parts_(std::move(parts)),
      client_(parts_.transport, "docker-node"),
      informers_(parts_.transport, parts_.executor),
      containers_(informers_.of<api::dockerv1::Container>({.field_selector = "spec.nodeName=" + parts_.options.node_name})),
      networks_(informers_.of<api::dockerv1::Network>()),
      objects_of_volumes_(informers_.of<api::dockerv1::Volume>()),
      volumes_(std::make_unique<DockerVolumes>(parts_.options.data_dir,
                                               [this](const std::string& docker_name) -> std::shared_ptr<const api::dockerv1::Volume> {
                                                 std::string name = api::volume_object_name(docker_name);
                                                 if (auto known = objects_of_volumes_.get("", name)) return known;
                                                 auto got = client_.get<api::dockerv1::Volume>("", name);  // just made
                                                 return got ? *got : nullptr;
                                               })),
      names_(std::make_unique<network::SandboxNamesFile>(parts_.options.run_dir)),
      transfers_(kTransfers, "docker-cp") {}

ContainerService::~ContainerService() { stop(); }

void ContainerService::start(Fn synced) {
  containers_.on_change([this](const auto& previous, const auto& current) { container_changed(previous, current); });
  networks_.on_change([this](const auto& previous, const auto& current) {
    if (previous && !current) post(Duration::zero(), [this, id = previous->metadata.name] { network_gone(id); });
  });
  objects_of_volumes_.on_change([this](const auto& previous, const auto& current) {
    bool gone = previous && (!current || current->metadata.uid != previous->metadata.uid);
    if (!gone) return;
    post(Duration::zero(), [this, uid = previous->metadata.uid] {
      if (auto done = volumes_->remove(uid); !done) LOG(kWarning, "docker", "volume {}: {}", uid, done.error().message());
    });
  });
  informers_.start();
  informers_.when_synced(std::move(synced));
}

bool ContainerService::begin_transfer(const std::shared_ptr<ByteStream>& stream) {
  std::lock_guard lock(mutex_);
  std::erase_if(transferring_, [](const auto& weak) { return weak.expired(); });
  if (!stopped_) transferring_.push_back(stream);
  return !stopped_;
}

void ContainerService::stop() {
  std::vector<std::weak_ptr<ByteStream>> open;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    open = std::exchange(transferring_, {});
  }
  for (const auto& weak : open) {
    if (auto stream = weak.lock()) stream->close();
  }
  informers_.stop();
  tasks_->stop();
}

void ContainerService::post(Duration delay, Fn fn) {
  if (delay == Duration::zero()) parts_.executor.post(tasks_->wrap(std::move(fn)));
  else parts_.executor.after(delay, tasks_->wrap(std::move(fn)));
}

// --- for pod workers ---

Result<std::shared_ptr<const api::dockerv1::Container>> ContainerService::fresh_object(const std::string& id) {
  return client_.get<api::dockerv1::Container>("", id);
}

Result<std::shared_ptr<const api::dockerv1::Container>> ContainerService::object(const std::string& id, int64_t run) {
  auto known = containers_.get("", id);
  if (known && known->spec.run.number >= run) return known;
  auto got = fresh_object(id);
  if (!got && got.error().code() == Code::kNotFound) return fail(docker_error(404, "No such container: " + id));
  return got;
}

Result<std::shared_ptr<const api::dockerv1::Network>> ContainerService::network(const std::string& id) {
  if (auto known = networks_.get("", id)) return known;
  auto got = client_.get<api::dockerv1::Network>("", id);
  if (!got && got.error().code() == Code::kNotFound) return fail(docker_error(404, "network " + id + " not found"));
  return got;
}

std::shared_ptr<const api::dockerv1::Container> ContainerService::resolve(const std::string& reference) const {
  if (auto known = containers_.get("", reference)) return known;
  std::string name = reference.starts_with('/') ? reference.substr(1) : reference;
  std::shared_ptr<const api::dockerv1::Container> found;
  for (const auto& container : containers_.list()) {
    if (container->spec.docker_name == name) return container;
    if (!reference.empty() && container->metadata.name.starts_with(reference)) found = container;
  }
  return found;
}

std::shared_ptr<ContainerEntry> ContainerService::entry(const std::string& id) {
  std::lock_guard lock(mutex_);
  auto& found = entries_[id];
  if (!found) found = std::make_shared<ContainerEntry>(parts_.executor, parts_.runtime, client_, tasks_, id);
  return found;
}

std::shared_ptr<ContainerEntry> ContainerService::find_entry(const std::string& id) const {
  std::lock_guard lock(mutex_);
  auto it = entries_.find(id);
  return it == entries_.end() ? nullptr : it->second;
}

std::string ContainerService::container_dir(const std::string& id) const { return parts_.options.data_dir + "/containers/" + id; }

std::string ContainerService::files_dir(const DockerView& view) const {
  auto target = container_of_mode(view.host.network_mode);
  auto other = target ? resolve(*target) : nullptr;
  return container_dir(other ? other->metadata.name : view.id());
}

void ContainerService::relink(const std::string& id, const std::string& address) {
  for (const auto& container : containers_.list()) {
    bool linked = std::ranges::any_of(container->spec.networks, [&](const auto& request) {
      return std::ranges::any_of(request.links, [&](const std::string& link) { return link.starts_with(id + ":"); });
    });
    auto found = linked ? find_entry(container->metadata.name) : nullptr;
    auto tell = found ? found->live.lock()->relink : nullptr;
    if (tell) tell(id, address);
  }
}

std::string ContainerService::bridge_gateway() const {
  for (const auto& network : networks_.list()) {
    if (network->spec.docker_name != "bridge" || network->spec.pools.empty()) continue;
    const auto& gateway = network->spec.pools.front().gateway;
    return gateway.substr(0, gateway.find('/'));
  }
  return "";
}

// --- whom a call is about ---

Result<ContainerService::Subject> ContainerService::subject(const ContainerTarget& target) {
  Subject out;
  if (target.id.empty()) {
    auto worker = parts_.find_pod(target.pod);
    if (!worker) return fail(docker_error(404, "No such container: " + target.container));
    TRY_ASSIGN(auto handle, worker->find_container(target.container));
    out.name = target.container;
    out.runtime_id = handle.id;
    out.sandbox = worker->sandbox();
    out.log_path = handle.log_path;
    out.running = handle.running;
    out.tty = handle.tty;
    out.stdin_open = handle.stdin_open;
    if (!target.runtime_id.empty() && target.runtime_id != handle.id) {
      out.runtime_id = target.runtime_id;
      out.log_path = handle.previous_log_path;
      out.running = false;
    }
    out.ended = [worker, name = target.container, id = handle.id] {
      auto now = worker->find_container(name);
      return !now || !now->running || now->id != id;
    };
    return out;
  }
  TRY_ASSIGN(out.object, object(target.id));
  TRY_ASSIGN(auto view, DockerView::of(out.object));
  out.entry = entry(target.id);
  out.entry->status->seed(out.object->status);
  out.name = out.object->spec.docker_name;
  out.tty = view.config.tty;
  out.stdin_open = view.config.open_stdin;
  out.log_path = view.host.log_config.type == "none" ? "" : container_dir(target.id) + "/log";
  {
    auto live = out.entry->live.lock();
    out.runtime_id = live->runtime_id;
    out.sandbox = live->sandbox;
    out.running = live->running;
    out.paused = live->paused;
  }
  out.ended = [entry = out.entry, id = out.runtime_id] {
    auto live = entry->live.lock();
    return !live->running || live->runtime_id != id;
  };
  return out;
}

Result<ContainerService::Subject> ContainerService::running_subject(const ContainerTarget& target) {
  TRY_ASSIGN(auto found, subject(target));
  if (found.running) return found;
  bool restarting = found.entry && found.entry->status->current().state == "restarting";
  std::string who = "Container " + (target.id.empty() ? target.container : target.id);
  return fail(docker_error(409, restarting ? who + " is restarting, wait until the container is running" : who + " is not running"));
}

// Calls that change a container come one after the other; a pod's containers have their worker for that.
void ContainerService::run(const ContainerTarget& target, Fn work) {
  if (target.id.empty()) return parts_.executor.post(tasks_->wrap(std::move(work)));
  entry(target.id)->strand.post(tasks_->wrap(std::move(work)));
}

// --- calls ---

void ContainerService::details(ContainerTarget target, Done<apiserver::ContainerDetails> done) {
  parts_.executor.post(tasks_->wrap([this, target = std::move(target), done = std::move(done)]() mutable { done(details_now(target)); }));
}

Result<apiserver::ContainerDetails> ContainerService::details_now(const ContainerTarget& target) {
  TRY_ASSIGN(auto found, subject(target));
  apiserver::ContainerDetails out;
  out.log_path = found.log_path;
  if (!found.entry) {
    if (auto status = parts_.runtime.container_status(found.runtime_id); status && found.running) out.pid = status->pid;
    std::string folder = parts_.options.data_dir + "/pods/" + target.pod.uid;
    out.hosts_path = folder + "/etc-hosts";
    out.resolv_conf_path = folder + "/resolv.conf";
    return out;
  }
  TRY_ASSIGN(auto view, DockerView::of(found.object));
  std::string folder = files_dir(view);
  bool started = !found.entry->status->current().started_at.empty();
  if (started) {
    out.hosts_path = folder + "/hosts";
    out.hostname_path = folder + "/hostname";
    out.resolv_conf_path = folder + "/resolv.conf";
  } else {
    out.log_path.clear();
  }
  HealthState health;
  {
    auto live = found.entry->live.lock();
    if (live->running && !live->shares_network) out.sandbox_key = live->netns;
    health = live->health ? live->health->state() : live->health_state;
    out.mount_sources = live->mount_sources;
  }
  if (!health.status.empty() || !health.log.empty()) {
    out.health_log = health.log_json();
    out.health_streak = health.streak;
  }
  for (const auto& point : found.object->spec.mounts) {
    if (point.type == "bind") out.mount_sources.try_emplace(point.destination, point.source);
    auto volume = point.type == "volume" ? objects_of_volumes_.get("", api::volume_object_name(point.name)) : nullptr;
    if (volume) out.mount_sources.try_emplace(point.destination, volumes_->path(*volume));
  }
  return out;
}

void ContainerService::kill(ContainerTarget target, int signal, Done<void> done) {
  run(target, [this, target, signal, done = std::move(done)]() mutable {
    auto found = running_subject(target);
    if (!found) return done(fail(found.error()));
    auto killed = parts_.runtime.kill_container(found->runtime_id, signal);
    // As Docker: a frozen one would not notice.
    if (killed && found->paused && signal == SIGKILL) (void)parts_.runtime.pause_container(found->runtime_id, false);
    done(std::move(killed));
  });
}

void ContainerService::pause(ContainerTarget target, bool paused, Done<void> done) {
  run(target, [this, target, paused, done = std::move(done)]() mutable { done(pause_now(target, paused)); });
}

Status ContainerService::pause_now(const ContainerTarget& target, bool paused) {
  auto found = running_subject(target);
  std::string who = "Container " + target.id;
  if (!found)
    return paused ? Status(fail(found.error())) : Status(fail(docker_error(found.error().code() == Code::kNotFound ? 404 : 409, who + " is not paused")));
  if (!found->entry) return fail(docker_error(409, "Container " + target.container + " belongs to a pod: pausing it would confuse Kubernetes"));
  if (paused && found->paused) return fail(docker_error(409, who + " is already paused"));
  if (!paused && !found->paused) return fail(docker_error(409, who + " is not paused"));
  TRY(parts_.runtime.pause_container(found->runtime_id, paused));
  {
    auto live = found->entry->live.lock();
    live->paused = paused;
    if (live->health) live->health->pause(paused);
  }
  found->entry->status->change([&](api::dockerv1::ContainerStatus& status) {
    if (status.state == "running" || status.state == "paused") status.state = paused ? "paused" : "running";
  });
  return {};
}

void ContainerService::update(ContainerTarget target, std::string host_config, Done<void> done) {
  run(target, [this, target, host_config = std::move(host_config), done = std::move(done)]() mutable {
    auto found = running_subject(target);
    if (!found) return done(fail(found.error()));
    if (!found->entry) return done(fail(docker_error(409, "Container " + target.container + " belongs to a pod: its limits are the pod's")));
    auto host = api::decode_json_as<api::dockerv1::HostConfig>(host_config);
    if (!host) return done(fail(host.error()));
    auto resources = docker_resources(*host);
    if (auto added = add_device_rates(*host, resources); !added) return done(std::move(added));
    auto updated = parts_.runtime.update_container(found->runtime_id, resources);
    if (!updated) return done(fail(docker_error(500, "Cannot update container " + target.id + ": " + updated.error().message())));
    done({});
  });
}

void ContainerService::resize(ContainerTarget target, int width, int height, Done<void> done) {
  run(target, [this, target, width, height, done = std::move(done)]() mutable {
    auto found = subject(target);
    if (!found) return done(fail(found.error()));
    if (found->entry) {
      found->entry->attach->resize(width, height);
      return done({});
    }
    done(parts_.runtime.resize(found->runtime_id, width, height));
  });
}

void ContainerService::volume_use(std::string, Done<std::vector<apiserver::VolumeUse>> done) {
  transfers_.post(tasks_->wrap([this, done = std::move(done)]() mutable {
    std::vector<apiserver::VolumeUse> out;
    for (auto& [uid, bytes] : volumes_->usage()) out.push_back({std::move(uid), bytes});
    done(std::move(out));
  }));
}

void ContainerService::networks_in_use(std::string, Done<std::vector<IpNetwork>> done) {
  parts_.executor.post(tasks_->wrap([this, done = std::move(done)]() mutable { done(parts_.network.networks_in_use()); }));
}

}  // namespace reigen::node
