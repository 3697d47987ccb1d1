#include "base/sim_disk.h"

#include <algorithm>
#include <cstring>

namespace reigen {
namespace {
constexpr uint64_t kSector = 512;

Fail power_lost() { return fail(Code::kUnavailable, "simulated disk: power lost"); }
}  // namespace

class SimDisk::File final : public DiskFile {
 public:
  File(SimDisk& disk, std::string path, std::shared_ptr<Content> content, uint64_t generation)
      : disk_(disk), path_(std::move(path)), content_(std::move(content)), generation_(generation) {}

  Result<size_t> read(uint64_t offset, std::span<char> into) override {
    std::lock_guard lock(disk_.mutex_);
    if (disk_.crashed_ || generation_ != disk_.generation_) return power_lost();
    const auto& bytes = content_->now;
    if (offset >= bytes.size()) return size_t{0};
    size_t n = std::min<size_t>(into.size(), bytes.size() - offset);
    std::memcpy(into.data(), bytes.data() + offset, n);
    return n;
  }
  Status write(uint64_t offset, std::string_view data) override {
    if (disk_.before_operation_) disk_.before_operation_();
    std::lock_guard lock(disk_.mutex_);
    return disk_.write(path_, generation_, offset, data);
  }
  Status truncate(uint64_t size) override {
    if (disk_.before_operation_) disk_.before_operation_();
    std::lock_guard lock(disk_.mutex_);
    return disk_.truncate(path_, generation_, size);
  }
  Status sync() override {
    if (disk_.before_operation_) disk_.before_operation_();
    std::lock_guard lock(disk_.mutex_);
    return disk_.sync(path_, generation_);
  }
  Result<uint64_t> size() override {
    std::lock_guard lock(disk_.mutex_);
    if (disk_.crashed_ || generation_ != disk_.generation_) return power_lost();
    return content_->now.size();
  }

