// ClassRanking: the nodes in the order in which a class of pods likes them.
//
// For a simple class (PodClass::simple) the order is kept: best() looks at the nodes that changed since the last call, each in
// O(log nodes), and starts anew only when the table's shape changed. For others it is made for each pod, over the columns.
//
// System default spreading ranks by s = pods of the set on the node * ln(nodes + 2) + pods in its zone * ln(zones + 2), scaled by the
// largest s. Kept order means that the scale may be up to 1/32 old.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "scheduler/fit.h"
#include "scheduler/tournament.h"

namespace reigen::scheduler {

class ClassRanking {
 public:
  ClassRanking(PodClass of, NodeTable& nodes, PodCounts& counts);

  const PodClass& pod_class() const { return class_; }
  // The best node for one more pod; kNoSlot when there is none.
  Slot best();
  // Room and everything else is right on that node.
  bool feasible(Slot slot);

  // Why no node fits, counted over all nodes.
  struct Diagnosis {
    std::string message;           // "0/3 nodes are available: 3 Insufficient cpu."
    uint32_t causes = 0;           // Cause bits: what may help
    std::vector<Slot> resolvable;  // nodes on which removing pods may help
  };
  Diagnosis diagnose();

  // For whoever keeps rankings.
  uint64_t last_used = 0;

 private:
  void sync();
  void rebuild();
  void rescore_all();
  void rescore(Slot slot);
  float key(Slot slot);
  float zone_term(uint32_t zone) const;
  void note_spread(float sum);
  Slot best_kept();
  Slot best_of_all();

  PodClass class_;
  NodeTable& nodes_;
  PodCounts& counts_;
  std::optional<NodeMatcher> matcher_;
  std::vector<int32_t> static_;  // by slot, -1: never
  uint64_t shape_ = 0;
  uint64_t seen_ = 0;  // changes before this are in the order

  // The order: one tournament a zone (the first for nodes without one).
  const LabelColumn* zones_ = nullptr;
  std::vector<Tournament> order_;
  std::vector<std::vector<Slot>> members_;
  std::vector<uint32_t> position_;  // in its zone's tournament, by slot
  // Default spreading.
  const Counts* spread_counts() const;
  std::optional<CounterId> spread_counter_;
  std::vector<int32_t> seen_counts_;  // by slot
  std::vector<int64_t> zone_counts_;
  float node_weight_ = 0, zone_weight_ = 0;
  float spread_scale_ = 0;  // the s that counts as 100
  bool scale_is_old_ = false;
};

}  // namespace reigen::scheduler
