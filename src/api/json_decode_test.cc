#include <gtest/gtest.h>

#include "api/appsv1.h"
#include "api/corev1.h"
#include "api/equal.h"
#include "api/field_access.h"
#include "api/json.h"
#include "api/query.h"
#include "api/rbacv1.h"
#include "api/value.h"

namespace reigen::api {
namespace {

const KindInfo& pod_kind() { return kind_of<corev1::Pod>(); }

std::string error_of(std::string_view json, const KindInfo& kind = pod_kind()) {
  auto result = decode_json(json, kind);
  auto document = decode_json_document(json, *kind.type);
  if (result) return document ? "" : "only as document: " + document.error().message();
  if (document) return "only as struct: " + result.error().message();
  EXPECT_EQ(result.error().message(), document.error().message());
  return result.error().message();
}

std::vector<std::string> strict(std::string_view json) {
  DecodeNotes notes, document_notes;
  EXPECT_TRUE(decode_json(json, pod_kind(), &notes).has_value());
  EXPECT_TRUE(decode_json_document(json, *pod_kind().type, &document_notes).has_value());
  EXPECT_EQ(notes.strict, document_notes.strict);
  return notes.strict;
}

TEST(DecodeJson, NamesUnknownAndDuplicateFields) {
  using Notes = std::vector<std::string>;
  EXPECT_EQ(strict(R"({"spec":{"foo":1}})"), Notes{R"(unknown field "spec.foo")"});
  EXPECT_EQ(strict(R"({"metadata":{"name":"a","name":"b"}})"), Notes{R"(duplicate field "metadata.name")"});
  EXPECT_EQ(strict(R"({"spec":{"containers":[{"name":"a"},{"Name":"a","image":"x","image":"y"}]}})"),
            (Notes{R"(unknown field "spec.containers[1].Name")", R"(duplicate field "spec.containers[1].image")"}));
  EXPECT_EQ(strict(R"({"metadata":{"labels":{"a":"1","a":"2"}},"kind":"Pod","kind":"Pod"})"),
            (Notes{R"(duplicate field "metadata.labels.a")", R"(duplicate field "kind")"}));
  EXPECT_EQ(strict(R"({"x":{"y":[1,{"z":null}]},"x":1})"), Notes{R"(unknown field "x")"});
}

TEST(DecodeJson, WordsErrorsAsGoDoes) {
  EXPECT_EQ(error_of(R"({"spec":{"priority":"high"}})"), "json: cannot unmarshal string into Go struct field PodSpec.spec.priority of type int32");
  EXPECT_EQ(error_of(R"({"spec":{"priority":1.5}})"), "json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.priority of type int32");
  EXPECT_EQ(error_of(R"({"spec":{"priority":3000000000}})"),
            "json: cannot unmarshal number 3000000000 into Go struct field PodSpec.spec.priority of type int32");
  EXPECT_EQ(error_of(R"({"spec":{"containers":{}}})"), "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container");
  EXPECT_EQ(error_of(R"({"spec":{"containers":[{"image":7}]}})"),
            "json: cannot unmarshal number into Go struct field Container.spec.containers.image of type string");
  EXPECT_EQ(error_of(R"({"spec":{"containers":["x"]}})"), "json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type v1.Container");
  EXPECT_EQ(error_of(R"({"metadata":{"labels":{"a":1}}})"), "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string");
  EXPECT_EQ(error_of(R"({"spec":{"containers":[{"imagePullPolicy":{}}]}})"),
            "json: cannot unmarshal object into Go struct field Container.spec.containers.imagePullPolicy of type v1.PullPolicy");
  EXPECT_EQ(error_of(R"([])"), "json: cannot unmarshal array into Go value of type v1.Pod");
  EXPECT_EQ(error_of(R"({"spec":)"), "unexpected end of JSON input");
  EXPECT_EQ(error_of(R"({"spec":x})"), "invalid character 'x' looking for beginning of value");
  EXPECT_EQ(error_of(R"({"spec":{"containers":[{"resources":{"limits":{"cpu":"x"}}}]}})"),
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  EXPECT_EQ(error_of(R"({"spec":{"priority":"a"},"metadata":{"name":)"), "unexpected end of JSON input");
}

TEST(DecodeJson, IsBounded) {
  std::string deep = R"({"x":)";
  for (int i = 0; i < 2000; i++) deep += '[';
  for (int i = 0; i < 2000; i++) deep += ']';
  deep += '}';
  EXPECT_EQ(error_of(deep), "invalid character '[' exceeded max depth");
  auto large = decode_json("{}", pod_kind(), nullptr, {.max_bytes = 1});
  ASSERT_FALSE(large.has_value());
  EXPECT_EQ(large.error().code(), Code::kResourceExhausted);
}

TEST(DecodeJson, TakesNullAsAbsent) {
  auto pod = decode_json(R"({"metadata":{"name":null,"creationTimestamp":null,"labels":null},"spec":{"containers":null,"priority":null}})", pod_kind());
  ASSERT_TRUE(pod.has_value());
  EXPECT_EQ(encode_json(*pod), R"({"kind":"Pod","apiVersion":"v1","metadata":{"creationTimestamp":null},"spec":{"containers":null},"status":{}})");
}

TEST(EncodeJson, EscapesAsGoDoes) {
  corev1::ConfigMap map;
  map.data["a<b>&"] = "\xe2\x80\xa8\n\"\\";
  EXPECT_EQ(
      encode_json(map),
      "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"creationTimestamp\":null},\"data\":{\"a\\u003cb\\u003e\\u0026\":\"\\u2028\\n\\\"\\\\\"}}");
}

TEST(EncodeJson, WritesEmptyListsOfListsAndNullElsewhere) {
  EXPECT_EQ(encode_json(corev1::PodList()), R"({"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]})");
  EXPECT_EQ(encode_json(rbacv1::ClusterRole()),
            R"({"kind":"ClusterRole","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"creationTimestamp":null},"rules":null})");
}

