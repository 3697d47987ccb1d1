// SimDisk: a disk in memory that fails as told. It loses what was not synced when it crashes, tears writes at sectors, fails a sync,
// or is full.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <random>

#include "base/disk.h"

namespace reigen {

// Thread-safe. Outlives the files it opened.
class SimDisk final : public Disk {
 public:
  explicit SimDisk(uint64_t seed = 1) : random_(seed) {}

  Result<std::unique_ptr<DiskFile>> open(const std::string& path, bool create) override;
  Status remove(const std::string& path) override;
  bool exists(const std::string& path) override;

  // Counts writes, truncations and syncs together; the n-th from now (1 is the next) loses power: it is done in part, and everything
  // after it fails with kUnavailable until reboot(). 0 forgets it.
  void crash_after(uint64_t operations);
  // Called before each of them is counted, by whoever does it, without locks. Set it before the disk is used.
  void before_operations(std::function<void()> fn) { before_operation_ = std::move(fn); }
  bool crashed();
  // Loses what was not synced: every sector written since the last sync of its file is kept or lost by chance. Files opened before
  // stay dead.
  void reboot();

  void fail_next_syncs(int count);    // with an I/O error; what they should have made durable may be lost
  void fail_next_writes(int count);   // with an I/O error, after a part was written
  void set_capacity(uint64_t bytes);  // of all files together; beyond it writes fail with kResourceExhausted
  uint64_t used();
  uint64_t operations();  // so far
  // Changes a byte, as a bad disk does. False when there is no such file or byte.
  bool corrupt(const std::string& path, uint64_t offset);

 private:
  class File;
  struct Content {
    std::string now, durable;
    std::map<uint64_t, bool> dirty;  // sectors written since the last sync
  };
  Status begin_operation(uint64_t generation, bool* last);
  Status write(const std::string& path, uint64_t generation, uint64_t offset, std::string_view data);
  Status truncate(const std::string& path, uint64_t generation, uint64_t size);
  Status sync(const std::string& path, uint64_t generation);
  void put(Content& content, uint64_t offset, std::string_view data);

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Content>> files_;
  std::mt19937_64 random_;
  uint64_t generation_ = 0;
  uint64_t operations_ = 0;
  uint64_t crash_at_ = 0;  // the value of operations_ at which power is lost
  bool crashed_ = false;
  int failing_syncs_ = 0;
  int failing_writes_ = 0;
  uint64_t capacity_ = UINT64_MAX;
  std::function<void()> before_operation_;
};

}  // namespace reigen