 private:
  SimDisk& disk_;
  std::string path_;
  std::shared_ptr<Content> content_;
  uint64_t generation_;
};

Result<std::unique_ptr<DiskFile>> SimDisk::open(const std::string& path, bool create) {
  std::lock_guard lock(mutex_);
  if (crashed_) return power_lost();
  auto& content = files_[path];
  if (!content) {
    if (!create) {
      files_.erase(path);
      return fail(Code::kNotFound, "simulated disk: no file " + path);
    }
    content = std::make_shared<Content>();
  }
  return std::make_unique<File>(*this, path, content, generation_);
}

Status SimDisk::remove(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (crashed_) return power_lost();
  if (files_.erase(path) == 0) return fail(Code::kNotFound, "simulated disk: no file " + path);
  return {};
}

bool SimDisk::exists(const std::string& path) {
  std::lock_guard lock(mutex_);
  return files_.contains(path);
}

void SimDisk::crash_after(uint64_t operations) {
  std::lock_guard lock(mutex_);
  crash_at_ = operations ? operations_ + operations : 0;
}

bool SimDisk::crashed() {
  std::lock_guard lock(mutex_);
  return crashed_;
}

void SimDisk::reboot() {
  std::lock_guard lock(mutex_);
  for (auto& [path, content] : files_) {
    std::string after = content->durable;
    for (auto& [sector, written] : content->dirty) {
      if (random_() % 2 == 0) continue;
      uint64_t begin = sector * kSector;
      if (begin >= content->now.size()) continue;
      uint64_t length = std::min<uint64_t>(kSector, content->now.size() - begin);
      if (after.size() < begin + length) after.resize(begin + length);
      after.replace(begin, length, content->now, begin, length);
    }
    // Old handles keep the old content.
    content = std::make_shared<Content>(Content{after, after, {}});
  }
  ++generation_;
  crashed_ = false;
  crash_at_ = 0;
  failing_syncs_ = failing_writes_ = 0;
}

void SimDisk::fail_next_syncs(int count) {
  std::lock_guard lock(mutex_);
  failing_syncs_ = count;
}

void SimDisk::fail_next_writes(int count) {
  std::lock_guard lock(mutex_);
  failing_writes_ = count;
}

void SimDisk::set_capacity(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

uint64_t SimDisk::used() {
  std::lock_guard lock(mutex_);
  uint64_t sum = 0;
  for (auto& [path, content] : files_) sum += content->now.size();
  return sum;
}

uint64_t SimDisk::operations() {
  std::lock_guard lock(mutex_);
  return operations_;
}

bool SimDisk::corrupt(const std::string& path, uint64_t offset) {
  std::lock_guard lock(mutex_);
  auto found = files_.find(path);
  if (found == files_.end() || offset >= found->second->now.size()) return false;
  found->second->now[offset] ^= 0x40;
  if (offset < found->second->durable.size()) found->second->durable[offset] ^= 0x40;
  return true;
}

Status SimDisk::begin_operation(uint64_t generation, bool* last) {
  *last = false;
  if (crashed_ || generation != generation_) return power_lost();
  ++operations_;
  if (crash_at_ != 0 && operations_ >= crash_at_) {
    crashed_ = true;
    *last = true;
  }
  return {};
}

void SimDisk::put(Content& content, uint64_t offset, std::string_view data) {
  if (data.empty()) return;
  if (content.now.size() < offset + data.size()) content.now.resize(offset + data.size());
  content.now.replace(offset, data.size(), data);
  for (uint64_t s = offset / kSector; s <= (offset + data.size() - 1) / kSector; ++s) content.dirty[s] = true;
}

Status SimDisk::write(const std::string& path, uint64_t generation, uint64_t offset, std::string_view data) {
  bool last;
  TRY(begin_operation(generation, &last));
  auto found = files_.find(path);
  if (found == files_.end()) return last ? Status(power_lost()) : Status();
  auto& content = *found->second;
  if (last) {
    put(content, offset, data.substr(0, random_() % (data.size() + 1)));
    return power_lost();
  }
  if (failing_writes_ > 0) {
    --failing_writes_;
    put(content, offset, data.substr(0, data.size() / 2));
    return fail(Code::kInternal, "simulated disk: write " + path + ": input/output error");
  }
  uint64_t total = 0;
  for (auto& [name, other] : files_) total += other->now.size();
  uint64_t grown = std::max<uint64_t>(content.now.size(), offset + data.size()) - content.now.size();
  if (grown > 0 && total + grown > capacity_) return fail(Code::kResourceExhausted, "simulated disk: write " + path + ": no space left on device");
  put(content, offset, data);
  return {};
}

Status SimDisk::truncate(const std::string& path, uint64_t generation, uint64_t size) {
  bool last;
  TRY(begin_operation(generation, &last));
  if (last) return power_lost();
  auto found = files_.find(path);
  if (found == files_.end()) return {};
  // Truncation is a change of the file's size in its journal: durable here, as no user relies on the contrary.
  found->second->now.resize(size);
  found->second->durable.resize(std::min<uint64_t>(size, found->second->durable.size()));
  return {};
}

Status SimDisk::sync(const std::string& path, uint64_t generation) {
  bool last;
  TRY(begin_operation(generation, &last));
  if (last) return power_lost();
  auto found = files_.find(path);
  if (found == files_.end()) return {};
  if (failing_syncs_ > 0) {
    --failing_syncs_;
    return fail(Code::kInternal, "simulated disk: sync " + path + ": input/output error");
  }
  auto& content = *found->second;
  if (content.dirty.empty() && content.durable.size() == content.now.size()) return {};
  for (auto& [sector, written] : content.dirty) {
    uint64_t begin = sector * kSector;
    if (begin >= content.now.size()) continue;
    uint64_t length = std::min<uint64_t>(kSector, content.now.size() - begin);
    if (content.durable.size() < begin + length) content.durable.resize(begin + length);
    content.durable.replace(begin, length, content.now, begin, length);
  }
  content.durable.resize(content.now.size());
  content.dirty.clear();
  return {};
}

}  // namespace reigen
