#include <gtest/gtest.h>

#include <set>

#include "base/random.h"
#include "docker/detach_keys.h"
#include "docker/name_maker.h"
#include "docker/status_text.h"
#include "docker/stream_frames.h"

namespace reigen::docker {
namespace {

TEST(StreamFrames, AreTakenApartHoweverTheyAreCut) {
  std::string all = frame(Channel::kStdout, "hello") + frame(Channel::kStderr, "") + frame(Channel::kStderr, std::string(300, 'x'));
  for (size_t cut : {size_t{1}, size_t{3}, size_t{7}, size_t{100}, all.size()}) {
    FrameReader reader;
    std::string out, err;
    for (size_t at = 0; at < all.size(); at += cut) {
      std::string_view in = std::string_view(all).substr(at, cut);
      Channel channel;
      std::string_view payload;
      while (reader.next(in, channel, payload)) (channel == Channel::kStdout ? out : err) += payload;
      EXPECT_TRUE(in.empty());
    }
    EXPECT_EQ(out, "hello") << cut;
    EXPECT_EQ(err, std::string(300, 'x')) << cut;
  }
}

TEST(StreamFrames, HaveATypeSince142) {
  EXPECT_EQ(stream_type(false, {1, 41}), "application/vnd.docker.raw-stream");
  EXPECT_EQ(stream_type(false, {1, 42}), "application/vnd.docker.multiplexed-stream");
  EXPECT_EQ(stream_type(true, {1, 50}), "application/vnd.docker.raw-stream");
}

TEST(DetachKeys, AreFoundInWhatIsTyped) {
  auto keys = DetachKeys::parse("").value();
  std::string out;
  EXPECT_FALSE(keys.feed("ab\x10", out));
  EXPECT_EQ(out, "ab");
  EXPECT_FALSE(keys.feed("c\x10\x10", out));
  EXPECT_EQ(out,
            "ab\x10"
            "c\x10");
  EXPECT_TRUE(keys.feed("\x11zz", out));
  EXPECT_EQ(out,
            "ab\x10"
            "c\x10");
  auto single = DetachKeys::parse("q").value();
  out.clear();
  EXPECT_TRUE(single.feed("xq", out));
  EXPECT_EQ(out, "x");
  auto held = DetachKeys::parse("a,b,c").value();
  out.clear();
  EXPECT_FALSE(held.feed("ab", out));
  EXPECT_EQ(out, "");
  EXPECT_EQ(held.rest(), "ab");
}

TEST(DetachKeys, AreCheckedAsDockerDoes) {
  for (const char* good : {"ctrl-@", "ctrl-[", "ctrl-_", "a", "ctrl-a,a,b,c"}) EXPECT_TRUE(DetachKeys::parse(good)) << good;
  for (const char* bad : {"ctrl-A", "ctrl-", "ab", "ctrl-p,,x"}) {
    auto keys = DetachKeys::parse(bad);
    EXPECT_FALSE(keys) << bad;
  }
}

TEST(StatusText, UsesDockersUnits) {
  using namespace std::chrono;
  EXPECT_EQ(human_duration(milliseconds(500)), "Less than a second");
  EXPECT_EQ(human_duration(seconds(1)), "1 second");
  EXPECT_EQ(human_duration(seconds(59)), "59 seconds");
  EXPECT_EQ(human_duration(seconds(61)), "About a minute");
  EXPECT_EQ(human_duration(minutes(59)), "59 minutes");
  EXPECT_EQ(human_duration(minutes(61)), "About an hour");
  EXPECT_EQ(human_duration(hours(47)), "47 hours");
  EXPECT_EQ(human_duration(hours(24 * 3)), "3 days");
  EXPECT_EQ(human_duration(hours(24 * 15)), "2 weeks");
  EXPECT_EQ(human_duration(hours(24 * 70)), "2 months");
  EXPECT_EQ(human_duration(hours(24 * 800)), "2 years");
}

TEST(StatusText, ReadsLikeDockerPs) {
  api::dockerv1::ContainerStatus status;
  WallTime now = *parse_time("2026-01-01T01:00:00.5Z");
  status.state = "created";
  EXPECT_EQ(status_text(status, now), "Created");
  status.state = "running";
  status.started_at = "2026-01-01T00:59:30Z";
  EXPECT_EQ(status_text(status, now), "Up 30 seconds");
  status.health = "starting";
  EXPECT_EQ(status_text(status, now), "Up 30 seconds (health: starting)");
  status.health = "healthy";
  EXPECT_EQ(status_text(status, now), "Up 30 seconds (healthy)");
  status.state = "paused";
  EXPECT_EQ(status_text(status, now), "Up 30 seconds (Paused)");
  status.state = "exited";
  status.exit_code = 137;
  status.finished_at = "2025-12-31T23:00:00Z";
  EXPECT_EQ(status_text(status, now), "Exited (137) 2 hours ago");
  status.state = "restarting";
  EXPECT_EQ(status_text(status, now), "Restarting (137) 2 hours ago");
}

TEST(NameMaker, MakesDockerNames) {
  SeededRandom random(1);
  std::set<std::string> names;
  for (int i = 0; i < 200; ++i) names.insert(make_name(random, 0));
  EXPECT_GT(names.size(), 150u);
  EXPECT_TRUE(make_name(random, 1).back() >= '0' && make_name(random, 1).back() <= '9');
}

}  // namespace
}  // namespace reigen::docker
