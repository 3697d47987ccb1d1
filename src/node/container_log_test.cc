#include "node/container_log.h"

#include <gtest/gtest.h>
#include <stdio.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>

#include "base/files.h"

namespace reigen::node {
namespace {

constexpr const char* kLog =
    "2026-11-23T06:00:00.100000000+00:00 stdout F one\n"
    "2026-11-23T06:00:01.100000000+00:00 stderr F two\n"
    "2026-11-23T06:00:02.100000000+00:00 stdout P thr\n"
    "2026-11-23T06:00:02.200000000+00:00 stdout F ee\n"
    "2026-11-23T06:00:03.100000000+00:00 stderr F four\n";

ContainerLogQuery both() {
  ContainerLogQuery query;
  query.out = query.err = true;
  return query;
}

// "1:text" for each frame.
std::string frames(const std::string& raw) {
  std::string out;
  for (size_t at = 0; at + 8 <= raw.size();) {
    auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(raw[at + i])); };
    size_t size = byte(4) << 24 | byte(5) << 16 | byte(6) << 8 | byte(7);
    out += std::to_string(byte(0)) + ":" + raw.substr(at + 8, size);
    at += 8 + size;
  }
  return out;
}

std::string formatted(ContainerLogQuery query) {
  std::string out;
  bool framed = query.framed;
  (void)ContainerLogFormat(std::move(query)).append(kLog, out);
  return framed ? frames(out) : out;
}

std::string read_all(const std::shared_ptr<ByteStream>& stream) {
  std::mutex mutex;
  std::condition_variable ready;
  std::string out;
  for (bool over = false; !over;) {
    bool done = false;
    stream->read(65536, [&](Result<std::string> data) {
      std::lock_guard lock(mutex);
      over = !data || data->empty();
      if (data) out += *data;
      done = true;
      ready.notify_one();
    });
    std::unique_lock lock(mutex);
    ready.wait(lock, [&] { return done; });
  }
  return out;
}

class LogFile : public testing::Test {
 protected:
  void SetUp() override { directory_ = *make_temporary_directory("/tmp", "log-test-"); }
  void TearDown() override { (void)remove_tree(directory_); }
  std::string path(const std::string& suffix = "") const { return directory_ + "/log" + suffix; }
  std::string read(ContainerLogQuery query) {
    return frames(read_all(read_container_log(executor_, path(), std::move(query), [] { return true; })));
  }
  std::string directory_;
  ThreadExecutor executor_{2};
};

TEST(ContainerLog, GatheredLinesOfOneStreamShareAFrame) {
  ContainerLogQuery query = both();
  query.gather = true;
  std::string lines, out;
  for (int i = 0; i < 400; ++i) lines += "2026-11-23T06:00:00.100000000+00:00 stdout F " + std::string(199, 'x') + "\n";
  lines += "2026-11-23T06:00:01.100000000+00:00 stderr F two\n2026-11-23T06:00:01.200000000+00:00 stderr F three\n";
  ASSERT_TRUE(ContainerLogFormat(query).append(lines, out));
  size_t frames_of_output = 0, at = 0;
  for (; at + 8 <= out.size() && out[at] == 1; ++frames_of_output) {
    auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(out[at + i])); };
    size_t size = byte(6) << 8 | byte(7);
    EXPECT_LE(size, 32U << 10);
    EXPECT_EQ(size % 200, 0U);
    at += 8 + size;
  }
  EXPECT_EQ(frames_of_output, 3U);
  EXPECT_EQ(frames(out.substr(at)), "2:two\nthree\n");
}

TEST(ContainerLog, LinesBecomeFrames) {
  EXPECT_EQ(formatted(both()), "1:one\n2:two\n1:thr1:ee\n2:four\n");
  ContainerLogQuery errors;
  errors.err = true;
  EXPECT_EQ(formatted(errors), "2:two\n2:four\n");
  ContainerLogQuery raw = both();
  raw.framed = false;
  EXPECT_EQ(formatted(raw), "one\ntwo\nthree\nfour\n");
}

TEST(ContainerLog, TimesAndDetailsStandBeforeWholeLines) {
  ContainerLogQuery query = both();
  query.timestamps = query.with_details = true;
  query.details = "a=b";
  EXPECT_EQ(formatted(query).substr(0, 45), "1:2026-11-23T06:00:00.100000000Z a=b one\n2:20");
  EXPECT_NE(formatted(query).find("1:2026-11-23T06:00:02.100000000Z a=b thr1:ee\n"), std::string::npos);
}

