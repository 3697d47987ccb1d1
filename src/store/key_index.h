// KeyIndex: key → entry in memory. A hash table finds one key, sorted chunks list a range; together they cost some 60 bytes a key
// beside the entry.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace reigen::store {

// Fast and stable over machines and versions (checksums on disk use it). Not against an adversary.
uint64_t hash_bytes(std::string_view bytes, uint64_t seed = 0);

// The first key that no longer starts with `prefix`; empty when there is none.
std::string prefix_end(std::string_view prefix);

// Not thread-safe.
class KeyIndex {
 public:
  KeyIndex();

  const EntryPtr* find(std::string_view key) const;  // null when missing; valid until the next change
  void put(EntryPtr entry);                          // adds or replaces
  bool erase(std::string_view key);
  size_t size() const { return size_; }

  // Number of keys in [from, to); an empty `to` is unbounded.
  size_t count(std::string_view from, std::string_view to) const;
  // Calls f(const EntryPtr&) for the keys in [from, to) in order until it returns false.
  template <class F>
  void scan(std::string_view from, std::string_view to, F&& f) const {
    auto [c, i] = lower_bound(from);
    for (; c < chunks_.size(); ++c, i = 0) {
      for (; i < chunks_[c].size(); ++i) {
        if (!to.empty() && chunks_[c][i]->key >= to) return;
        if (!f(chunks_[c][i])) return;
      }
    }
  }

 private:
  using Chunk = std::vector<EntryPtr>;
  struct Place {
    size_t chunk, index;
  };
  // The first entry not before `key`; {chunks_.size(), 0} at the end.
  Place lower_bound(std::string_view key) const;
  void insert_sorted(EntryPtr entry);
  size_t slot_of(std::string_view key, uint64_t hash) const;  // where it is, or the empty slot where it would be
  void grow();

  std::vector<Chunk> chunks_;  // none is empty
  // Open addressing, linear probing. The entry and 32 bits of its key's hash.
  std::vector<EntryPtr> slots_;
  std::vector<uint32_t> hashes_;
  size_t size_ = 0;
};

}  // namespace reigen::store
