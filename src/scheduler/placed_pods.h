// PlacedPods: the pods on nodes, as known from the API or assumed from decisions of ours, and what they take.
//
// A pod is known -> assumed (decided, binding under way) -> confirmed (the API shows it), or forgotten when its binding failed.
// Nominated pods hold their place while their victims leave. Not thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "scheduler/node_table.h"
#include "scheduler/pod_counts.h"

namespace reigen::scheduler {

class PlacedPods {
 public:
  struct Entry {
    PodPtr pod;
    std::string node;
    std::shared_ptr<const Claim> claim;
    Slot slot = kNoSlot;
    bool assumed = false;
    bool nominated = false;
  };

  explicit PlacedPods(NodeTable& nodes) : nodes_(nodes) {}
  // Told of every pod that comes to a slot (by = 1) or leaves it; nominations are not told. Set once.
  void on_count(std::function<void(const api::corev1::Pod&, Slot, int by)> counted) { counted_ = std::move(counted); }

  const Entry* find(const std::string& uid) const;
  // Replaces what was known of the pod.
  void place(Entry entry);
  // False when it was not there.
  bool remove(const std::string& uid);
  // By slot; the order is that of arrival.
  std::span<const Entry* const> on(Slot slot) const;
  void for_each(const std::function<void(const PodPtr&, Slot)>& visit) const;
  size_t size() const { return entries_.size(); }

 private:
  NodeTable& nodes_;
  std::function<void(const api::corev1::Pod&, Slot, int)> counted_;
  std::unordered_map<std::string, Entry> entries_;
  std::vector<std::vector<const Entry*>> by_slot_;
};

}  // namespace reigen::scheduler
