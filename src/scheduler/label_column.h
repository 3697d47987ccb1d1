// LabelColumn: one label of all nodes as interned numbers, so that selectors and topologies compare integers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace reigen::scheduler {

using Slot = uint32_t;  // a node's place in all columns
inline constexpr Slot kNoSlot = UINT32_MAX;

class LabelColumn {
 public:
  static constexpr uint32_t kAbsent = 0;

  void set(Slot slot, const std::string* value) {
    if (slot >= values_.size()) values_.resize(slot + 1, kAbsent);
    values_[slot] = value ? intern(*value) : kAbsent;
  }
  // kAbsent where the node has no such label.
  uint32_t at(Slot slot) const { return slot < values_.size() ? values_[slot] : kAbsent; }
  // kAbsent for a value no node ever had.
  uint32_t find(const std::string& value) const {
    auto found = ids_.find(value);
    return found == ids_.end() ? kAbsent : found->second;
  }
  const std::string& text(uint32_t id) const { return texts_[id - 1]; }
  size_t ids() const { return texts_.size() + 1; }  // all ids are below

 private:
  uint32_t intern(const std::string& value) {
    auto [at, added] = ids_.try_emplace(value, static_cast<uint32_t>(texts_.size() + 1));
    if (added) texts_.push_back(value);
    return at->second;
  }
  std::vector<uint32_t> values_;
  std::unordered_map<std::string, uint32_t> ids_;
  std::vector<std::string> texts_;
};

}  // namespace reigen::scheduler
