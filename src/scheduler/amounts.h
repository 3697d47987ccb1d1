// Amounts: what a pod asks for and a node has, as plain numbers.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "api/corev1.h"

namespace reigen::scheduler {

struct Amounts {
  int64_t milli_cpu = 0;
  int64_t memory = 0;                                     // bytes
  int64_t ephemeral = 0;                                  // bytes
  std::vector<std::pair<std::string, int64_t>> extended;  // by name; hugepages and what devices offer

  int64_t get_extended(std::string_view name) const;
  void add(const Amounts& other);
  void subtract(const Amounts& other);
  void raise_to(const Amounts& other);  // the maximum of each
  bool operator==(const Amounts&) const = default;
};

Amounts amounts_of(const api::Map<api::Quantity>& list);

// What a pod occupies: its containers and sidecars together, or more where an init container needs it, and its overhead
// (k8s.io/component-helpers/resource.PodRequests).
Amounts pod_requests(const api::corev1::PodSpec& spec);
// The same for scoring, where a container that asks for nothing counts as 100m CPU and 200 MiB.
Amounts pod_requests_for_score(const api::corev1::PodSpec& spec);

}  // namespace reigen::scheduler
