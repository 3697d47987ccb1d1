// What goes when its object goes: a Container's layer, log and files, a Network's bridge, a Volume's data. All is keyed by ids and uids, so
// that nothing here ever waits for, or hinders, a new object of an old name.
#include "api/docker_names.h"
#include "base/files.h"
#include "base/log.h"
#include "linux/mount.h"
#include "node/agent.h"
#include "node/container_service.h"

namespace reigen::node {
namespace {
constexpr auto kRetry = std::chrono::seconds(1);
constexpr auto kSlowRetry = std::chrono::seconds(10);
std::string pin_of(const std::string& id) { return "docker-" + id; }
}  // namespace

void ContainerService::container_changed(const std::shared_ptr<const api::dockerv1::Container>& previous,
                                         const std::shared_ptr<const api::dockerv1::Container>& current) {
  if (!current) {
    std::string id = previous->metadata.name;
    entry(id)->attach->close();
    return post(Duration::zero(), [this, id] { collect_container(id); });
  }
  if (!previous) {
    // The endpoint pins the image while it makes the Container; from here on the node does.
    post(Duration::zero(), [this, current] {
      if (auto pinned = parts_.images.pin(pin_of(current->metadata.name), current->spec.image_id); !pinned) {
        LOG(kWarning, "docker", "image of container {}: {}", current->metadata.name, pinned.error().message());
      }
    });
    return;
  }
  auto found = find_entry(current->metadata.name);
  if (!found || previous->spec == current->spec) return;
  auto changed = found->live.lock()->changed;
  if (changed) changed(current);
}

Status ContainerService::remove_files(const std::string& id) {
  TRY(parts_.runtime.remove_layer(id));
  auto mounts = linux::mounts_below(container_dir(id));
  for (const auto& mount : mounts ? *mounts : std::vector<std::string>()) (void)linux::unmount(mount);
  return remove_tree(container_dir(id));
}

// Again until its pod is cleaned up and everything could be removed.
void ContainerService::collect_container(const std::string& id) {
  if (containers_.get("", id)) return;
  bool runs = false;
  for (const auto& container : parts_.runtime.list_containers()) {
    auto label = container.labels.find("docker_id");
    runs = runs || (label != container.labels.end() && label->second == id);
  }
  if (runs) return post(kRetry, [this, id] { collect_container(id); });
  if (auto removed = remove_files(id); !removed) {
    bool busy = removed.error().code() == Code::kConflict;
    if (!busy) LOG(kWarning, "docker", "container {}: {}", id, removed.error().message());
    return post(busy ? Duration(kRetry) : Duration(kSlowRetry), [this, id] { collect_container(id); });
  }
  if (auto done = parts_.images.unpin(pin_of(id)); !done && done.error().code() != Code::kNotFound) LOG(kWarning, "docker", "{}", done.error().message());
  std::lock_guard lock(mutex_);
  entries_.erase(id);
}

void ContainerService::pod_finished(const std::string& id) {
  if (!containers_.get("", id)) post(Duration::zero(), [this, id] { collect_container(id); });
}

void ContainerService::network_gone(const std::string& id) {
  if (networks_.get("", id)) return;
  auto removed = parts_.network.remove_bridge(id);
  if (removed) return;
  if (removed.error().code() != Code::kConflict) LOG(kWarning, "docker", "bridge of network {}: {}", id, removed.error().message());
  post(kRetry, [this, id] { network_gone(id); });
}

std::set<std::string> ContainerService::containers_on_disk() const {
  std::set<std::string> out;
  for (const auto& id : parts_.runtime.list_layers()) out.insert(id);
  for (const auto& id : list_directory(parts_.options.data_dir + "/containers").value_or(std::vector<std::string>())) out.insert(id);
  std::erase_if(out, [](const std::string& id) { return !api::is_docker_id(id); });
  return out;
}

void ContainerService::collect() {
  for (const auto& id : containers_on_disk()) {
    if (!containers_.get("", id)) collect_container(id);
  }
  std::set<std::string> volumes, sandboxes, networks;
  for (const auto& volume : objects_of_volumes_.list()) volumes.insert(volume->metadata.uid);
  volumes_->collect(volumes);
  for (const auto& sandbox : parts_.runtime.list_sandboxes()) sandboxes.insert(sandbox.id);
  for (const auto& network : networks_.list()) networks.insert(network->metadata.name);
  if (auto done = parts_.network.collect(sandboxes, networks); !done) LOG(kWarning, "docker", "{}", done.error().message());
  if (auto done = names_->collect(sandboxes); !done) LOG(kWarning, "docker", "{}", done.error().message());
}

}  // namespace reigen::node
