#include <gtest/gtest.h>

#include "api/errors.h"
#include "api/json_patch.h"
#include "api/merge_patch.h"
#include "api/strategic_patch.h"
#include "api/type_desc.h"

namespace reigen::api {
namespace {

Value json(std::string_view text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value) << text;
  return value ? *value : Value();
}

std::string json_patched(std::string_view document, std::string_view patch) {
  Value value = json(document);
  auto operations = parse_json_patch(patch);
  if (!operations) return operations.error().message();
  auto done = apply_json_patch(value, *operations);
  return done ? to_json(value, {.sorted = true}) : done.error().message();
}

constexpr auto kRejected = "the server rejected our request due to an error in our request";

TEST(JsonPatch, AppliesEveryOperation) {
  EXPECT_EQ(json_patched(R"({"data":{"b":"2","c":"3"}})",
                         R"([{"op":"test","path":"/data/b","value":"2"},{"op":"replace","path":"/data/b","value":"two"},
                             {"op":"add","path":"/data/d","value":"4"},{"op":"remove","path":"/data/c"},
                             {"op":"copy","from":"/data/d","path":"/data/e"},{"op":"move","from":"/data/e","path":"/data/x~1y~0"}])"),
            R"({"data":{"b":"two","d":"4","x/y~":"4"}})");
  EXPECT_EQ(json_patched(R"({"l":[1,2,3]})", R"([{"op":"add","path":"/l/-","value":4},{"op":"add","path":"/l/0","value":0},
                                                {"op":"remove","path":"/l/-1"},{"op":"replace","path":"/l/1","value":9}])"),
            R"({"l":[0,9,2,3]})");
  EXPECT_EQ(json_patched(R"({"data":{}})", R"([{"op":"replace","path":"/data/none","value":"x"}])"), R"({"data":{"none":"x"}})");
}

TEST(JsonPatch, RejectsWhatDoesNotApply) {
  for (auto patch : {R"([{"op":"test","path":"/a","value":2}])", R"([{"op":"remove","path":"/none"}])", R"([{"op":"add","path":"/n/x","value":1}])",
                     R"([{"op":"frobnicate","path":"/a"}])", R"([{"op":"add","path":"/l/5","value":1}])", R"([{"op":"add"}])",
                     R"([{"op":"add","path":"","value":{}}])", R"([{"op":"move","from":"/none","path":"/b"}])"})
    EXPECT_EQ(json_patched(R"({"a":1,"l":[]})", patch), kRejected) << patch;
  EXPECT_EQ(json_patched("{}", "not json"), "invalid character 'o' in literal null (expecting 'u')");
  std::vector<std::string> findings;
  EXPECT_EQ(parse_json_patch(R"({"op":"remove"})", &findings).error().message(),
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp");
  EXPECT_TRUE(parse_json_patch(R"([{"op":"test","op":"test","path":"","x":1}])", &findings));
  EXPECT_EQ(findings, (std::vector<std::string>{"json patch duplicate field \"[0].op\"", "json patch unknown field \"[0].x\""}));
}

TEST(MergePatch, FollowsTheRfc) {
  const char* cases[][3] = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"({"e":null})", R"({"a":1})", R"({"a":1,"e":null})"},
      {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
  };
  for (auto& [document, patch, result] : cases) {
    Value value = json(document);
    apply_merge_patch(value, json(patch));
    EXPECT_EQ(to_json(value, {.sorted = true}), result) << patch;
  }
  Value from = json(R"({"a":1,"b":{"c":2,"d":3},"e":[1]})"), to = json(R"({"b":{"c":4},"e":[2],"f":{}})");
  Value patch = make_merge_patch(from, to);
  apply_merge_patch(from, patch);
  EXPECT_EQ(from, to);
  EXPECT_EQ(parse_merge_patch("null").error().message(), "Invalid JSON Patch");
}

// A small schema by hand: a spec with lists of every sort.
extern const TypeDesc kItem, kRoot;
const ValueType kText{.kind = Kind::kString};
const ValueType kTexts{.kind = Kind::kList, .element = &kText};
const ValueType kTextMap{.kind = Kind::kMap, .element = &kText};
const ValueType kItemValue{.kind = Kind::kStruct, .type = &kItem};
const ValueType kItems{.kind = Kind::kList, .element = &kItemValue};
const FieldDesc kItemFields[] = {
    {.name = "name", .value = &kText}, {.name = "image", .value = &kText}, {.name = "env", .value = &kItems, .patch_merge = true, .merge_key = "name"}};
