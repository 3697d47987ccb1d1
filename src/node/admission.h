// kubelet's last check of a pod bound to the node (predicates of lifecycle.PredicateAdmitHandler, scheduler.AdmissionCheck).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "api/corev1.h"
#include "node/pod_worker.h"

namespace reigen::node {

// `others`: the pods admitted before. Those that have ended do not count.
std::optional<Rejection> admit_pod(const api::corev1::Pod& pod, const std::vector<std::shared_ptr<const api::corev1::Pod>>& others,
                                   const api::corev1::Node& node, int max_pods);

}  // namespace reigen::node
