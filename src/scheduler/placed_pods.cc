#include "scheduler/placed_pods.h"

#include <algorithm>

#include "api/metav1.h"
#include "api/pod_rules.h"

namespace reigen::scheduler {

const PlacedPods::Entry* PlacedPods::find(const std::string& uid) const {
  auto found = entries_.find(uid);
  return found == entries_.end() ? nullptr : &found->second;
}

void PlacedPods::place(Entry entry) {
  if (api::is_container_pod(*entry.pod)) return;  // bound from the start, and counted nowhere
  const auto& uid = entry.pod->metadata.uid;
  if (auto found = entries_.find(uid); found != entries_.end()) {
    auto& known = found->second;
    bool same = known.node == entry.node && known.nominated == entry.nominated && known.claim->requests == entry.claim->requests &&
                known.claim->ports == entry.claim->ports;
    if (same) {
      // Nothing taken or given back: only what the sets see may differ.
      bool recount = !known.nominated && (known.pod->metadata.labels != entry.pod->metadata.labels ||
                                          known.pod->metadata.deletion_timestamp.has_value() != entry.pod->metadata.deletion_timestamp.has_value());
      if (recount) counted_(*known.pod, known.slot, -1);
      known.pod = std::move(entry.pod);
      known.assumed = entry.assumed;
      if (recount) counted_(*known.pod, known.slot, 1);
      return;
    }
    remove(uid);
  }
  entry.slot = nodes_.claim(entry.node, *entry.claim);
  if (by_slot_.size() <= entry.slot) by_slot_.resize(entry.slot + 1);
  auto& placed = entries_[uid] = std::move(entry);
  by_slot_[placed.slot].push_back(&placed);
  if (!placed.nominated) counted_(*placed.pod, placed.slot, 1);
}

bool PlacedPods::remove(const std::string& uid) {
  auto found = entries_.find(uid);
  if (found == entries_.end()) return false;
  auto& entry = found->second;
  if (!entry.nominated) counted_(*entry.pod, entry.slot, -1);
  std::erase(by_slot_[entry.slot], &entry);
  nodes_.release(entry.node, *entry.claim);
  entries_.erase(found);
  return true;
}

std::span<const PlacedPods::Entry* const> PlacedPods::on(Slot slot) const {
  if (slot >= by_slot_.size()) return {};
  return by_slot_[slot];
}

void PlacedPods::for_each(const std::function<void(const PodPtr&, Slot)>& visit) const {
  for (Slot slot = 0; slot < by_slot_.size(); ++slot)
    for (const auto* entry : by_slot_[slot])
      if (!entry->nominated) visit(entry->pod, slot);
}

}  // namespace reigen::scheduler
