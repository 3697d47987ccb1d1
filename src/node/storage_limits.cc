#include "node/storage_limits.h"

#include <algorithm>

#include "api/go_quote.h"
#include "node/pod_status.h"

namespace reigen::node {

using namespace api::corev1;
using api::Quantity;

namespace {

constexpr std::string_view kResource = "ephemeral-storage";
constexpr int32_t kSystemCritical = 2'000'000'000;

const Quantity* limit_of(const Container& container) { return container.resources.limits.get(kResource); }

bool exceeds(uint64_t used, const Quantity& limit) { return Quantity::from_int(static_cast<int64_t>(used)) > limit; }

// The pod's limit: what its containers may take together (sidecars with them), or more where an init container may.
std::optional<Quantity> pod_limit(const Pod& pod) {
  std::optional<Quantity> sum, sidecars, init;
  auto add = [](std::optional<Quantity>& to, const Quantity& limit) { to = to ? *to + limit : limit; };
  for (const auto& container : pod.spec.containers) {
    if (const auto* limit = limit_of(container)) add(sum, *limit);
  }
  for (const auto& container : pod.spec.init_containers) {
    const auto* limit = limit_of(container);
    if (!limit) continue;
    std::optional<Quantity> together = sidecars;
    add(together, *limit);
    if (is_sidecar(container)) {
      add(sum, *limit);
      sidecars = together;
    }
    if (!init || *together > *init) init = together;
  }
  if (init && (!sum || *init > *sum)) sum = init;
  const auto* overhead = pod.spec.overhead.get(kResource);
  if (sum && overhead && !sum->is_zero()) *sum += *overhead;
  return sum;
}

const Quantity* limit_of(const Volume& volume) {
  if (!volume.empty_dir || !volume.empty_dir->size_limit) return nullptr;
  const Quantity& limit = *volume.empty_dir->size_limit;
  return limit.is_zero() || limit.is_negative() ? nullptr : &limit;
}

}  // namespace

bool has_storage_limits(const Pod& pod) {
  if (pod.spec.priority.value_or(0) >= kSystemCritical) return false;
  auto limited = [](const auto& item) { return limit_of(item) != nullptr; };
  return std::ranges::any_of(pod.spec.volumes, limited) || std::ranges::any_of(pod.spec.containers, limited) ||
         std::ranges::any_of(pod.spec.init_containers, limited);
}

bool is_local_ephemeral(const Volume& volume) { return volume.config_map || (volume.empty_dir && volume.empty_dir->medium.empty()); }

std::optional<std::string> storage_excess(const Pod& pod, const StorageUsage& usage) {
  for (const auto& volume : pod.spec.volumes) {
    const Quantity* limit = limit_of(volume);
    auto used = usage.volumes.find(volume.name);
    if (limit && used != usage.volumes.end() && exceeds(used->second, *limit))
      return "Usage of EmptyDir volume " + api::go_quote(volume.name) + " exceeds the limit " + api::go_quote(limit->to_string()) + ". ";
  }
  if (auto limit = pod_limit(pod); limit && exceeds(usage.pod, *limit))
    return "Pod ephemeral local storage usage exceeds the total limit of containers " + limit->to_string() + ". ";
  for (const auto& container : pod.spec.containers) {
    const Quantity* limit = limit_of(container);
    auto used = usage.containers.find(container.name);
    if (limit && !limit->is_zero() && used != usage.containers.end() && exceeds(used->second, *limit))
      return "Container " + container.name + " exceeded its local ephemeral storage limit " + api::go_quote(limit->to_string()) + ". ";
  }
  return std::nullopt;
}

}  // namespace reigen::node
