// TopologyView: where other pods are, as one class of pods sees it at one moment: topology spread constraints and affinity between
// pods. Made in O(nodes) for each term; then a node's verdict costs O(terms).
#pragma once

#include <string_view>
#include <vector>

#include "scheduler/node_matcher.h"
#include "scheduler/pod_class.h"

namespace reigen::scheduler {

enum class TopologyVerdict : uint8_t { kOk, kSpreadLabelMissing, kSpread, kAffinity, kAntiAffinity, kExistingAntiAffinity };
std::string_view to_string(TopologyVerdict verdict);  // as kube-scheduler words it
bool resolvable(TopologyVerdict verdict);             // by removing pods

class TopologyView {
 public:
  // All outlive it.
  TopologyView(const PodClass& of, NodeTable& nodes, PodCounts& counts, const NodeMatcher& matcher);

  TopologyVerdict verdict(Slot slot) const;
  // Weighted scores of PodTopologySpread and InterPodAffinity, normalised over these nodes.
  std::vector<float> scores(const std::vector<Slot>& usable) const;

 private:
  struct Domains {
    const LabelColumn* column = nullptr;
    std::vector<int64_t> counts;  // by the label's value
    int64_t total = 0;
    int64_t weight = 0;           // of affinity terms that score
    int64_t at(Slot slot) const;  // 0 where the label is absent
  };
  struct Spread {
    const SpreadConstraint* constraint = nullptr;
    Domains domains;
    std::vector<uint8_t> present;  // domains with a node that counts
    int64_t minimum = 0;
  };
  Domains sum(const Counts& counts, const std::string& topology_key) const;
  void add_spread(const SpreadConstraint& constraint);
  void add_terms();
  void add_carried();
  bool spread_counts_node(const SpreadConstraint& constraint, Slot slot) const;
  TopologyVerdict spread_verdict(Slot slot) const;
  bool affinity_holds(Slot slot) const;
  std::vector<float> spread_scores(const std::vector<Slot>& usable) const;
  void add_affinity_scores(const std::vector<Slot>& usable, std::vector<float>& scores) const;

  const PodClass& class_;
  NodeTable& nodes_;
  PodCounts& counts_;
  const NodeMatcher& matcher_;
  std::vector<Spread> required_, preferred_;
  std::vector<Domains> affinity_, anti_affinity_, existing_anti_affinity_, scored_;
  bool first_of_its_kind_ = false;  // the pod's own labels satisfy its affinity and no other pod does
};

}  // namespace reigen::scheduler
