// Every kind with every field set, JSON to protobuf and back, byte for byte, through both backings.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "api/corev1.h"
#include "api/equal.h"
#include "api/json.h"
#include "api/metav1.h"
#include "api/protobuf.h"
#include "api/scalars.h"
#include "api/value.h"

namespace reigen::api {
namespace {

struct Case {
  std::string group, version, kind, json, protobuf;
};

std::vector<Case> load() {
  std::vector<Case> cases;
  std::ifstream file(REIGEN_SOURCE_DIR "/src/api/testdata/every_kind.txt");
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    Case c;
    std::istringstream(line) >> c.group >> c.version >> c.kind;
    if (c.group == "core") c.group = "";
    std::string encoded;
    std::getline(file, c.json);
    std::getline(file, encoded);
    c.protobuf = base64_decode(encoded).value();
    cases.push_back(c);
  }
  return cases;
}

// The first difference with what stands around it.
std::string difference(std::string_view got, std::string_view want) {
  size_t i = 0;
  while (i < got.size() && i < want.size() && got[i] == want[i]) i++;
  if (i == got.size() && i == want.size()) return "";
  size_t from = i < 80 ? 0 : i - 80;
  return "at " + std::to_string(i) + "\n  got  ..." + std::string(got.substr(from, 160)) + "\n  want ..." + std::string(want.substr(from, 160));
}

class EveryKind : public testing::TestWithParam<Case> {};

TEST_P(EveryKind, ConvertsBothWays) {
  const Case& c = GetParam();
  const KindInfo* kind = find_kind(c.group, c.version, c.kind);
  ASSERT_NE(kind, nullptr);
  DecodeNotes notes;
  auto object = decode_json(c.json, *kind, &notes);
  ASSERT_TRUE(object.has_value()) << object.error().message();
  EXPECT_TRUE(notes.strict.empty()) << notes.strict[0];
  std::string json;
  append_json(json, *kind, object->data(), {.element_type_meta = false});
  EXPECT_EQ(difference(json, c.json), "");
  auto encoded = encode_protobuf(*object);
  ASSERT_TRUE(encoded.has_value()) << encoded.error().message();
  EXPECT_EQ(difference(*encoded, c.protobuf), "");
  auto decoded = decode_protobuf(c.protobuf, *kind);
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message();
  json.clear();
  append_json(json, *kind, decoded->data(), {.element_type_meta = false});
  EXPECT_EQ(difference(json, c.json), "");
}

TEST_P(EveryKind, ConvertsAsDocument) {
  const Case& c = GetParam();
  const KindInfo* kind = find_kind(c.group, c.version, c.kind);
  ASSERT_NE(kind, nullptr);
  DecodeNotes notes;
  auto document = decode_json_document(c.json, *kind->type, &notes);
  ASSERT_TRUE(document.has_value()) << document.error().message();
  EXPECT_TRUE(notes.strict.empty()) << notes.strict[0];
  std::string protobuf;
  append_protobuf(protobuf, *kind, *document);
  EXPECT_EQ(difference(protobuf, c.protobuf), "");
  auto back = decode_protobuf_document(open_envelope(c.protobuf)->raw, *kind->type);
  ASSERT_TRUE(back.has_value()) << back.error().message();
  std::string want, json;
  append_json(want, *kind->type, *document);
  append_json(json, *kind->type, *back);
  EXPECT_EQ(difference(json, want), "");
  Object object = decode_json(c.json, *kind).value();
  std::string typed;
  append_json(typed, *kind->type, object.data());
  EXPECT_EQ(difference(json, typed), "");
  EXPECT_TRUE(to_value(*kind->type, object.data()) == parse_json(typed).value());
  EXPECT_TRUE(to_value(object) == parse_json(encode_json(object)).value());
  auto from = from_value(to_value(object), *kind);
  ASSERT_TRUE(from.has_value()) << from.error().message();
  EXPECT_TRUE(equal(*from, object));
}

TEST_P(EveryKind, SettlesToWhatProtobufKeeps) {
  const Case& c = GetParam();
  const KindInfo* kind = find_kind(c.group, c.version, c.kind);
  Object object = decode_json(c.json, *kind).value();
  Object wanted = decode_protobuf(*encode_protobuf(object), *kind).value();
  ASSERT_TRUE(settle_as_protobuf(object));
  EXPECT_TRUE(equal(object, wanted));
  EXPECT_EQ(difference(encode_json(object), encode_json(wanted)), "");
  Object nothing = Object::make(*kind);
  wanted = decode_protobuf(*encode_protobuf(nothing), *kind).value();
  ASSERT_TRUE(settle_as_protobuf(nothing));
  EXPECT_TRUE(equal(nothing, wanted));
}

TEST(Settle, CutsWhatProtobufDoesNotSay) {
  const KindInfo* kind = find_kind("", "v1", "Pod");
  Object object = decode_json(R"({"metadata":{"name":"a","creationTimestamp":"1970-01-01T00:00:00Z","labels":{},"finalizers":[]},
      "spec":{"containers":[{"name":"c","resources":{"limits":{"a":"0Ki","b":"1500","c":"1e3","d":"1.500","e":"0.5Ki","f":"1500Ki"}}}],"securityContext":{}}})",
                              *kind)
                      .value();
  Object wanted = decode_protobuf(*encode_protobuf(object), *kind).value();
  ASSERT_TRUE(settle_as_protobuf(object));
  EXPECT_TRUE(object.meta().creation_timestamp.is_zero());
  EXPECT_TRUE(equal(object, wanted));
  for (const auto& [name, limit] : object.as<corev1::Pod>().spec.containers[0].resources.limits) {
    const Quantity& other = *wanted.as<corev1::Pod>().spec.containers[0].resources.limits.get(name);
    EXPECT_EQ(limit.format(), other.format()) << name;
    EXPECT_EQ(limit.to_string(), other.to_string());
  }
}

