#include "controllers/endpoints/slice_plan.h"

#include <gtest/gtest.h>

#include <set>

namespace reigen::controllers {
namespace {

api::Object service() {
  api::corev1::Service made;
  made.metadata.namespace_ = "default";
  made.metadata.name = "web";
  made.metadata.uid = "uid-web";
  made.spec.cluster_ip = "10.0.0.1";
  return api::Object::of(std::move(made));
}

Backend backend(int number, bool ready = true) {
  auto pod = std::make_shared<api::corev1::Pod>();
  pod->metadata.namespace_ = "default";
  pod->metadata.name = "web-" + std::to_string(number);
  pod->metadata.uid = "uid-" + std::to_string(1000 + number);
  pod->spec.node_name = "node";
  pod->status.pod_ip = "10.1.0." + std::to_string(number);
  Backend made;
  made.pod = pod;
  made.ports = {{"http", "TCP", 8080, {}}};
  made.ready = made.serving = ready;
  return made;
}

std::vector<Backend> backends(int count) {
  std::vector<Backend> out;
  for (int i = 0; i < count; ++i) out.push_back(backend(i));
  return out;
}

std::string zone_of(const std::string&) { return "here"; }

// The slices as they stand after a plan.
std::vector<SlicePtr> applied(const std::vector<SlicePtr>& before, const SlicePlan& plan) {
  std::map<std::string, SlicePtr> by_name;
  for (const auto& slice : before) by_name[slice->metadata.name] = slice;
  for (const auto& slice : plan.remove) by_name.erase(slice->metadata.name);
  for (const auto& slice : plan.update) by_name[slice.metadata.name] = std::make_shared<EndpointSlice>(slice);
  for (const auto& slice : plan.create) {
    auto made = std::make_shared<EndpointSlice>(slice);
    made->metadata.name = "web-" + std::to_string(by_name.size());
    by_name[made->metadata.name] = made;
  }
  std::vector<SlicePtr> out;
  for (auto& [name, slice] : by_name) out.push_back(slice);
  return out;
}

TEST(SlicePlan, EndpointsSayWhereTheyAreAndWhetherTheyServe) {
  auto plan = plan_slices(service(), {backend(1), backend(2, false)}, {}, zone_of);
  ASSERT_EQ(plan.create.size(), 1u);
  const auto& slice = plan.create[0];
  EXPECT_EQ(slice.address_type, "IPv4");
  EXPECT_EQ(*slice.metadata.labels.get(kServiceNameLabel), "web");
  EXPECT_EQ(*slice.metadata.labels.get(kManagedByLabel), kSliceController);
  ASSERT_EQ(slice.endpoints.size(), 2u);
  EXPECT_EQ(slice.endpoints[0].addresses[0], "10.1.0.1");
  EXPECT_EQ(slice.endpoints[0].zone, "here");
  EXPECT_EQ(slice.endpoints[0].conditions.ready, true);
  EXPECT_EQ(slice.endpoints[1].conditions.ready, false);
}

TEST(SlicePlan, AHundredEndpointsASlice) {
  auto plan = plan_slices(service(), backends(250), {}, zone_of);
  ASSERT_EQ(plan.create.size(), 3u);
  std::set<std::string> addresses;
  for (const auto& slice : plan.create) {
    EXPECT_LE(slice.endpoints.size(), kMaxEndpointsPerSlice);
    for (const auto& endpoint : slice.endpoints) addresses.insert(endpoint.target_ref->name);
  }
  EXPECT_EQ(addresses.size(), 250u);
}

TEST(SlicePlan, WhatDidNotChangeIsNotWritten) {
  auto all = backends(150);
  auto slices = applied({}, plan_slices(service(), all, {}, zone_of));
  auto plan = plan_slices(service(), all, slices, zone_of);
  EXPECT_TRUE(plan.create.empty() && plan.update.empty() && plan.remove.empty());
  // One pod less and one more: the slice with the gap is the only one that changes.
  all.erase(all.begin() + 3);
  all.push_back(backend(200));
  plan = plan_slices(service(), all, slices, zone_of);
  EXPECT_TRUE(plan.create.empty() && plan.remove.empty());
  EXPECT_EQ(plan.update.size(), 1u);
}

TEST(SlicePlan, PodsThatResolveAPortDifferentlyGetSlicesOfTheirOwn) {
  auto other = backend(2);
  other.ports[0].number = 9090;
  EXPECT_EQ(plan_slices(service(), {backend(1), other}, {}, zone_of).create.size(), 2u);
}

TEST(SlicePlan, AServiceWithoutPodsKeepsOneEmptySlice) {
  auto plan = plan_slices(service(), {}, {}, zone_of);
  ASSERT_EQ(plan.create.size(), 1u);
  EXPECT_TRUE(plan.create[0].endpoints.empty());
  auto slices = applied({}, plan_slices(service(), backends(150), {}, zone_of));
  auto emptied = applied(slices, plan_slices(service(), {}, slices, zone_of));
  ASSERT_EQ(emptied.size(), 1u);
  EXPECT_TRUE(emptied[0]->endpoints.empty());
  auto settled = plan_slices(service(), {}, emptied, zone_of);
  EXPECT_TRUE(settled.create.empty() && settled.update.empty() && settled.remove.empty());
}

}  // namespace
}  // namespace reigen::controllers
