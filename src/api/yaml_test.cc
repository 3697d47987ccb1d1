#include "api/yaml.h"

#include <gtest/gtest.h>

namespace reigen::api {
namespace {

std::string json_of(std::string_view text) {
  auto value = parse_yaml(text);
  return value ? to_json(*value) : value.error().message();
}

TEST(Yaml, ResolvesScalarsByVersionOneOne) {
  EXPECT_EQ(json_of("[yes, No, on, ~, 0777, 0o17, 0x1F, 1_000, 1.5, 1e3, '1', \"no\", 1.2.3, 08, -5, +7, 10m, .5]"),
            R"([true,false,true,null,511,15,31,1000,1.5,1000,"1","no","1.2.3",8,-5,7,"10m",0.5])");
  EXPECT_EQ(json_of("1: a\ntrue: b\n\"x\": !!str 5\n"), R"({"1":"a","true":"b","x":"5"})");
  EXPECT_EQ(json_of(""), "null");
  EXPECT_EQ(json_of("# only a comment\n"), "null");
}

TEST(Yaml, ReadsBlocksAnchorsAndMerges) {
  EXPECT_EQ(json_of("text: |\n  two\n  lines\nfolded: >-\n  a\n  b\n"), R"({"text":"two\nlines\n","folded":"a b"})");
  EXPECT_EQ(json_of("base: &b {x: 1, z: 2}\nderived:\n  <<: *b\n  z: 3\n"), R"({"base":{"x":1,"z":2},"derived":{"z":3,"x":1}})");
  EXPECT_EQ(json_of("{\"a\": [1, {\"b\": null}]}"), R"({"a":[1,{"b":null}]})");
}

TEST(Yaml, ReadsManyDocuments) {
  auto documents = parse_yaml_stream("---\na: 1\n---\n---\n# nothing\n---\nb: 2\n");
  ASSERT_TRUE(documents);
  ASSERT_EQ(documents->size(), 2u);
  EXPECT_EQ(to_json((*documents)[1]), R"({"b":2})");
}

TEST(Yaml, NamesTheLineOfAnError) {
  EXPECT_EQ(json_of("apiVersion: v1\nkind: [ConfigMap\n"), "error converting YAML to JSON: yaml: line 2: did not find expected ',' or ']'");
  EXPECT_NE(json_of("a: b: c\n").find("mapping values are not allowed in this context"), std::string::npos);
  YamlNotes notes;
  ASSERT_TRUE(parse_yaml("a: 1\nb: 2\na: 3\n", {}, &notes));
  EXPECT_EQ(notes.duplicates, std::vector<std::string>{"line 3: key \"a\" already set in map"});
}

TEST(Yaml, TellsWhereMembersStandAndTheirLocalTags) {
  YamlNotes notes{.want_marks = true};
  auto value = parse_yaml("a:\n  b/c: !reset\n  d: !override [1,\n    {x: 2}]\ne: yes\n", {.words_are_text = true}, &notes);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->text_at({"e"}), "yes");
  std::string seen;
  for (const auto& mark : notes.marks) seen += mark.path + ":" + std::to_string(mark.line) + mark.tag + " ";
  EXPECT_EQ(seen, "/a:1 /a/b~1c:2!reset /a/d:3!override /a/d/0:3 /a/d/1:4 /a/d/1/x:4 /e:5 ");
}

TEST(Yaml, BoundsAliasesAndDepth) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j ? ",*a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  EXPECT_NE(json_of(bomb).find("excessive aliasing"), std::string::npos);
  EXPECT_NE(json_of(std::string(3000, '[')).find("error converting YAML"), std::string::npos);
}

TEST(Yaml, EndsWhereTheLibraryFindsDocumentsWithoutEnd) {
  EXPECT_FALSE(parse_yaml_stream("!,\v-"));
  auto documents = parse_yaml_stream("---\n---\na: 1\n---\n...\n---\nb: 2\n");
  ASSERT_TRUE(documents) << documents.error().message();
  EXPECT_EQ(documents->size(), 2u);
}

TEST(Yaml, WritesWhatItReadsBack) {
  auto value = *parse_json(R"({"a":{"b":[{"c":1,"d":["x","yes","1"]},[]],"e":{}},"text":"two\nlines\n","n":null,"s":"- x: #","t":"tail ","k y":1.5})");
  auto back = parse_yaml(to_yaml(value));
  ASSERT_TRUE(back) << to_yaml(value) << back.error().message();
  EXPECT_EQ(*back, value) << to_yaml(value);
}

}  // namespace
}  // namespace reigen::api
