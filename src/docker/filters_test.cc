#include "docker/filters.h"

#include <gtest/gtest.h>

#include "docker/name_pattern.h"
#include "docker/time_argument.h"

namespace reigen::docker {
namespace {

TEST(Filters, TakesBothForms) {
  auto old = Filters::parse(R"({"label":["a","b=c"]})").value();
  EXPECT_EQ(old.values("label").size(), 2u);
  auto now = Filters::parse(R"({"label":{"a":true,"z":false}})").value();
  EXPECT_TRUE(now.exact("label", "a"));
  EXPECT_FALSE(now.exact("label", "z"));
  EXPECT_TRUE(now.exact("name", "anything"));
  EXPECT_TRUE(Filters::parse("")->empty());
  for (const char* bad : {"xyz", "[]", R"({"a":1})", R"({"a":[1]})", R"({"a":{"b":2}})"}) EXPECT_FALSE(Filters::parse(bad)) << bad;
}

TEST(Filters, NamesWhatItDoesNotKnow) {
  EXPECT_EQ(Filters::parse(R"({"nosuch":["a"]})")->check({"id", "name"}).error().message(), "Invalid filter 'nosuch'");
  EXPECT_TRUE(Filters::parse(R"({"id":["a"]})")->check({"id", "name"}));
}

TEST(Filters, ReadsLabelsAndBooleans) {
  auto filters = Filters::parse(R"({"label":["a","b=c"],"dangling":["true"],"odd":["maybe"]})").value();
  EXPECT_TRUE(filters.labels("label", std::map<std::string, std::string>{{"a", "x"}, {"b", "c"}}));
  EXPECT_FALSE(filters.labels("label", std::map<std::string, std::string>{{"a", "x"}, {"b", "d"}}));
  EXPECT_FALSE(filters.labels("label", std::map<std::string, std::string>{{"b", "c"}}));
  EXPECT_TRUE(filters.boolean("dangling", false).value());
  EXPECT_FALSE(filters.boolean("odd", false));
  EXPECT_TRUE(filters.boolean("absent", true).value());
}

TEST(NamePattern, MatchesAsGoDoes) {
  struct Case {
    const char* pattern;
    const char* text;
    bool found;
  };
  constexpr Case kCases[] = {
      {"web", "my-web-1", true},
      {"^web", "my-web", false},
      {"^/web$", "/web", true},
      {"^/?web$", "web", true},
      {"a.c", "abc", true},
      {"a.c", "ac", false},
      {"a[0-9]+b", "a42b", true},
      {"a[^0-9]b", "a4b", false},
      {"(foo|bar)baz", "xbarbaz", true},
      {"(foo|bar)baz", "xbazbar", false},
      {"x{2,3}y", "xxy", true},
      {"^x{2,3}y", "xxxxy", false},
      {"a{x", "a{x", true},
      {R"(\d\w\s)", "5_ ", true},
      {R"(\bred\b)", "a red b", true},
      {R"(\bred\b)", "hundred", false},
      {"(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false},
      {"(?i)WEB", "my-web", true},
      {"", "anything", true},
      {"a|", "b", true},
      {"[]a]", "]", true},
      {R"([\d-])", "-", true},
      {"(?:ab)+$", "xabab", true},
      {"x*?y", "xxy", true},
  };
  for (const auto& each : kCases) {
    auto pattern = NamePattern::parse(each.pattern);
    ASSERT_TRUE(pattern) << each.pattern << ": " << pattern.error().message();
    EXPECT_EQ(pattern->found_in(each.text), each.found) << each.pattern << " in " << each.text;
  }
}

TEST(NamePattern, RefusesWhatIsMalformedOrTooLarge) {
  for (const char* bad : {"(", ")", "[a", "*", "a\\", "[z-a]", "(?<x", "a{1000}{1000}", "\\q"}) EXPECT_FALSE(NamePattern::parse(bad)) << bad;
  EXPECT_FALSE(NamePattern::parse(std::string(200, '(')));
  EXPECT_FALSE(NamePattern::parse(std::string(2000, 'a')));
}

TEST(TimeArgument, ReadsWhatClientsSend) {
  EXPECT_EQ(parse_seconds("1.5")->value().time_since_epoch().count(), 1'500'000'000);
  EXPECT_EQ(parse_seconds("1700000000.123456789")->value().time_since_epoch().count(), 1700000000123456789);
  EXPECT_FALSE(parse_seconds("")->has_value());
  for (const char* bad : {"abc", "1.x", "1 ", "9999999999999", "."}) EXPECT_FALSE(parse_seconds(bad)) << bad;
  WallTime now(std::chrono::hours(1000));
  EXPECT_EQ(parse_moment("1h30m", now).value(), now - std::chrono::minutes(90));
  EXPECT_EQ(parse_moment("1970-01-02", now)->time_since_epoch(), std::chrono::hours(24));
  EXPECT_EQ(parse_moment("1970-01-02T01:00:00.5+01:00", now)->time_since_epoch(), std::chrono::hours(24) + std::chrono::milliseconds(500));
  EXPECT_EQ(parse_moment("3600", now)->time_since_epoch(), std::chrono::hours(1));
  // What is beyond 64 bits of nanoseconds is as far away as that goes, also from the present.
  EXPECT_GT(*parse_seconds("99999999999").value(), *parse_seconds("8000000000").value());
  EXPECT_GT(parse_moment("9999-12-31", now).value(), now + std::chrono::hours(24 * 365 * 200));
  EXPECT_LT(parse_moment("0001-01-01T00:00:00Z", now).value(), now);
  WallTime late(std::chrono::seconds(1'800'000'000));
  EXPECT_GT(parse_moment("-2500000h", late).value(), late);
  for (const char* bad : {"", "1x", "1970-13-01", "1970-01-01T25:00", "1970-01-01T00:00:00+0100"}) EXPECT_FALSE(parse_moment(bad, now)) << bad;
}

}  // namespace
}  // namespace reigen::docker
