// PodClass: what a pod requires and prefers. Pods that agree in all of it share one class, and with it one ranking of the nodes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "scheduler/node_table.h"
#include "scheduler/pod_counts.h"

namespace reigen::scheduler {

struct SpreadConstraint {
  std::string topology_key;
  int32_t max_skew = 1;
  int32_t min_domains = 1;
  bool required = false;       // DoNotSchedule
  bool honor_affinity = true;  // nodes that the pod's node affinity excludes do not count
  bool honor_taints = false;
  bool matches_self = true;  // the pod itself is of the set
  PodSet set;
};

struct PodClass {
  std::string key;
  PodPtr sample;  // one of the class
  std::shared_ptr<const Claim> claim;
  bool best_effort = false;  // asks for neither CPU nor memory
  std::vector<std::string> images;
  std::vector<SpreadConstraint> spread;
  bool default_spread = false;  // the constraints are the system's, by service or controller
  std::vector<Term> terms;
  std::vector<uint32_t> carried;  // PodCounts::carried() of pods on nodes that select this pod

  // Decisions need nothing but a node's own columns (and its zone, for the default spreading).
  bool simple() const { return terms.empty() && carried.empty() && (spread.empty() || default_spread); }
};

// `owners` is the selector of the services and the controller the pod belongs to, for the default spreading; nullptr without.
PodClass make_class(const PodPtr& pod, const api::LabelSelector* owners, std::vector<uint32_t> carried, const FindNamespaces& find_namespaces);
// The key make_class would set, without the rest.
std::string class_key(const api::corev1::Pod& pod, const api::LabelSelector* owners, const std::vector<uint32_t>& carried);

// The first taint of that effect which keeps the pod away; nullptr for none. `prefer`: PreferNoSchedule, otherwise NoSchedule and NoExecute.
const api::corev1::Taint* untolerated(const api::corev1::PodSpec& spec, const std::vector<api::corev1::Taint>& taints);
int64_t untolerated_preferences(const api::corev1::PodSpec& spec, const std::vector<api::corev1::Taint>& taints);

// "name" as container runtimes list it: with a tag.
std::string normal_image(std::string_view image);

inline constexpr std::string_view kHostnameLabel = "kubernetes.io/hostname";
inline constexpr std::string_view kZoneLabel = "topology.kubernetes.io/zone";

}  // namespace reigen::scheduler
