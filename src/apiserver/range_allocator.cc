#include "apiserver/range_allocator.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <memory>
#include <optional>

#include "api/corev1.h"
#include "api/object.h"
#include "apiserver/codec.h"
#include "base/log.h"
#include "store/store.h"

namespace reigen::apiserver {
namespace {

// Other servers may write too; who loses so often gives up.
constexpr int kMaxAttempts = 100;
// Numbers come at random from a window over the first ones, some times as wide as what is taken: the bitmap stays short.
constexpr uint32_t kWindowFactor = 4, kMinWindow = 1024;

}  // namespace

Bitmap::Bitmap(std::string bytes) : bytes_(std::move(bytes)) { trim(); }

bool Bitmap::test(uint32_t index) const { return index / 8 < bytes_.size() && (static_cast<unsigned char>(bytes_[index / 8]) >> (index % 8) & 1) != 0; }

void Bitmap::set(uint32_t index, bool taken) {
  if (index / 8 >= bytes_.size()) {
    if (!taken) return;
    bytes_.resize(index / 8 + 1);
  }
  auto byte = static_cast<unsigned char>(bytes_[index / 8]);
  auto mask = static_cast<unsigned char>(1U << (index % 8));
  bytes_[index / 8] = static_cast<char>(taken ? byte | mask : byte & ~mask);
  if (!taken) trim();
}

uint32_t Bitmap::count() const {
  uint32_t sum = 0;
  for (char c : bytes_) sum += static_cast<uint32_t>(std::popcount(static_cast<unsigned char>(c)));
  return sum;
}

void Bitmap::trim() {
  while (!bytes_.empty() && bytes_.back() == 0) bytes_.pop_back();
}

RangeAllocator::RangeAllocator(store::Store& store, Random& random, Options options) : store_(store), random_(random), options_(std::move(options)) {}

Status RangeAllocator::change(const std::function<Result<bool>(Bitmap&)>& fn) {
  std::lock_guard lock(mutex_);
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    TRY_ASSIGN(store::EntryPtr entry, store_.get_latest(options_.key));
    api::corev1::RangeAllocation allocation;
    if (entry) {
      TRY_ASSIGN(api::Object object, decode_stored(*entry->value, api::kind_of<api::corev1::RangeAllocation>(), entry->mod_revision));
      allocation = object.as<api::corev1::RangeAllocation>();
    }
    Bitmap taken(allocation.range == options_.range ? std::move(allocation.data.data) : std::string());
    TRY_ASSIGN(bool changed, fn(taken));
    if (!changed) return {};
    allocation.range = options_.range;
    allocation.data.data = taken.bytes();
    store::Write write;
    write.key = options_.key;
    write.value = store::make_bytes(encode_stored(api::Object::of(std::move(allocation))));
    write.expected = entry ? entry->mod_revision : 0;
    auto lost = std::make_shared<std::atomic<bool>>(false);
    store_.write(std::move(write), [lost, key = options_.key](Result<store::Commit> commit) {
      if (commit) return;
      Code code = commit.error().code();
      lost->store(code == Code::kConflict || code == Code::kAlreadyExists || code == Code::kNotFound);
      if (!lost->load()) LOG(kWarning, "apiserver", "cannot write {}: {}", key, commit.error().message());
    });
    if (!lost->load()) return {};
  }
  return fail(Code::kConflict, options_.key + " changes too often");
}

Result<bool> RangeAllocator::take(uint32_t index, bool dry_run) {
  bool taken = false;
  TRY(change([&](Bitmap& bits) -> Result<bool> {
    taken = !bits.test(index);
    if (!taken || dry_run) return false;
    bits.set(index, true);
    return true;
  }));
  return taken;
}

Result<uint32_t> RangeAllocator::pick(const Bitmap& taken, const std::vector<uint32_t>& avoid) {
  auto is_free = [&](uint32_t index) { return !taken.test(index) && std::ranges::find(avoid, index) == avoid.end(); };
  auto search = [&](uint32_t low, uint32_t count) -> std::optional<uint32_t> {
    if (count == 0) return std::nullopt;
    auto start = static_cast<uint32_t>(random_.below(count));
    for (uint32_t i = 0; i < count; ++i) {
      uint32_t index = low + (start + i) % count;
      if (is_free(index)) return index;
    }
    return std::nullopt;
  };
  uint32_t dynamic = options_.size - options_.reserved;
  uint32_t window = std::min(dynamic, std::max(kMinWindow, kWindowFactor * taken.count()));
  if (auto index = search(options_.reserved, window)) return *index;
  if (auto index = search(options_.reserved, dynamic)) return *index;
  if (auto index = search(0, options_.reserved)) return *index;
  return fail(Code::kResourceExhausted, "range is full");
}

Result<uint32_t> RangeAllocator::take_any(bool dry_run, const std::vector<uint32_t>& avoid) {
  uint32_t index = 0;
  TRY(change([&](Bitmap& bits) -> Result<bool> {
    TRY_ASSIGN(index, pick(bits, avoid));
    if (dry_run) return false;
    bits.set(index, true);
    return true;
  }));
  return index;
}

Status RangeAllocator::release(const std::vector<uint32_t>& indexes) {
  if (indexes.empty()) return {};
  return change([&](Bitmap& bits) -> Result<bool> {
    bool changed = false;
    for (uint32_t index : indexes) {
      changed = changed || bits.test(index);
      bits.set(index, false);
    }
    return changed;
  });
}

Status RangeAllocator::repair(const std::function<Bitmap(const Bitmap&)>& fn) {
  return change([&](Bitmap& bits) -> Result<bool> {
    Bitmap wanted = fn(bits);
    if (wanted == bits) return false;
    bits = std::move(wanted);
    return true;
  });
}

}  // namespace reigen::apiserver
