#include "node/log_rotation.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/files.h"

namespace reigen::node {
namespace {

class LogRotationTest : public ::testing::Test {
 protected:
  LogRotationTest() {
    char name[] = "/tmp/reigen-log-rotation-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/log";
  }
  ~LogRotationTest() override { (void)remove_tree(folder_); }

  void write_lines(int first, int last) {
    std::string text;
    for (int i = first; i <= last; ++i) text += "line " + std::to_string(i) + "\n";
    (void)write_file(path_, text);
  }
  std::string read(const std::string& suffix) { return read_file(path_ + suffix, 1 << 20).value_or("none"); }

  std::string folder_, path_;
};

TEST_F(LogRotationTest, ALogBelowItsLimitStays) {
  write_lines(1, 3);
  EXPECT_TRUE(rotate_log_files(path_, {1000, 3}, {}));
  EXPECT_EQ(read(""), "line 1\nline 2\nline 3\n");
  EXPECT_EQ(read(".1"), "none");
}

TEST_F(LogRotationTest, WhatGrewTooMuchIsCutAtLines) {
  write_lines(1, 9);  // 7 bytes each
  EXPECT_TRUE(rotate_log_files(path_, {15, 3}, {}));
  EXPECT_EQ(read(""), "");
  EXPECT_EQ(read(".1"), "line 9\n");
  EXPECT_EQ(read(".2"), "line 6\nline 7\nline 8\n") << "the line that goes over the limit ends a file; what is older is dropped";
  EXPECT_EQ(read(".3"), "none");
}

TEST_F(LogRotationTest, OlderFilesMoveUpAndFallOff) {
  write_lines(1, 3);
  EXPECT_TRUE(rotate_log_files(path_, {20, 3}, {}));
  write_lines(4, 6);
  EXPECT_TRUE(rotate_log_files(path_, {20, 3}, {}));
  write_lines(7, 9);
  EXPECT_TRUE(rotate_log_files(path_, {20, 3}, {}));
  EXPECT_EQ(read(".1"), "line 7\nline 8\nline 9\n");
  EXPECT_EQ(read(".2"), "line 4\nline 5\nline 6\n");
  EXPECT_EQ(read(".3"), "none");
}

TEST_F(LogRotationTest, AWriterIsToldToBeginAnew) {
  write_lines(1, 3);
  bool told = false;
  EXPECT_TRUE(rotate_log_files(path_, {20, 1}, [&]() -> Status {
    told = true;
    return write_file(path_, "new\n");
  }));
  EXPECT_TRUE(told);
  EXPECT_EQ(read(""), "new\n");
  EXPECT_EQ(read(".1"), "none") << "one file alone keeps nothing";
}

TEST_F(LogRotationTest, OneFileThatNobodyWritesStays) {
  write_lines(1, 3);
  EXPECT_TRUE(rotate_log_files(path_, {20, 1}, {}));
  EXPECT_EQ(read(""), "line 1\nline 2\nline 3\n");
}

TEST(DockerLogOptions, InDockersWords) {
  struct Case {
    std::string type;
    api::Map<std::string> options;
    std::string error;
    int64_t bytes = 0;
    int files = 1;
  };
  const Case cases[] = {
      {"json-file", {}, ""},
      {"json-file", {{"max-size", "10k"}, {"max-file", "3"}}, "", 10'000, 3},
      {"json-file", {{"max-size", "1.5MB"}}, "", 1'500'000, 1},
      {"local", {}, "", 20'000'000, 5},
      {"none", {}, ""},
      {"json-file", {{"max-size", "much"}}, "invalid size: 'much'"},
      {"json-file", {{"max-size", "-1"}}, "invalid size: '-1'"},
      {"json-file", {{"max-size", "0"}}, "max-size must be a positive number"},
      {"json-file", {{"max-file", "0"}}, "max-file cannot be less than 1"},
      {"json-file", {{"max-file", "x"}}, "strconv.Atoi: parsing \"x\": invalid syntax"},
      {"local", {{"max-size", "x"}}, "invalid value for max-size: x: invalid size: 'x'"},
      {"json-file", {{"compress", "true"}}, "compress cannot be true when max-file is less than 2 or max-size is not set"},
      {"json-file", {{"compress", "maybe"}}, "strconv.ParseBool: parsing \"maybe\": invalid syntax"},
  };
  for (const auto& each : cases) {
    api::dockerv1::LogConfig config;
    config.type = each.type;
    config.config = each.options;
    auto limits = log_rotation(config);
    if (!each.error.empty()) {
      ASSERT_FALSE(limits) << each.error;
      EXPECT_EQ(limits.error().message(), "failed to initialize logging driver: " + each.error);
      continue;
    }
    ASSERT_TRUE(limits) << limits.error().message();
    EXPECT_EQ(limits->max_bytes, each.bytes);
    EXPECT_EQ(limits->max_files, each.files);
  }
}

TEST(DockerLogOptions, SizesAsGoUnitsReadsThem) {
  EXPECT_EQ(parse_docker_size("1k", 1000), 1000);
  EXPECT_EQ(parse_docker_size("1 KiB", 1024), 1024);
  EXPECT_EQ(parse_docker_size("2g", 1000), 2'000'000'000);
  EXPECT_EQ(parse_docker_size("7", 1000), 7);
  for (const char* wrong : {"", "k", "1x", "1kk", "-1", "1e3", "1.2.3"}) EXPECT_FALSE(parse_docker_size(wrong, 1000)) << wrong;
}

}  // namespace
}  // namespace reigen::node
