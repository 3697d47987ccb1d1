// What a node's heartbeats say, and what follows for its conditions and taints: a pure decision (Kubernetes' node lifecycle controller).
#pragma once

#include <string_view>

#include "api/corev1.h"
#include "base/clock.h"

namespace reigen::controllers {

// A node that has not been heard of for so long is unknown.
inline constexpr Duration kNodeGrace = std::chrono::seconds(40);
inline constexpr std::string_view kNotReadyTaint = "node.kubernetes.io/not-ready";
inline constexpr std::string_view kUnreachableTaint = "node.kubernetes.io/unreachable";

// Marks every condition Unknown that a silent node can no longer vouch for; true when something changed.
bool mark_unknown(api::corev1::Node& node, WallTime now);

// Sets and removes the taints that follow from the conditions and from spec.unschedulable; true when something changed.
bool update_taints(api::corev1::Node& node, WallTime now);

// How long the pod may stay on a node with these taints: zero when it must go now, max() when for ever.
Duration tolerated_for(const api::corev1::Pod& pod, const api::corev1::Node& node, WallTime now);

}  // namespace reigen::controllers
