// Preemption: which pods of lower priority must leave which node so that a pod fits. As kube-scheduler's DefaultPreemption, without
// disruption budgets. Changes the tables while it tries, and restores them.
#pragma once

#include <string>
#include <vector>

#include "scheduler/class_ranking.h"
#include "scheduler/placed_pods.h"

namespace reigen::scheduler {

struct Preemption {
  Slot node = kNoSlot;                 // kNoSlot: none helps
  std::vector<PodPtr> victims;         // by priority, highest first
  std::vector<std::string> displaced;  // uids of nominated pods of lower priority there
  std::string message;                 // when none helps: as kube-scheduler words it, without "preemption: "
};

// `candidates`: nodes on which removing pods may help.
Preemption find_victims(const api::corev1::Pod& pod, ClassRanking& ranking, const std::vector<Slot>& candidates, NodeTable& nodes, const PlacedPods& placed,
                        PodCounts& counts);

// The message where no pod has a lower priority.
std::string no_victims_message(size_t candidates, size_t nodes);

}  // namespace reigen::scheduler
