// RangeAllocator: numbers of a range (addresses of services, node ports), each given out once.
//
// What is taken stands as a bitmap in one RangeAllocation object in the store and nowhere else: every operation reads the newest
// object, changes it and writes it back by compare-and-set, so that several servers may share a store. A write is under way when an
// operation returns; the store commits writes in order, so that whoever writes the user of a number afterwards is safe. What a crash
// leaves taken without a user is found by the repair (service_allocator.h).
// Thread-safe; does not block.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"

namespace reigen::store {
class Store;
}

namespace reigen::apiserver {

// Bit i is number i. The last byte is not zero.
class Bitmap {
 public:
  Bitmap() = default;
  explicit Bitmap(std::string bytes);
  bool test(uint32_t index) const;
  void set(uint32_t index, bool taken);
  uint32_t count() const;
  const std::string& bytes() const { return bytes_; }
  bool operator==(const Bitmap&) const = default;

 private:
  void trim();
  std::string bytes_;
};

class RangeAllocator {
 public:
  struct Options {
    std::string key;    // of the object in the store
    std::string range;  // as the object names it; with another one in the store, the bitmap starts anew
    uint32_t size = 0;
    uint32_t reserved = 0;  // the first ones, given out by themselves only when all others are taken
  };
  RangeAllocator(store::Store& store, Random& random, Options options);

  // False: taken already. `dry_run` looks only.
  Result<bool> take(uint32_t index, bool dry_run);
  // Any free one; kResourceExhausted when there is none. Not one of `avoid`.
  Result<uint32_t> take_any(bool dry_run, const std::vector<uint32_t>& avoid = {});
  // Also of what is free already.
  Status release(const std::vector<uint32_t>& indexes);
  // Replaces the bitmap by what fn makes of it.
  Status repair(const std::function<Bitmap(const Bitmap&)>& fn);

  uint32_t size() const { return options_.size; }

 private:
  // fn returns whether it changed the bitmap.
  Status change(const std::function<Result<bool>(Bitmap&)>& fn);
  Result<uint32_t> pick(const Bitmap& taken, const std::vector<uint32_t>& avoid);

  store::Store& store_;
  Random& random_;
  Options options_;
  std::mutex mutex_;  // keeps this server's own operations from racing each other; the store decides
};

}  // namespace reigen::apiserver
