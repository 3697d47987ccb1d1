// What keeps a pod from a node, and how good a node is, by the node's own columns. Pure.
//
// Filters, scores and texts are those of kube-scheduler's plugins NodeUnschedulable, TaintToleration, NodeAffinity, NodePorts,
// NodeResourcesFit, NodeResourcesBalancedAllocation and ImageLocality.
#pragma once

#include <string>
#include <vector>

#include "scheduler/node_matcher.h"
#include "scheduler/pod_class.h"

namespace reigen::scheduler {

inline constexpr int kMaxScore = 100;

// What may make a pod fit that did not: what moves it out of the unschedulable queue.
enum Cause : uint32_t {
  kNodeChanged = 1,  // added, its labels, taints or size
  kPodLeft = 2,      // something was given back
  kPodChanged = 4,   // a pod came, or its labels changed
  kAnyCause = 7,
};

// Room for one more pod with this claim.
bool fits(const NodeTable& nodes, const Claim& claim, Slot slot);
// Why not: "Too many pods", "Insufficient cpu", ports.
std::vector<std::string> lacks(const NodeTable& nodes, const Claim& claim, Slot slot);

// LeastAllocated plus BalancedAllocation, each 0 to 100.
float resource_score(const NodeTable& nodes, const PodClass& of, Slot slot);

// The part of a verdict that changes only with the table's shape.
struct StaticVerdict {
  bool ok = true;
  bool not_considered = false;  // the node is not among those the pod names
  std::string reason;
};
StaticVerdict static_verdict(const NodeTable& nodes, const PodClass& of, const NodeMatcher& matcher, Slot slot);
// By slot: weighted taint, affinity and image scores; -1 where static_verdict is not ok.
std::vector<int32_t> static_scores(const NodeTable& nodes, const PodClass& of, const NodeMatcher& matcher);

}  // namespace reigen::scheduler
