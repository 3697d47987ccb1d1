#include "controllers/nodelifecycle/node_plan.h"

#include <algorithm>
#include <vector>

#include "api/pod_rules.h"

namespace reigen::controllers {
namespace {

using api::corev1::Node;
using api::corev1::Taint;

std::string_view condition_status(const Node& node, std::string_view type) {
  for (const auto& condition : node.status.conditions) {
    if (condition.type == type) return condition.status;
  }
  return {};
}

struct Wanted {
  std::string_view key;
  std::string_view effect;
  bool present;
};

// The taints this controller owns, and whether each must be there.
std::vector<Wanted> wanted_taints(const Node& node) {
  auto ready = condition_status(node, "Ready");
  bool not_ready = ready == "False", unknown = ready == "Unknown" || ready.empty();
  // A node that never said anything is not ready rather than unreachable.
  bool silent = ready.empty();
  auto is = [&](std::string_view type) { return condition_status(node, type) == "True"; };
  return {
      {kNotReadyTaint, "NoSchedule", not_ready || silent},
      {kNotReadyTaint, "NoExecute", not_ready},
      {kUnreachableTaint, "NoSchedule", unknown && !silent},
      {kUnreachableTaint, "NoExecute", unknown && !silent},
      {"node.kubernetes.io/memory-pressure", "NoSchedule", is("MemoryPressure")},
      {"node.kubernetes.io/disk-pressure", "NoSchedule", is("DiskPressure")},
      {"node.kubernetes.io/pid-pressure", "NoSchedule", is("PIDPressure")},
      {"node.kubernetes.io/network-unavailable", "NoSchedule", is("NetworkUnavailable")},
      {"node.kubernetes.io/unschedulable", "NoSchedule", node.spec.unschedulable},
  };
}

}  // namespace

bool mark_unknown(Node& node, WallTime now) {
  static constexpr std::string_view kTypes[] = {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"};
  bool changed = false;
  for (auto type : kTypes) {
    auto& conditions = node.status.conditions;
    auto slot = std::find_if(conditions.begin(), conditions.end(), [&](const auto& condition) { return condition.type == type; });
    if (slot != conditions.end() && slot->status == "Unknown") continue;
    bool never = slot == conditions.end();
    if (never) slot = conditions.emplace(conditions.end());
    slot->type = type;
    slot->status = "Unknown";
    slot->reason = never ? "NodeStatusNeverUpdated" : "NodeStatusUnknown";
    slot->message = never ? "Kubelet never posted node status." : "Kubelet stopped posting node status.";
    slot->last_transition_time = api::Time(now);
    if (never) slot->last_heartbeat_time = node.metadata.creation_timestamp;
    changed = true;
  }
  return changed;
}

bool update_taints(Node& node, WallTime now) {
  bool changed = false;
  auto& taints = node.spec.taints;
  for (const auto& wanted : wanted_taints(node)) {
    auto slot = std::find_if(taints.begin(), taints.end(), [&](const Taint& taint) { return taint.key == wanted.key && taint.effect == wanted.effect; });
    if ((slot != taints.end()) == wanted.present) continue;
    changed = true;
    if (!wanted.present) {
      taints.erase(slot);
      continue;
    }
    auto& taint = taints.emplace_back();
    taint.key = wanted.key;
    taint.effect = wanted.effect;
    taint.time_added = api::Time(now);
  }
  return changed;
}

Duration tolerated_for(const api::corev1::Pod& pod, const Node& node, WallTime now) {
  Duration left = Duration::max();
  for (const auto& taint : node.spec.taints) {
    if (taint.effect != "NoExecute") continue;
    Duration longest = Duration(-1);
    for (const auto& toleration : pod.spec.tolerations) {
      if (!api::tolerates(toleration, taint)) continue;
      longest = toleration.toleration_seconds ? std::max<Duration>(longest, std::chrono::seconds(std::max<int64_t>(0, *toleration.toleration_seconds)))
                                              : Duration::max();
      if (longest == Duration::max()) break;
    }
    if (longest == Duration::max()) continue;
    if (longest < Duration::zero()) return Duration::zero();
    auto since = taint.time_added ? taint.time_added->wall() : now;
    left = std::min(left, std::max<Duration>(Duration::zero(), since + longest - now));
  }
  return left;
}

}  // namespace reigen::controllers
