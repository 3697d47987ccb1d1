#include "runtime/seccomp_cache.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace reigen::runtime {
namespace {

class SeccompCacheTest : public testing::Test {
 protected:
  void SetUp() override { dir_ = make_temporary_directory("/tmp", "seccomp-").value(); }
  void TearDown() override { EXPECT_TRUE(remove_tree(dir_)); }
  void learn(const std::string& profile, std::string_view filter) {
    ASSERT_TRUE(write_file(dir_ + "/filter", filter));
    cache_.learn(profile, dir_ + "/filter");
  }

  SeccompCache cache_;
  std::string dir_;
};

TEST_F(SeccompCacheTest, GivesBackWhatItLearnt) {
  EXPECT_EQ("", cache_.find("p"));
  learn("p", "abcdefgh");
  EXPECT_EQ("YWJjZGVmZ2g=", cache_.find("p"));
  EXPECT_EQ("", cache_.find("q"));
}

TEST_F(SeccompCacheTest, WhatIsNoFilterTeachesNothing) {
  learn("p", "");
  learn("p", "abcdefg");
  learn("p", std::string(4097 * 8, 'x'));
  cache_.learn("p", dir_ + "/missing");
  EXPECT_EQ("", cache_.find("p"));
  learn("p", std::string(4096 * 8, 'x'));
  EXPECT_NE("", cache_.find("p"));
}

TEST_F(SeccompCacheTest, IsBounded) {
  for (int i = 0; i < 16; ++i) learn(std::to_string(i), "abcdefgh");
  EXPECT_NE("", cache_.find("0"));
  learn("16", "abcdefgh");
  EXPECT_EQ("", cache_.find("0"));
  EXPECT_NE("", cache_.find("16"));
}

}  // namespace
}  // namespace reigen::runtime