TEST(EncodeJson, AddsTheKindToClaimTemplates) {
  appsv1::StatefulSet set;
  set.spec.volume_claim_templates.emplace_back();
  EXPECT_NE(encode_json(set).find(R"("volumeClaimTemplates":[{"kind":"PersistentVolumeClaim","apiVersion":"v1","metadata")"), std::string::npos);
}

TEST(Kinds, AreFoundUnderEveryGroupTheyServe) {
  EXPECT_EQ(find_kind("apps/v1", "Deployment"), &kind_of<appsv1::Deployment>());
  EXPECT_EQ(find_kind("apps/v1", "DeleteOptions"), find_kind("v1", "DeleteOptions"));
  EXPECT_EQ(find_kind("apps/v1", "Pod"), nullptr);
  const ResourceInfo* scale = find_resource("apps", "v1", "deployments", "scale");
  ASSERT_NE(scale, nullptr);
  EXPECT_EQ(scale->kind->group, "autoscaling");
  const ResourceInfo* pods = find_resource("", "v1", "pods");
  ASSERT_NE(pods, nullptr);
  EXPECT_TRUE(pods->namespaced);
  EXPECT_TRUE(pods->has(kWatch));
  EXPECT_EQ(pods->short_names[0], "po");
  EXPECT_EQ(pods->kind->list->item, pods->kind);
  EXPECT_EQ(pods->kind->resource, pods);
  EXPECT_EQ(pods->columns[0].name, "Name");
  EXPECT_EQ(find_type("io.k8s.api.core.v1.Pod"), &type_of<corev1::Pod>());
}

TEST(Object, CopiesOnWrite) {
  corev1::Pod pod;
  pod.metadata.name = "a";
  Object first = Object::of(pod);
  Object second = first;
  second.mut_meta().name = "b";
  EXPECT_EQ(first.meta().name, "a");
  EXPECT_EQ(second.as<corev1::Pod>().metadata.name, "b");
  EXPECT_FALSE(equal(first, second));
  second.mut<corev1::Pod>().metadata.name = "a";
  EXPECT_TRUE(equal(first, second));
  corev1::PodList list;
  list.items.assign(2, pod);
  Object items = Object::of(list);
  EXPECT_EQ(item_count(items), 2u);
  EXPECT_EQ(item_at(items, 1).meta().name, "a");
}

TEST(FieldAccess, FollowsPaths) {
  auto pod =
      decode_json(
          R"({"metadata":{"labels":{"app":"x","a.b/c":"y"}},"spec":{"nodeName":"n","priority":5,"containers":[{"image":"i","ports":[{"containerPort":80}]}]}})",
          pod_kind())
          .value();
  EXPECT_EQ(field_text(pod, "spec.nodeName"), "n");
  EXPECT_EQ(field_text(pod, "spec.priority"), "5");
  EXPECT_EQ(field_text(pod, "spec.containers[0].image"), "i");
  EXPECT_EQ(field_text(pod, "spec.containers[0].ports[0].containerPort"), "80");
  EXPECT_EQ(field_text(pod, "spec.containers[1].image"), "");
  EXPECT_EQ(field_text(pod, "metadata.labels.app"), "x");
  EXPECT_EQ(field_text(pod, "metadata.labels[a.b/c]"), "y");
  EXPECT_EQ(field_text(pod, "spec.nope"), "");
  int seen = 0;
  for_each_field(pod.type(), pod.data(),
                 [&](std::string_view path, const FieldDesc&, FieldRef) { return seen += path == "spec.containers[0].ports[0].containerPort", true; });
  EXPECT_EQ(seen, 1);
}

TEST(Query, FillsOptions) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  Pairs query{{"watch", "true"}, {"limit", "500"}, {"labelSelector", "a=b"}, {"timeoutSeconds", "7"}, {"pretty", "x"}};
  auto options = decode_query<metav1::ListOptions>(query).value();
  EXPECT_TRUE(options.watch);
  EXPECT_EQ(options.limit, 500);
  EXPECT_EQ(options.label_selector, "a=b");
  EXPECT_EQ(options.timeout_seconds, 7);
  Pairs command{{"command", "sh"}, {"command", "-c"}, {"stdin", "0"}, {"tty", ""}};
  auto exec = decode_query<corev1::PodExecOptions>(command).value();
  EXPECT_EQ(exec.command, (std::vector<std::string>{"sh", "-c"}));
  EXPECT_FALSE(exec.stdin);
  EXPECT_TRUE(exec.tty);
  Pairs bad{{"limit", "x"}};
  EXPECT_EQ(decode_query<metav1::ListOptions>(bad).error().message(), "strconv.ParseInt: parsing \"x\": invalid syntax");
  Pairs uid{{"uid", "u"}, {"dryRun", "All"}};
  auto remove = decode_query<metav1::DeleteOptions>(uid).value();
  EXPECT_EQ(remove.preconditions->uid, "u");
  EXPECT_EQ(remove.dry_run[0], "All");
}

}  // namespace
}  // namespace reigen::api
