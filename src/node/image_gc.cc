#include "node/image_gc.h"

#include <algorithm>

#include "base/log.h"

namespace reigen::node {

Result<ImageGcResult> ImageGc::collect(WallTime now) {
  ImageGcResult result;
  TRY_ASSIGN(DiskSpace disk, images_.disk());
  auto images = images_.list_all();
  std::map<std::string, WallTime> used;
  for (const auto& image : images) {
    auto known = last_used_.find(image.id);
    used[image.id] = image.pinned ? now : known == last_used_.end() ? image.added : known->second;
  }
  last_used_ = std::move(used);
  if (policy_.high_percent >= 100 || disk.capacity == 0) return result;
  uint64_t low_free = disk.capacity / 100 * static_cast<uint64_t>(100 - policy_.low_percent);
  uint64_t high_free = disk.capacity / 100 * static_cast<uint64_t>(100 - policy_.high_percent);
  if (disk.available > high_free) return result;
  result.wanted = low_free - disk.available;
  std::erase_if(images, [&](const auto& image) { return image.pinned || !image.pullable || now - image.added < policy_.min_age; });
  std::stable_sort(images.begin(), images.end(), [&](const auto& a, const auto& b) { return last_used_[a.id] < last_used_[b.id]; });
  for (const auto& image : images) {
    if (result.freed >= result.wanted) break;
    if (auto done = images_.remove(image.id); !done) {
      LOG(kWarning, "node", "image garbage collection: {}", done.error().message());
      continue;
    }
    LOG(kInfo, "node", "image {} removed: the disk is full and nothing uses it", image.id);
    result.freed += image.size;
    result.removed.push_back(image.id);
  }
  return result;
}

}  // namespace reigen::node
