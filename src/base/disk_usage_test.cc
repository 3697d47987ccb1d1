#include "base/disk_usage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files.h"

namespace reigen {
namespace {

struct DiskUsageTest : testing::Test {
  std::string dir = *make_temporary_directory("/tmp", "reigen-disk-usage-");
  ~DiskUsageTest() override { (void)remove_tree(dir); }
  void fill(const std::string& name, size_t bytes) { ASSERT_TRUE(write_file(dir + "/" + name, std::string(bytes, 'x'))); }
};

TEST_F(DiskUsageTest, CountsBlocksOfAWholeTree) {
  uint64_t before = disk_usage(dir)->bytes;
  ASSERT_TRUE(make_directories(dir + "/a/b"));
  fill("one", 1 << 20);
  fill("a/b/two", 2 << 20);
  auto usage = disk_usage(dir);
  ASSERT_TRUE(usage);
  EXPECT_GE(usage->bytes, before + (3 << 20));
  EXPECT_LT(usage->bytes, before + (3 << 20) + (64 << 10));
  EXPECT_EQ(usage->inodes, 5U);
  EXPECT_TRUE(usage->complete);
}

TEST_F(DiskUsageTest, HolesAndSecondNamesCostNothing) {
  fill("file", 1 << 20);
  ASSERT_EQ(::link((dir + "/file").c_str(), (dir + "/again").c_str()), 0);
  ASSERT_EQ(::symlink("/usr", (dir + "/elsewhere").c_str()), 0);
  fill("sparse", 0);
  ASSERT_EQ(::truncate((dir + "/sparse").c_str(), 1 << 30), 0);
  auto usage = disk_usage(dir);
  EXPECT_LT(usage->bytes, (1U << 20) + (64U << 10));
  EXPECT_EQ(usage->inodes, 4U);
}

TEST_F(DiskUsageTest, StopsAtItsLimit) {
  for (int i = 0; i < 20; ++i) fill(std::to_string(i), 4096);
  auto usage = disk_usage(dir, 10);
  EXPECT_FALSE(usage->complete);
  EXPECT_EQ(usage->inodes, 10U);
}

TEST_F(DiskUsageTest, TakesAFileAndMissesNothingInSilence) {
  fill("file", 8192);
  EXPECT_EQ(disk_usage(dir + "/file")->bytes, 8192U);
  EXPECT_EQ(disk_usage(dir + "/none").error().code(), Code::kNotFound);
}

TEST_F(DiskUsageTest, DeepTreesEnd) {
  std::string path = dir;
  for (int i = 0; i < 600; ++i) path += "/d";
  ASSERT_TRUE(make_directories(path));
  EXPECT_FALSE(disk_usage(dir)->complete);
}

}  // namespace
}  // namespace reigen
