#include <gtest/gtest.h>

#include "api/map.h"
#include "api/scalars.h"

namespace reigen::api {
namespace {

TEST(Quantity, WritesTheCanonicalForm) {
  const std::pair<const char*, const char*> cases[] = {{"0", "0"},
                                                       {"0m", "0"},
                                                       {"1000m", "1"},
                                                       {"0.5", "500m"},
                                                       {"1500m", "1500m"},
                                                       {"1024Ki", "1Mi"},
                                                       {"1025Ki", "1025Ki"},
                                                       {"1Gi", "1Gi"},
                                                       {"0.5Gi", "512Mi"},
                                                       {"1.5Gi", "1536Mi"},
                                                       {"100k", "100k"},
                                                       {"1000000", "1M"},
                                                       {"12e6", "12e6"},
                                                       {"1e3", "1e3"},
                                                       {"1E", "1E"},
                                                       {"123456789", "123456789"},
                                                       {"-5", "-5"},
                                                       {"+5", "5"},
                                                       {".5", "500m"},
                                                       {"5.", "5"},
                                                       {"1n", "1n"},
                                                       {"0.1n", "1n"},
                                                       {"1Ki", "1Ki"},
                                                       {"512", "512"},
                                                       {"1000Ki", "1000Ki"},
                                                       {"0.5Ki", "512"},
                                                       {"0.0005Ki", "512m"},
                                                       {"100Ei", "9223372036854775807"},
                                                       {"1.00000000001", "1000000001n"},
                                                       {"18446744073709551616", "18446744073709551616"},
                                                       {"1.500", "1.500"},
                                                       {"1.50", "1500m"},
                                                       {"0.250", "250m"},
                                                       {"-2.125", "-2.125"},
                                                       {"1.125k", "1.125k"},
                                                       {"m", "0"}};
  for (auto [in, out] : cases) {
    auto parsed = Quantity::parse(in);
    ASSERT_TRUE(parsed.has_value()) << in;
    EXPECT_EQ(parsed->to_string(), out) << in;
  }
}

TEST(Quantity, RefusesWhatIsNone) {
  for (const char* text : {"", "abc", "1 Gi", "1.2.3", "--1", "1KiB", "true"}) EXPECT_FALSE(Quantity::parse(text).has_value()) << text;
  EXPECT_EQ(Quantity::parse("1Gx").error().message(), "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  EXPECT_EQ(Quantity::parse("1Gim").error().message(), "unable to parse quantity's suffix");
}

TEST(Quantity, CountsExactly) {
  EXPECT_EQ(Quantity::of("100m").milli_value(), 100);
  EXPECT_EQ(Quantity::of("100m").value(), 1);
  EXPECT_EQ(Quantity::of("1Gi").value(), 1073741824);
  EXPECT_EQ((Quantity::of("1Gi") + Quantity::of("1Mi")).to_string(), "1025Mi");
  EXPECT_EQ((Quantity::of("1") - Quantity::of("250m")).to_string(), "750m");
  EXPECT_LT(Quantity::of("999m"), Quantity::of("1"));
  EXPECT_EQ(Quantity::of("1024Mi"), Quantity::of("1Gi"));
}

TEST(Time, ReadsAndWritesRfc3339) {
  EXPECT_EQ(Time::parse("2008-01-01T01:01:01Z")->to_string(), "2008-01-01T01:01:01Z");
  EXPECT_EQ(Time::parse("2008-01-01T03:01:01.5+02:00")->to_string(), "2008-01-01T01:01:01Z");
  EXPECT_EQ(MicroTime::parse("2008-01-01T01:01:01.123456Z")->to_string(), "2008-01-01T01:01:01.123456Z");
  EXPECT_EQ(Time::parse("yesterday").error().message(), "parsing time \"yesterday\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"yesterday\" as \"2006\"");
  EXPECT_EQ(Time::parse("2008-13-01T01:01:01Z").error().message(), "parsing time \"2008-13-01T01:01:01Z\": month out of range");
  EXPECT_EQ(Time::parse("2008-01-01 01:01:01Z").error().message(),
            "parsing time \"2008-01-01 01:01:01Z\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \" 01:01:01Z\" as \"T\"");
  EXPECT_TRUE(Time().is_zero());
}

TEST(Duration, SpeaksGo) {
  const std::pair<const char*, const char*> cases[] = {{"30s", "30s"},   {"1h", "1h0m0s"},    {"90m", "1h30m0s"},
                                                       {"1.5s", "1.5s"}, {"100ms", "100ms"},  {"0", "0s"},
                                                       {"-2m", "-2m0s"}, {"1us", "1\u00b5s"}, {"1h1m1.000000001s", "1h1m1.000000001s"}};
  for (auto [in, out] : cases) EXPECT_EQ(Duration::parse(in)->to_string(), out) << in;
  EXPECT_EQ(Duration::parse("x").error().message(), "time: invalid duration \"x\"");
  EXPECT_EQ(Duration::parse("1").error().message(), "time: missing unit in duration \"1\"");
}

TEST(IntOrString, ScalesPercentages) {
  EXPECT_EQ(IntOrString("25%").scaled(10, true).value(), 3);
  EXPECT_EQ(IntOrString("25%").scaled(10, false).value(), 2);
  EXPECT_EQ(IntOrString(4).scaled(10, true).value(), 4);
  EXPECT_FALSE(IntOrString("x").scaled(10, true).has_value());
  EXPECT_EQ(IntOrString::parse("80"), IntOrString(80));
  EXPECT_EQ(IntOrString::parse("http"), IntOrString("http"));
}

TEST(Base64, ReadsWhatItWrites) {
  for (const char* text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) EXPECT_EQ(base64_decode(base64_encode(text)).value(), text);
  EXPECT_EQ(base64_encode("foob"), "Zm9vYg==");
  EXPECT_EQ(base64_decode("Zm9v\nYg==").value(), "foob");
  EXPECT_EQ(base64_decode("Zm9!").error().message(), "illegal base64 data at input byte 3");
  EXPECT_FALSE(base64_decode("Zm9vY").has_value());
  EXPECT_FALSE(base64_decode("Zg==Zg==").has_value());
}

TEST(Map, StaysSorted) {
  Map<int> map{{"b", 2}, {"a", 1}};
  map["c"] = 3;
  map["aa"] = 4;
  std::string keys;
  for (const auto& [key, value] : map) keys += key + ",";
  EXPECT_EQ(keys, "a,aa,b,c,");
  EXPECT_EQ(map.erase("aa"), 1u);
  EXPECT_EQ(map.value_or("x", 7), 7);
  EXPECT_FALSE(map.emplace("a", 9));
  EXPECT_EQ(map.at("a"), 1);
}

}  // namespace
}  // namespace reigen::api