const uint16_t kItemOrder[] = {2, 1, 0};
const TypeDesc kItem{.name = "Item", .fields = kItemFields, .by_name = kItemOrder};
const FieldDesc kRootFields[] = {{.name = "items", .value = &kItems, .patch_merge = true, .merge_key = "name"},
                                 {.name = "atomic", .value = &kItems},
                                 {.name = "finalizers", .value = &kTexts, .patch_merge = true},
                                 {.name = "map", .value = &kTextMap}};
const uint16_t kRootOrder[] = {1, 2, 0, 3};
const TypeDesc kRoot{.name = "Root", .fields = kRootFields, .by_name = kRootOrder};

std::string strategic(std::string_view document, std::string_view patch) {
  Value value = json(document);
  auto done = apply_strategic_patch(value, json(patch), kRoot);
  return done ? to_json(value, {.sorted = true}) : done.error().message();
}

TEST(StrategicPatch, MergesListsByTheirKey) {
  EXPECT_EQ(strategic(R"({"items":[{"name":"a","image":"1"},{"name":"b","image":"1"}]})", R"({"items":[{"name":"b","image":"2"},{"name":"c","image":"3"}]})"),
            R"({"items":[{"image":"1","name":"a"},{"image":"2","name":"b"},{"image":"3","name":"c"}]})");
  EXPECT_EQ(strategic(R"({"items":[{"name":"a","env":[{"name":"A"},{"name":"B"}]},{"name":"c"}]})",
                      R"({"items":[{"name":"c","$patch":"delete"},{"name":"a","env":[{"name":"A","$patch":"delete"},{"name":"D"}]}]})"),
            R"({"items":[{"env":[{"name":"D"},{"name":"B"}],"name":"a"}]})");
  EXPECT_EQ(strategic(R"({"items":[{"name":"a"},{"name":"b"}]})", R"({"items":[{"$patch":"replace"},{"name":"z"}]})"), R"({"items":[{"name":"z"}]})");
  EXPECT_EQ(strategic(R"({"atomic":[{"name":"a"}]})", R"({"atomic":[{"name":"b"}]})"), R"({"atomic":[{"name":"b"}]})");
}

TEST(StrategicPatch, OrdersElements) {
  EXPECT_EQ(
      strategic(R"({"items":[{"name":"a"},{"name":"b"}]})", R"({"$setElementOrder/items":[{"name":"b"},{"name":"a"}],"items":[{"name":"a","image":"4"}]})"),
      R"({"items":[{"name":"b"},{"image":"4","name":"a"}]})");
  EXPECT_EQ(strategic(R"({"finalizers":["b"]})", R"({"finalizers":["c","b"],"$setElementOrder/finalizers":["c","b"]})"), R"({"finalizers":["c","b"]})");
  EXPECT_EQ(strategic(R"({"items":[{"name":"a"},{"name":"b"}]})", R"({"$setElementOrder/items":[{"name":"b"}],"items":[{"name":"a","image":"i:5"}]})"),
            "The order in patch list:\n[map[image:i:5 name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n");
}

TEST(StrategicPatch, ObeysDirectives) {
  EXPECT_EQ(strategic(R"({"finalizers":["a","b"]})", R"({"$deleteFromPrimitiveList/finalizers":["a"]})"), R"({"finalizers":["b"]})");
  EXPECT_EQ(strategic(R"({"map":{"a":"1"}})", R"({"map":{"$patch":"replace","c":"3"}})"), R"({"map":{"c":"3"}})");
  EXPECT_EQ(strategic(R"({"map":{"a":"1"}})", R"({"map":{"$patch":"delete"}})"), R"({"map":{}})");
  EXPECT_EQ(strategic(R"({"map":{"a":"1","b":"2"}})", R"({"map":{"$retainKeys":["b"],"b":"3"}})"), R"({"map":{"b":"3"}})");
  EXPECT_EQ(strategic(R"({"map":{"a":"1"}})", R"({"map":{"$retainKeys":["b"],"c":"3"}})"), "invalid patch format of retainKeys");
  EXPECT_EQ(strategic(R"({})", R"({"map":{"$patch":"explode"},"x":{"a":null}})"), R"({"x":{}})");
}

TEST(StrategicPatch, WordsErrorsAsKubernetesDoes) {
  EXPECT_EQ(strategic(R"({"items":[{"name":"a"}]})", R"({"items":[{"image":"i:5"}]})"), "map: map[image:i:5] does not contain declared merge key: name");
  EXPECT_EQ(strategic(R"({"items":[{"name":"a"}]})", R"({"items":[{"name":"a","$patch":"explode"}]})"),
            "unknown patch type: explode in map: map[$patch:explode name:a]");
  EXPECT_EQ(strategic(R"({"items":[{"name":"a"}]})", R"({"items":["a"]})"), "list element types are not identical: [[map[name:a]] [a]]");
}

}  // namespace
}  // namespace reigen::api
