#include "api/value.h"

#include <gtest/gtest.h>

namespace reigen::api {
namespace {

std::string round(std::string_view text) {
  auto value = parse_json(text);
  return value ? to_json(*value) : value.error().message();
}

TEST(Value, KeepsIntegersApartFromFloatingPoint) {
  auto value = *parse_json(R"({"i":1,"f":1.0,"big":9223372036854775808,"min":-9223372036854775808,"z":-0,"e":1e3})");
  EXPECT_TRUE(value.find("i")->is_int());
  EXPECT_TRUE(value.find("f")->is_double());
  EXPECT_TRUE(value.find("big")->is_double());
  EXPECT_TRUE(value.find("min")->is_int());
  EXPECT_EQ(to_json(value), R"({"i":1,"f":1,"big":9223372036854776000,"min":-9223372036854775808,"z":0,"e":1000})");
  EXPECT_FALSE(*value.find("i") == *value.find("f"));
}

TEST(Value, PrintsNumbersAndTextAsGoDoes) {
  EXPECT_EQ(round("[0.1,1e-7,1.5e-9,1e21,123456789012345680000,22111111111111111111,-2.50]"),
            "[0.1,1e-7,1.5e-9,1e+21,123456789012345680000,22111111111111110000,-2.5]");
  EXPECT_EQ(round(R"("<a&b>\u2028\u0001\/\ud83d\ude00\ud800x")"), "\"\\u003ca\\u0026b\\u003e\\u2028\\u0001/\xF0\x9F\x98\x80\xEF\xBF\xBDx\"");
  EXPECT_EQ(round("\"\xff\""), "\"\xEF\xBF\xBD\"");
}

TEST(Value, NamesSyntaxErrorsAsGoDoes) {
  EXPECT_EQ(round(""), "unexpected end of JSON input");
  EXPECT_EQ(round("{\"data\":"), "unexpected end of JSON input");
  EXPECT_EQ(round("{a"), "invalid character 'a' looking for beginning of object key string");
  EXPECT_EQ(round("[1,]"), "invalid character ']' looking for beginning of value");
  EXPECT_EQ(round("[1 2]"), "invalid character '2' after array element");
  EXPECT_EQ(round("{\"a\" 1}"), "invalid character '1' after object key");
  EXPECT_EQ(round("{\"a\":1 1}"), "invalid character '1' after object key:value pair");
  EXPECT_EQ(round("01"), "invalid character '1' after top-level value");
  EXPECT_EQ(round("nul!"), "invalid character '!' in literal null (expecting 'l')");
  EXPECT_EQ(round("\"\n\""), "invalid character '\\n' in string literal");
  EXPECT_EQ(round("-x"), "invalid character 'x' in numeric literal");
}

TEST(Value, ReportsDuplicateMembersByPath) {
  JsonNotes notes;
  auto value = parse_json(R"({"a":{"b":[{"c":1,"c":2}]},"a":3})", {}, &notes);
  ASSERT_TRUE(value);
  EXPECT_EQ(notes.duplicates, (std::vector<std::string>{"a.b[0].c", "a"}));
  EXPECT_EQ(value->find("a")->int_or(0), 3);
}

TEST(Value, BoundsTheDepth) {
  EXPECT_EQ(round(std::string(1001, '[')), "invalid character '[' exceeded max depth");
  EXPECT_EQ(round(std::string(1000, '[') + std::string(1000, ']')).size(), 2000u);
}

TEST(Value, FindsMembersOfLargeObjectsAndKeepsTheirOrder) {
  Value value = Value::object();
  for (int i = 0; i < 500; ++i) value["key-number-" + std::to_string(i)] = i;
  for (int i = 0; i < 500; i += 2) EXPECT_TRUE(value.erase("key-number-" + std::to_string(i)));
  EXPECT_EQ(value.size(), 250u);
  EXPECT_EQ(value.find("key-number-0"), nullptr);
  EXPECT_EQ(value.find("key-number-499")->int_or(0), 499);
  EXPECT_EQ(value.members()[0].key(), "key-number-1");
}

TEST(Value, ComparesObjectsWhateverTheirOrder) {
  EXPECT_EQ(*parse_json(R"({"a":1,"b":[{"c":null}]})"), *parse_json(R"({"b":[{"c":null}],"a":1})"));
  EXPECT_FALSE(*parse_json(R"({"a":1})") == *parse_json(R"({"a":1,"b":null})"));
}

TEST(Value, MovesOutOfItself) {
  Value value = *parse_json(R"({"inner":{"x":["a longer string than fits inline"]}})");
  value = std::move(*value.find("inner"));
  EXPECT_EQ(to_json(value), R"({"x":["a longer string than fits inline"]})");
  value.make({"p", "q"}) = 7;
  EXPECT_EQ(value.at({"p", "q"})->int_or(0), 7);
  EXPECT_TRUE(value.erase({"p", "q"}));
}

}  // namespace
}  // namespace reigen::api
