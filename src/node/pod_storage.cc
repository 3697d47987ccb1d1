// What a pod takes of the node's disk, measured now and then where it has limits, and its eviction when that is too much.
#include <algorithm>

#include "base/disk_usage.h"
#include "node/pod_worker.h"
#include "node/storage_limits.h"

namespace reigen::node {

using namespace api::corev1;

namespace {

// A measure that takes long comes seldom: at most this share of the time is spent on it.
constexpr int kPauseFactor = 20;

uint64_t bytes_of(const std::string& path) {
  auto usage = disk_usage(path);
  return usage ? usage->bytes : 0;
}

}  // namespace

struct PodWorker::StoragePlaces {
  std::map<std::string, std::string> container_ids, volumes;  // by name; folders of the volumes on the node's disk
  std::string logs, hosts;
};

PodWorker::StoragePlaces PodWorker::storage_places() const {
  StoragePlaces places;
  for (const auto& slot : slots_) {
    if (slot.run && !slot.run->id.empty()) places.container_ids[slot.spec->name] = slot.run->id;
  }
  for (const auto& volume : base_.spec.volumes) {
    if (is_local_ephemeral(volume)) places.volumes[volume.name] = pod_dir() + "/volumes/" + volume.name;
  }
  places.logs = log_root();
  places.hosts = pod_dir() + "/etc-hosts";
  return places;
}

StorageUsage PodWorker::measure(const StoragePlaces& places) {
  StorageUsage usage;
  usage.pod = bytes_of(places.logs) + bytes_of(places.hosts);
  for (const auto& [name, path] : places.volumes) usage.pod += usage.volumes[name] = bytes_of(path);
  for (const auto& [name, id] : places.container_ids) {
    auto stats = context_.runtime.container_stats(id, true);
    uint64_t layer = stats ? stats->layer_bytes : 0;
    usage.pod += layer;
    usage.containers[name] = layer + bytes_of(places.logs + "/" + name);
  }
  return usage;
}

void PodWorker::check_storage() {
  if (!storage_limited_) return;
  post([this] {
    TimePoint begun = context_.executor.clock().now();
    if (terminating_ || cleaned_ || measuring_ || !sandbox_ready_ || begun < measure_at_) return;
    measuring_ = true;
    context_.executor.post(tasks_->wrap([self = shared_from_this(), places = storage_places(), begun] {
      StorageUsage usage = self->measure(places);
      self->post([worker = self.get(), usage = std::move(usage), begun] {
        worker->measuring_ = false;
        TimePoint now = worker->context_.executor.clock().now();
        worker->measure_at_ = now + (now - begun) * kPauseFactor;
        worker->judge_storage(usage);
      });
    }));
  });
}

void PodWorker::judge_storage(const StorageUsage& usage) {
  if (terminating_) return;
  auto excess = storage_excess(base_, usage);
  if (!excess) return;
  failed_reason_ = "Evicted";
  failed_message_ = *excess;
  grace_limit_ = 1;
  event(true, "Evicted", *excess);
  sync();
}

}  // namespace reigen::node