// What needs decoding: what is one thing or another in JSON, lists in a message of their own, lists whose items carry their own kind.
const char* const kDecoded[] = {"CustomResourceDefinition", "StatefulSet",     "SubjectAccessReview",      "LocalSubjectAccessReview", "TokenReview",
                                "SelfSubjectReview",        "AdmissionReview", "CertificateSigningRequest"};

TEST_P(EveryKind, ProtobufBecomesJsonWithoutTheObject) {
  const Case& c = GetParam();
  const KindInfo* kind = find_kind(c.group, c.version, c.kind);
  ASSERT_NE(kind, nullptr);
  std::string_view message = open_envelope(c.protobuf)->raw;
  std::string json = "before";
  bool done = append_json_of_protobuf(json, *kind->type, message, {.type_meta = kind->type->has_type_meta ? kind : nullptr});
  EXPECT_EQ(done, std::ranges::find(kDecoded, c.kind) == std::end(kDecoded));
  std::string whole = "before";
  append_json(whole, *kind, decode_protobuf(c.protobuf, *kind)->data());
  EXPECT_EQ(difference(json, done ? whole : "before"), "");
  std::string empty, empty_wanted;
  Object nothing = Object::make(*kind);
  append_json(empty_wanted, *kind->type, nothing.data());
  for (std::string_view bytes : {std::string_view(), open_envelope(*encode_protobuf(nothing))->raw}) {
    empty.clear();
    if (!append_json_of_protobuf(empty, *kind->type, bytes)) continue;
    EXPECT_EQ(difference(empty, empty_wanted), "");
  }
}

TEST_P(EveryKind, CutProtobufIsNoJsonUnlessItCanBeDecoded) {
  const Case& c = GetParam();
  const KindInfo* kind = find_kind(c.group, c.version, c.kind);
  std::string_view message = open_envelope(c.protobuf)->raw;
  for (size_t length = 0; length < message.size(); length += 1 + message.size() / 300) {
    std::string json, wanted;
    if (!append_json_of_protobuf(json, *kind->type, message.substr(0, length))) continue;
    Object object = Object::make(*kind);
    ASSERT_TRUE(decode_protobuf_message(message.substr(0, length), *kind->type, object.mut_data()));
    append_json(wanted, *kind->type, object.data());
    ASSERT_EQ(difference(json, wanted), "") << length;
  }
}

TEST(ProtobufToJson, ShowsTheRevisionOfTheStore) {
  const KindInfo* kind = find_kind("", "v1", "ConfigMap");
  Object object = decode_json(R"({"metadata":{"name":"a","labels":{"b":"<c>"}},"data":{"k":"v"}})", *kind).value();
  std::string json, protobuf = *encode_protobuf(object);
  ASSERT_TRUE(append_json_of_protobuf(json, *kind->type, open_envelope(protobuf)->raw, {.type_meta = kind, .resource_version = "17"}));
  object.mut_meta().resource_version = "17";
  EXPECT_EQ(json, encode_json(object));
}

INSTANTIATE_TEST_SUITE_P(All, EveryKind, testing::ValuesIn(load()), [](const auto& info) {
  std::string name = info.param.group + "_" + info.param.version + "_" + info.param.kind;
  for (char& ch : name)
    if (!isalnum(static_cast<unsigned char>(ch))) ch = '_';
  return name;
});

}  // namespace
}  // namespace reigen::api
