#include "api/managed_fields.h"

#include <gtest/gtest.h>

#include "api/corev1.h"
#include "api/managed_fields/owners.h"
#include "api/metav1.h"

namespace reigen::api {
namespace {

Object make_pod() {
  corev1::Pod pod;
  pod.metadata.name = "p";
  pod.metadata.namespace_ = "n";
  pod.metadata.labels["app"] = "x";
  auto& container = pod.spec.containers.emplace_back();
  container.name = "c";
  container.image = "i";
  container.env.emplace_back().name = "B";
  container.env.emplace_back().name = "A";
  container.ports.emplace_back().container_port = 80;
  pod.spec.node_selector["a"] = "b";
  pod.status.phase = "Pending";
  return Object::of(std::move(pod));
}

FieldTracking tracking_of(const KindInfo& kind, int64_t now, const FieldSet* reset = nullptr) {
  FieldTracking tracking;
  tracking.kind = &kind;
  tracking.now = Time(now);
  tracking.reset = reset;
  return tracking;
}

std::string fields_of(const Object& object, size_t entry) { return object.meta().managed_fields.at(entry).fields_v1->raw; }

TEST(FieldSet, ReadsAndWritesTheWireForm) {
  std::string text = R"({"f:a":{},"f:list":{".":{},"k:{\"name\":\"x\",\"port\":80}":{".":{},"f:name":{}},"v:\"s\"":{}},"f:z":{"f:y":{}}})";
  auto set = FieldSet::parse(text);
  ASSERT_TRUE(set) << set.error().message();
  EXPECT_EQ(set->to_json(), text);
  EXPECT_FALSE(set->has({PathElement::field("z")}));
  EXPECT_EQ(set->minus(FieldSet::of({{"a"}, {"list"}})).to_json(),
            R"({"f:list":{"k:{\"name\":\"x\",\"port\":80}":{".":{},"f:name":{}},"v:\"s\"":{}},"f:z":{"f:y":{}}})");
  EXPECT_EQ(set->minus_recursively(FieldSet::of({{"list"}})).to_json(), R"({"f:a":{},"f:z":{"f:y":{}}})");
  EXPECT_EQ(set->intersected(FieldSet::of({{"z", "y"}, {"a", "b"}})).to_json(), R"({"f:z":{"f:y":{}}})");
  std::string paths;
  set->each([&](const Path& path) { paths += to_string(path) + " "; });
  EXPECT_EQ(paths, R"(.a .list .list[name="x",port=80] .list[="s"] .list[name="x",port=80].name .z.y )");
}

TEST(ManagedFields, ACreatedPodBelongsToItsCreator) {
  Object pod = make_pod();
  auto tracking = tracking_of(pod.kind(), 100, reset_fields("", "v1", "pods", ""));
  track_update(tracking, nullptr, pod, "kubectl");
  ASSERT_EQ(pod.meta().managed_fields.size(), 1u);
  const auto& entry = pod.meta().managed_fields[0];
  EXPECT_EQ(entry.manager + "|" + entry.operation + "|" + entry.api_version, "kubectl|Update|v1");
  EXPECT_EQ(fields_of(pod, 0), R"({"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:env":{".":{},)"
                               R"("k:{\"name\":\"A\"}":{".":{},"f:name":{}},"k:{\"name\":\"B\"}":{".":{},"f:name":{}}},"f:image":{},"f:name":{},)"
                               R"("f:ports":{".":{},"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}},"f:resources":{}}},)"
                               R"("f:nodeSelector":{}}})");
}

TEST(ManagedFields, AnUpdateTakesWhatItChanges) {
  Object pod = make_pod();
  track_update(tracking_of(pod.kind(), 100), nullptr, pod, "one");
  pod.mut_meta().uid = "u";
  Object next = pod.clone();
  next.mut_meta().labels["app"] = "y";
  next.mut<corev1::Pod>().spec.containers[0].env.erase(next.mut<corev1::Pod>().spec.containers[0].env.begin());
  track_update(tracking_of(pod.kind(), 200), &pod, next, "two");
  ASSERT_EQ(next.meta().managed_fields.size(), 2u);
  EXPECT_EQ(fields_of(next, 1), R"({"f:metadata":{"f:labels":{"f:app":{}}}})");
  EXPECT_EQ(fields_of(next, 0).find("f:app"), std::string::npos);
  EXPECT_EQ(fields_of(next, 0).find("\\\"B\\\""), std::string::npos);
  Object same = next.clone();
  track_update(tracking_of(pod.kind(), 300), &next, same, "three");
  EXPECT_EQ(same.meta().managed_fields, next.meta().managed_fields);
}

TEST(ManagedFields, ResettingKeepsTheObjectUntracked) {
  Object pod = make_pod();
  track_update(tracking_of(pod.kind(), 100), nullptr, pod, "one");
  pod.mut_meta().uid = "u";
  Object next = pod.clone();
  next.mut_meta().managed_fields.assign(1, {});
  track_update(tracking_of(pod.kind(), 200), &pod, next, "two");
  EXPECT_TRUE(next.meta().managed_fields.empty());
  Object again = next.clone();
  again.mut_meta().labels["z"] = "1";
  track_update(tracking_of(pod.kind(), 300), &next, again, "two");
  EXPECT_TRUE(again.meta().managed_fields.empty());
}

TEST(ManagedFields, OldUpdatersBecomeAncientChanges) {
  Owners owners;
  for (int i = 0; i < 13; ++i) {
    std::string name = "m" + std::to_string(10 + i);
    owners.push_back({name, false, "v1", "", Time(100 + i), FieldSet::of({{"data", name}})});
  }
  cap_update_owners(owners);
  EXPECT_EQ(owners.size(), 10u);
  auto entries = encode_owners(owners);
  EXPECT_EQ(entries[0].manager, "ancient-changes");
  EXPECT_EQ(entries[0].fields_v1->raw, R"({"f:data":{"f:m10":{},"f:m11":{},"f:m12":{},"f:m13":{}}})");
}

TEST(ManagedFields, ScaleShowsTheOwnersOfReplicas) {
  Path replicas{PathElement::field("spec"), PathElement::field("replicas")};
  Owners owners{{"one", true, "apps/v1", "", Time(1), FieldSet::of({{"spec", "replicas"}, {"spec", "paused"}})}};
  auto parent = encode_owners(owners);
  auto scale = managed_fields_of_scale(parent, "apps/v1", replicas);
  ASSERT_EQ(scale.size(), 1u);
  EXPECT_EQ(scale[0].api_version, "autoscaling/v1");
  scale[0].manager = "scaler";
  scale[0].subresource = "scale";
  auto back = managed_fields_from_scale(parent, scale, "apps/v1", replicas);
  ASSERT_EQ(back.size(), 2u);
  // The scaler's entry has lost its time on the way, as in kube-apiserver: it stands first.
  EXPECT_EQ(back[0].manager, "scaler");
  EXPECT_FALSE(back[0].time);
  EXPECT_EQ(back[0].fields_v1->raw, R"({"f:spec":{"f:replicas":{}}})");
  EXPECT_EQ(back[1].manager, "one");
  EXPECT_EQ(back[1].fields_v1->raw, R"({"f:spec":{"f:paused":{}}})");
}

}  // namespace
}  // namespace reigen::api
