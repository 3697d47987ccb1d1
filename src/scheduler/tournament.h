// Tournament: the best of many keys, kept while keys change. Changing one costs O(log n), the best is at hand.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace reigen::scheduler {

class Tournament {
 public:
  static constexpr float kOut = -std::numeric_limits<float>::infinity();

  // All keys out; set_quietly() and then build() fill it in O(n).
  explicit Tournament(size_t size = 0) : keys_(size, kOut) {
    width_ = 1;
    while (width_ < size) width_ *= 2;
    winners_.assign(2 * width_, 0);
  }
  size_t size() const { return keys_.size(); }
  void set_quietly(uint32_t index, float key) { keys_[index] = key; }
  void build() {
    for (uint32_t i = 0; i < width_; ++i) winners_[width_ + i] = i;
    for (size_t node = width_ - 1; node >= 1; --node) play(node);
  }
  void set(uint32_t index, float key) {
    keys_[index] = key;
    for (size_t node = (width_ + index) / 2; node >= 1; node /= 2) play(node);
  }
  float key(uint32_t index) const { return index < keys_.size() ? keys_[index] : kOut; }
  // Among equals the one with the lowest index; its key may be kOut.
  uint32_t best() const { return width_ == 1 ? 0 : winners_[1]; }

 private:
  void play(size_t node) {
    uint32_t left = winners_[2 * node], right = winners_[2 * node + 1];
    winners_[node] = key(right) > key(left) ? right : left;
  }
  size_t width_ = 1;
  std::vector<float> keys_;
  std::vector<uint32_t> winners_;
};

}  // namespace reigen::scheduler
