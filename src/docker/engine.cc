#include "docker/engine.h"

#include <charconv>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "api/docker_names.h"
#include "api/metav1.h"
#include "apiserver/node_containers.h"
#include "docker/pod_containers.h"

namespace reigen::docker {

using api::dockerv1::Container;

Engine::Engine(client::Transport& transport, client::Informers& informers_, apiserver::NodeContainers& nodes_, Executor& work_, Executor& slow_)
    : client(transport, "docker"),
      informers(informers_),
      containers(informers_.of<Container>()),
      networks(informers_.of<api::dockerv1::Network>()),
      volumes(informers_.of<api::dockerv1::Volume>()),
      pods(informers_.of<api::corev1::Pod>()),
      nodes(nodes_),
      work(work_),
      slow(slow_),
      clock(work_.clock()),
      waits(informers_, [this](const std::string& id) { return any_container(*this, id); }, work_) {}

void Engine::start() {
  started = true;
  containers.add_index(kByDockerName, [](const Container& container) { return std::vector<std::string>{container.spec.docker_name}; });
  containers.on_change(
      [this](const auto& previous, const auto& current) {
        container_events.changed(previous, current);
        if (!current && previous) execs.forget_container(previous->metadata.name);
        if (const auto& known = current ? current : previous) waits.changed(known->metadata.name, current);
      },
      [this] { container_events.begin(); });
  pods.add_index(kByContainer, [](const api::corev1::Pod& pod) {
    const auto* id = pod.metadata.annotations.get(api::kContainerAnnotation);
    return id ? std::vector<std::string>{*id} : std::vector<std::string>{};
  });
  // What the controller could not give to a container stands in its pod.
  auto listed = std::make_shared<bool>(false);  // on the informers' strand
  pods.on_change(
      [this, listed](const auto& previous, const auto& current) {
        const auto* id = current ? current->metadata.annotations.get(api::kContainerAnnotation) : nullptr;
        if (id) waits.changed(*id, containers.get("", *id));
        pod_changed(*this, previous.get(), current.get(), *listed);
      },
      [listed] { *listed = true; });
  nodes.on_probe([this](const apiserver::ProbeNotice& probe) {
    if (auto container = containers.get("", probe.container)) add_probe_events(events, *container, probe);
  });
  auto tell_gone = [this](const api::Object*, const api::Object* current) {
    if (current) return;
    std::lock_guard lock(gone_mutex);
    gone.notify_all();
  };
  networks.untyped().add_handler(tell_gone);
  volumes.untyped().add_handler(tell_gone);
}

Engine::~Engine() { stop(); }

void Engine::stop() {
  if (std::exchange(started, false)) nodes.on_probe({});
}

void wait_gone(Engine& engine, client::ObjectInformer& informer, const std::string& name) {
  std::unique_lock lock(engine.gone_mutex);
  engine.gone.wait_for(lock, std::chrono::seconds(2), [&] { return !informer.get("", name); });
}

void wait_seen(Engine&, client::ObjectInformer& informer, std::string_view resource_version) {
  uint64_t version = 0;
  std::from_chars(resource_version.data(), resource_version.data() + resource_version.size(), version);
  struct Wait {
    std::mutex mutex;
    std::condition_variable done;
    bool seen = false;
  };
  auto wait = std::make_shared<Wait>();
  informer.when_seen(version, [wait] {
    std::lock_guard lock(wait->mutex);
    wait->seen = true;
    wait->done.notify_one();
  });
  std::unique_lock lock(wait->mutex);
  wait->done.wait_for(lock, std::chrono::seconds(2), [&] { return wait->seen; });
}

}  // namespace reigen::docker
