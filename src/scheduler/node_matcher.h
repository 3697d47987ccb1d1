// NodeMatcher: a pod's nodeSelector and node affinity, compiled against the columns of a NodeTable. Valid while the table's shape is.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "scheduler/node_table.h"

namespace reigen::scheduler {

class NodeMatcher {
 public:
  NodeMatcher(const api::corev1::PodSpec& spec, NodeTable& nodes);

  // nodeSelector and required node affinity.
  bool matches(Slot slot) const;
  // The sum of the preferred terms' weights.
  int64_t preference(Slot slot) const;
  bool has_preferences() const { return !preferred_.empty(); }
  // When every required term names its nodes (as those of daemon sets do): only these can match.
  const std::optional<std::set<std::string>>& names() const { return names_; }

 private:
  enum class Operator : uint8_t { kIn, kNotIn, kExists, kDoesNotExist, kGt, kLt, kNever };
  struct Requirement {
    Operator op = Operator::kNever;
    const LabelColumn* column = nullptr;  // null: the node's name
    std::vector<uint32_t> ids;
    std::vector<std::string> texts;
    int64_t number = 0;
  };
  struct Conjunction {
    std::vector<Requirement> all;
    int64_t weight = 0;
  };
  Requirement compile(const api::corev1::NodeSelectorRequirement& from, bool field);
  Conjunction compile(const api::corev1::NodeSelectorTerm& term);
  bool holds(const Requirement& requirement, Slot slot) const;
  bool holds(const Conjunction& conjunction, Slot slot) const;

  NodeTable& nodes_;
  Conjunction selector_;
  bool has_required_ = false;
  std::vector<Conjunction> required_;  // one of them; a term without requirements matches nothing
  std::vector<Conjunction> preferred_;
  std::optional<std::set<std::string>> names_;
};

}  // namespace reigen::scheduler
