#include "node/image_gc.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace reigen::node {
namespace {

constexpr WallTime kNow{std::chrono::hours(1000)};

struct Images final : ImageService {
  std::vector<StoredImage> images;
  DiskSpace space{100'000, 10'000};

  Result<ImageInfo> find(const std::string&) override { return fail(Code::kNotFound, ""); }
  void pull(const std::string&, std::vector<std::string>, std::move_only_function<void(Result<ImageInfo>)>) override {}
  Status pin(const std::string&, const std::string&) override { return {}; }
  Status unpin(const std::string&) override { return {}; }
  std::vector<NodeImage> list() override { return {}; }
  std::vector<StoredImage> list_all() override { return images; }
  Result<DiskSpace> disk() override { return space; }
  Status remove(const std::string& id) override {
    std::erase_if(images, [&](const auto& image) { return image.id == id; });
    return {};
  }
  Images& add(const char* id, uint64_t size, int hours_old) {
    images.push_back({.id = id, .size = size, .added = kNow - std::chrono::hours(hours_old), .pullable = true, .pinned = false});
    return *this;
  }
};

using Ids = std::vector<std::string>;

TEST(ImageGc, TheLongestUnusedGoUntilTheLowMark) {
  Images images;
  images.add("new", 9000, 1).add("old", 6000, 9).add("middle", 5000, 5);
  auto result = ImageGc(images, {}).collect(kNow);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->wanted, 10'000u);
  EXPECT_EQ(result->removed, (Ids{"old", "middle"}));
}

TEST(ImageGc, NothingHappensBelowTheHighMark) {
  Images images;
  images.add("old", 6000, 9).space.available = 16'000;
  EXPECT_TRUE(ImageGc(images, {}).collect(kNow)->removed.empty());
}

TEST(ImageGc, UsedYoungAndUnfetchableImagesStay) {
  Images images;
  images.add("used", 6000, 9).add("built", 6000, 9).add("young", 6000, 0);
  images.images[0].pinned = true;
  images.images[1].pullable = false;
  auto result = ImageGc(images, {}).collect(kNow);
  EXPECT_TRUE(result->removed.empty());
  EXPECT_LT(result->freed, result->wanted);
}

TEST(ImageGc, TheLastUseCountsNotTheAge) {
  Images images;
  images.add("old", 20'000, 9).add("older", 20'000, 20);
  images.images[1].pinned = true;
  images.space.available = 50'000;
  ImageGc gc(images, {});
  ASSERT_TRUE(gc.collect(kNow));  // sees "older" in use
  images.images[1].pinned = false;
  images.space.available = 10'000;
  EXPECT_EQ(gc.collect(kNow + std::chrono::minutes(5))->removed, (Ids{"old"}));
}

}  // namespace
}  // namespace reigen::node
