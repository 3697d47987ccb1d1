// Custom resources: documents with a table built at run time.
#include <gtest/gtest.h>

#include "api/equal.h"
#include "api/field_access.h"
#include "api/json.h"
#include "api/metav1.h"
#include "api/protobuf.h"
#include "api/type_arena.h"
#include "api/value.h"

namespace reigen::api {
namespace {

const KindInfo& cron_tab(TypeArena& arena) {
  TypeDesc& spec = arena.make_type("CronTabSpec", "stable.example.com", "v1", "v1.CronTabSpec");
  arena.set_fields(spec, {{.name = "cronSpec", .value = arena.scalar(Kind::kString), .type_name = "string"},
                          {.name = "replicas", .value = arena.scalar(Kind::kInt64), .type_name = "int64"},
                          {.name = "size", .value = arena.scalar(Kind::kIntOrString), .type_name = "intstr.IntOrString"},
                          {.name = "args", .value = arena.list(arena.scalar(Kind::kString)), .type_name = "[]string"}});
  TypeDesc& open = arena.make_type("Open", "stable.example.com", "v1", "v1.Open");
  open.preserve_unknown = true;
  TypeDesc& type = arena.make_type("CronTab", "stable.example.com", "v1", "v1.CronTab");
  arena.set_fields(type, {{.name = "spec", .value = arena.structure(spec), .type_name = "v1.CronTabSpec"},
                          {.name = "extra", .value = arena.structure(open), .type_name = "v1.Open"}});
  return arena.make_kind("CronTab", type);
}

TEST(CustomResource, IsReadByItsTable) {
  TypeArena arena;
  const KindInfo& kind = cron_tab(arena);
  DecodeNotes notes;
  auto object =
      decode_json(R"({"kind":"CronTab","apiVersion":"stable.example.com/v1","spec":{"replicas":2,"cronSpec":"* *","nope":1,"size":"50%","args":["b","a"]},)"
                  R"("metadata":{"name":"c","labels":{"z":"1"}},"extra":{"any":[1.5,{"thing":null}]},"odd":true})",
                  kind, &notes);
  ASSERT_TRUE(object.has_value()) << object.error().message();
  EXPECT_EQ(notes.strict, (std::vector<std::string>{R"(unknown field "spec.nope")", R"(unknown field "odd")"}));
  EXPECT_EQ(notes.kind, "CronTab");
  EXPECT_EQ(object->meta().name, "c");
  EXPECT_EQ(field_text(*object, "spec.replicas"), "2");
  EXPECT_EQ(field_text(*object, "spec.args[1]"), "a");
  EXPECT_EQ(field_text(*object, "metadata.name"), "c");
  std::string json = encode_json(*object);
  EXPECT_EQ(
      json,
      R"({"apiVersion":"stable.example.com/v1","extra":{"any":[1.5,{"thing":null}]},"kind":"CronTab","metadata":{"creationTimestamp":null,"labels":{"z":"1"},"name":"c"},)"
      R"("spec":{"args":["b","a"],"cronSpec":"* *","replicas":2,"size":"50%"}})");
  auto again = decode_json(json, kind);
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(equal(*object, *again));
  Object copy = *again;
  copy.mut_tree().set("extra", Value());
  copy.mut_meta().name = "d";
  EXPECT_EQ(again->meta().name, "c");
  EXPECT_FALSE(equal(copy, *again));
  EXPECT_EQ(encode_protobuf(*object).error().code(), Code::kUnimplemented);
}

TEST(CustomResource, RefusesWrongTypes) {
  TypeArena arena;
  const KindInfo& kind = cron_tab(arena);
  EXPECT_EQ(decode_json(R"({"spec":{"replicas":"2"}})", kind).error().message(),
            "json: cannot unmarshal string into Go struct field CronTabSpec.spec.replicas of type int64");
}

}  // namespace
}  // namespace reigen::api
