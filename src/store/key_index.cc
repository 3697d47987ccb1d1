#include "store/key_index.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace reigen::store {
namespace {
constexpr size_t kMaxChunk = 256;
constexpr size_t kMinChunk = 64;  // smaller ones are joined with a neighbour
constexpr size_t kFirstSlots = 64;

bool key_before(const EntryPtr& entry, std::string_view key) { return entry->key < key; }
}  // namespace

uint64_t hash_bytes(std::string_view bytes, uint64_t seed) {
  constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15;
  uint64_t h = seed ^ (bytes.size() * kMultiplier);
  const char* p = bytes.data();
  size_t n = bytes.size();
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    h = (h ^ word) * kMultiplier;
    h ^= h >> 29;
  }
  uint64_t tail = 0;
  if (n > 0) std::memcpy(&tail, p, n);
  h = (h ^ tail) * kMultiplier;
  h ^= h >> 32;
  h *= 0xD6E8FEB86659FD93;
  return h ^ (h >> 32);
}
static_assert(std::endian::native == std::endian::little, "checksums on disk are little-endian");

std::string prefix_end(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty()) {
    if (static_cast<unsigned char>(end.back()) != 0xFF) {
      end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
      return end;
    }
    end.pop_back();
  }
  return end;
}

KeyIndex::KeyIndex() : slots_(kFirstSlots, nullptr), hashes_(kFirstSlots, 0) {}

size_t KeyIndex::slot_of(std::string_view key, uint64_t hash) const {
  size_t mask = slots_.size() - 1;
  auto tag = static_cast<uint32_t>(hash >> 32);
  size_t slot = hash & mask;
  while (slots_[slot] && !(hashes_[slot] == tag && slots_[slot]->key == key)) slot = (slot + 1) & mask;
  return slot;
}

KeyIndex::Place KeyIndex::lower_bound(std::string_view key) const {
  // The last chunk that begins at or before the key may hold it.
  auto after = std::upper_bound(chunks_.begin(), chunks_.end(), key, [](std::string_view k, const Chunk& chunk) { return k < chunk.front()->key; });
  if (after == chunks_.begin()) return {0, 0};
  auto chunk = after - 1;
  auto found = std::lower_bound(chunk->begin(), chunk->end(), key, key_before);
  auto c = static_cast<size_t>(chunk - chunks_.begin());
  if (found == chunk->end()) return {c + 1, 0};
  return {c, static_cast<size_t>(found - chunk->begin())};
}

const EntryPtr* KeyIndex::find(std::string_view key) const {
  auto& slot = slots_[slot_of(key, hash_bytes(key))];
  return slot ? &slot : nullptr;
}

void KeyIndex::put(EntryPtr entry) {
  uint64_t hash = hash_bytes(entry->key);
  size_t slot = slot_of(entry->key, hash);
  bool replaces = slots_[slot] != nullptr;
  slots_[slot] = entry;
  hashes_[slot] = static_cast<uint32_t>(hash >> 32);
  if (replaces) {
    auto [c, i] = lower_bound(entry->key);
    chunks_[c][i] = std::move(entry);
    return;
  }
  insert_sorted(std::move(entry));
  if (++size_ * 4 > slots_.size() * 3) grow();
}

void KeyIndex::insert_sorted(EntryPtr entry) {
  if (chunks_.empty()) {
    chunks_.emplace_back().push_back(std::move(entry));
    return;
  }
  auto [c, i] = lower_bound(entry->key);
  // Between two chunks: append to the earlier one, which keeps ascending inserts cheap.
  if (i == 0 && c > 0) i = chunks_[--c].size();
  if (chunks_[c].size() >= kMaxChunk) {
    // Behind a full chunk begins a new one, so that ascending keys leave full chunks; otherwise the chunk is halved.
    auto next = chunks_.begin() + static_cast<ptrdiff_t>(c) + 1;
    if (i == chunks_[c].size()) {
      chunks_.insert(next, Chunk())->push_back(std::move(entry));
      return;
    }
    constexpr size_t kHalf = kMaxChunk / 2;
    auto middle = chunks_[c].begin() + kHalf;
    Chunk right(std::make_move_iterator(middle), std::make_move_iterator(chunks_[c].end()));
    chunks_[c].resize(kHalf);
    chunks_[c].shrink_to_fit();
    chunks_.insert(next, std::move(right));
    if (i > kHalf) {
      ++c;
      i -= kHalf;
    }
  }
  chunks_[c].insert(chunks_[c].begin() + static_cast<ptrdiff_t>(i), std::move(entry));
}

bool KeyIndex::erase(std::string_view key) {
  size_t hole = slot_of(key, hash_bytes(key));
  if (!slots_[hole]) return false;
  auto [c, i] = lower_bound(key);
  CHECK(slots_[hole] == chunks_[c][i]);
  // Close the gap, so that no probe sequence is cut.
  size_t mask = slots_.size() - 1;
  for (size_t next = (hole + 1) & mask; slots_[next]; next = (next + 1) & mask) {
    size_t home = hash_bytes(slots_[next]->key) & mask;
    if (((next - home) & mask) < ((next - hole) & mask)) continue;
    slots_[hole] = std::move(slots_[next]);
    hashes_[hole] = hashes_[next];
    hole = next;
  }
  slots_[hole] = nullptr;
  chunks_[c].erase(chunks_[c].begin() + static_cast<ptrdiff_t>(i));
  --size_;
  if (chunks_[c].empty()) {
    chunks_.erase(chunks_.begin() + static_cast<ptrdiff_t>(c));
  } else if (chunks_[c].size() < kMinChunk && c + 1 < chunks_.size() && chunks_[c].size() + chunks_[c + 1].size() <= kMaxChunk) {
    auto& left = chunks_[c];
    auto& right = chunks_[c + 1];
    left.insert(left.end(), std::make_move_iterator(right.begin()), std::make_move_iterator(right.end()));
    chunks_.erase(chunks_.begin() + static_cast<ptrdiff_t>(c) + 1);
  }
  return true;
}

void KeyIndex::grow() {
  size_t slots = slots_.size() * 2;
  slots_.assign(slots, nullptr);
  hashes_.assign(slots, 0);
  for (auto& chunk : chunks_) {
    for (auto& entry : chunk) {
      uint64_t hash = hash_bytes(entry->key);
      size_t slot = slot_of(entry->key, hash);
      slots_[slot] = entry;
      hashes_[slot] = static_cast<uint32_t>(hash >> 32);
    }
  }
}

size_t KeyIndex::count(std::string_view from, std::string_view to) const {
  auto rank = [this](Place place) {
    size_t n = place.index;
    for (size_t c = 0; c < place.chunk && c < chunks_.size(); ++c) n += chunks_[c].size();
    return n;
  };
  size_t begin = rank(lower_bound(from));
  size_t end = to.empty() ? size_ : rank(lower_bound(to));
  return end > begin ? end - begin : 0;
}

}  // namespace reigen::store