TEST(ContainerLog, LocalTimesAreToldInUtc) {
  ContainerLogQuery query = both();
  query.timestamps = true;
  std::string out;
  ContainerLogFormat(query).append("2026-11-23T00:30:00.100000000+02:00 stdout F x\n", out);
  EXPECT_EQ(frames(out), "1:2026-11-22T22:30:00.100000000Z x\n");
}

TEST(ContainerLog, ALineOfATimeThatCannotBeHeldIsLeftOut) {
  ContainerLogQuery query = both();
  query.timestamps = true;
  std::string out;
  ContainerLogFormat format(query);
  for (const char* stamp : {"4054-01-15T08:00:00.000000000+00:20", "2026-13-23T06:00:00.100000000+02:00", "2026--1-23T06:00:00.100000000+02:00"})
    format.append(std::string(stamp) + " stdout F x\n", out);
  EXPECT_EQ(frames(out), "");
}

TEST(ContainerLog, BoundsOfTime) {
  auto at = [](int second) { return WallTime(std::chrono::seconds(1'795'413'600 + second)); };  // 2026-11-23T06:00:00Z
  ContainerLogQuery query = both();
  query.since = at(1);
  query.until = at(3);
  EXPECT_EQ(formatted(query), "2:two\n1:thr1:ee\n");
}

TEST(ContainerLog, WhatIsNoLogIsLeftOut) {
  std::string out;
  ContainerLogFormat(both()).append("\n\nnonsense\n2026-11-23T06:00:00.100000000+00:00 stdmid F x\n2026-11-23T06:00:00.100000000+00:00 stdout F\n", out);
  EXPECT_EQ(frames(out), "1:\n");
}

TEST_F(LogFile, TailCountsWholeLinesOverRotatedFiles) {
  std::string log = kLog;
  size_t half = log.find("2026-11-23T06:00:02.1");
  ASSERT_TRUE(write_file(path(".1"), log.substr(0, half)));
  ASSERT_TRUE(write_file(path(), log.substr(half)));
  auto tail = [&](int64_t lines) {
    ContainerLogQuery query = both();
    query.tail = lines;
    return read(query);
  };
  EXPECT_EQ(tail(-1), "1:one\n2:two\n1:thr1:ee\n2:four\n");
  EXPECT_EQ(tail(0), "");
  EXPECT_EQ(tail(1), "2:four\n");
  EXPECT_EQ(tail(2), "1:thr1:ee\n2:four\n");
  EXPECT_EQ(tail(3), "2:two\n1:thr1:ee\n2:four\n");
  EXPECT_EQ(tail(100), "1:one\n2:two\n1:thr1:ee\n2:four\n");
}

TEST_F(LogFile, FollowsOverARotationUntilTheEnd) {
  ASSERT_TRUE(write_file(path(), "2026-11-23T06:00:00.100000000+00:00 stdout F one\n"));
  std::atomic<int> asked = 0;
  ContainerLogQuery query = both();
  query.follow = true;
  auto stream = read_container_log(executor_, path(), query, [&] {
    int now = ++asked;
    if (now == 2) {
      ::rename(path().c_str(), path(".1").c_str());
      (void)write_file(path(), "2026-11-23T06:00:01.100000000+00:00 stdout F two\n");
    }
    return now > 4;
  });
  EXPECT_EQ(frames(read_all(stream)), "1:one\n1:two\n");
}

TEST_F(LogFile, AMissingLogIsEmpty) { EXPECT_EQ(read(both()), ""); }

TEST_F(LogFile, IsFast) {
  std::string line = "2026-11-23T06:00:00.100000000+00:00 stdout F " + std::string(100, 'x') + "\n", log;
  while (log.size() < (64 << 20)) log += line;
  ASSERT_TRUE(write_file(path(), log));
  TimePoint begun = executor_.clock().now();
  size_t size = read_all(read_container_log(executor_, path(), both(), [] { return true; })).size();
  double seconds = std::chrono::duration<double>(executor_.clock().now() - begun).count();
  RecordProperty("MBps", static_cast<int>(static_cast<double>(size) / 1e6 / seconds));
  fprintf(stderr, "%.0f MB/s\n", static_cast<double>(size) / 1e6 / seconds);
  EXPECT_GT(size, log.size() / 2);
}

}  // namespace
}  // namespace reigen::node
