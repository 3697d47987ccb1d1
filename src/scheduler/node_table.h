// NodeTable: all nodes in columns, with what the pods on them occupy.
//
// A node keeps its slot while it exists; slots are used again. Every change of a node is noted in a log, so that a class's ranking
// (class_ranking.h) only looks at what changed since it last did. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "scheduler/amounts.h"
#include "scheduler/label_column.h"

namespace reigen::scheduler {

using NodePtr = std::shared_ptr<const api::corev1::Node>;

struct HostPort {
  std::string ip;  // "0.0.0.0" for all
  std::string protocol;
  int32_t port = 0;
  bool conflicts(const HostPort& other) const;
  bool operator==(const HostPort&) const = default;
};
std::vector<HostPort> host_ports_of(const api::corev1::PodSpec& spec);

// A taint set shared by nodes; index 0 is the empty one.
using TaintSetId = uint32_t;

// What a pod takes of a node.
struct Claim {
  Amounts requests, for_score;
  std::vector<HostPort> ports;
};

Claim claim_of(const api::corev1::PodSpec& spec);

class NodeTable {
 public:
  // Slots below this were ever used.
  size_t slots() const { return nodes_.size(); }
  size_t size() const { return live_; }
  bool live(Slot slot) const { return nodes_[slot] != nullptr; }
  const NodePtr& node(Slot slot) const { return nodes_[slot]; }
  Slot find(const std::string& name) const;  // live nodes only

  // Adds or changes a node. Returns true where something a decision depends on changed (not: a heartbeat).
  bool put(NodePtr node);
  void remove(const std::string& name);

  // A pod takes from or gives back to a node by name; the node need not be known (yet).
  // claim() returns the slot, which stays as long as something is claimed.
  Slot claim(const std::string& node, const Claim& what);
  void release(const std::string& node, const Claim& what);

  // Columns, by slot.
  std::vector<int64_t> cpu, memory, ephemeral, pod_limit;                 // allocatable
  std::vector<int64_t> used_cpu, used_memory, used_ephemeral, used_pods;  // requested
  std::vector<int64_t> score_cpu, score_memory;                           // requested, with defaults for scoring
  std::vector<TaintSetId> taints;
  std::vector<uint8_t> unschedulable;
  std::vector<Amounts> extended, used_extended;  // only the extended part
  std::vector<std::vector<HostPort>> ports;

  const std::vector<api::corev1::Taint>& taint_set(TaintSetId id) const { return taint_sets_[id]; }
  size_t taint_sets() const { return taint_sets_.size(); }
  // The column of a label; made when first asked for, kept up to date from then on.
  const LabelColumn& labels(const std::string& key);

  // Changes: the slot of each, by sequence. Entries before first_change() are forgotten.
  uint64_t first_change() const { return log_start_; }
  uint64_t next_change() const { return log_start_ + log_.size(); }
  Slot change(uint64_t sequence) const { return log_[sequence - log_start_]; }
  // Grows with every change of labels, taints, size or membership: rankings start anew.
  uint64_t shape_version() const { return shape_version_; }

 private:
  Slot slot_for(const std::string& name);
  void note(Slot slot);
  TaintSetId intern_taints(const std::vector<api::corev1::Taint>& taints);
  void fill(Slot slot, const api::corev1::Node& node);

  std::unordered_map<std::string, Slot> by_name_;
  std::vector<std::string> names_;
  std::vector<NodePtr> nodes_;  // null: free, or only claims are known
  std::vector<Slot> free_;
  size_t live_ = 0;
  std::vector<std::vector<api::corev1::Taint>> taint_sets_ = {{}};
  std::map<std::string, TaintSetId> taint_ids_;
  std::map<std::string, LabelColumn> columns_;
  std::vector<Slot> log_;
  uint64_t log_start_ = 1;
  uint64_t shape_version_ = 1;
};

}  // namespace reigen::scheduler
