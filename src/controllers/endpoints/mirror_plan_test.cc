#include "controllers/endpoints/mirror_plan.h"

#include <gtest/gtest.h>

namespace reigen::controllers {
namespace {

using api::corev1::Endpoints;

Endpoints endpoints(std::vector<std::string> ips) {
  Endpoints made;
  made.metadata.namespace_ = "default";
  made.metadata.name = "db";
  made.metadata.uid = "uid-db";
  auto& subset = made.subsets.emplace_back();
  for (const auto& ip : ips) subset.addresses.emplace_back().ip = ip;
  auto& port = subset.ports.emplace_back();
  port.name = "sql";
  port.port = 5432;
  port.protocol = "TCP";
  return made;
}

MirrorPlan plan(Endpoints made, std::vector<SlicePtr> existing = {}) { return plan_mirror(std::make_shared<const Endpoints>(std::move(made)), existing); }

std::vector<SlicePtr> stored(const MirrorPlan& plan) {
  std::vector<SlicePtr> out;
  for (auto slice : plan.slices.create) {
    slice.metadata.name = "db-" + std::to_string(out.size());
    out.push_back(std::make_shared<const EndpointSlice>(std::move(slice)));
  }
  return out;
}

TEST(MirrorPlan, ASliceForEachFamily) {
  auto made = plan(endpoints({"10.0.0.1", "fd00::1", "10.0.0.2"}));
  ASSERT_EQ(made.slices.create.size(), 2u);
  EXPECT_EQ(made.slices.create[0].address_type, "IPv4");
  EXPECT_EQ(made.slices.create[0].endpoints.size(), 2u);
  EXPECT_EQ(made.slices.create[1].address_type, "IPv6");
  EXPECT_EQ(*made.slices.create[0].metadata.labels.get(kManagedByLabel), kMirroringController);
  EXPECT_EQ(*made.slices.create[0].metadata.labels.get(kServiceNameLabel), "db");
}

TEST(MirrorPlan, WhatIsMirroredIsLeftAlone) {
  auto slices = stored(plan(endpoints({"10.0.0.1"})));
  auto again = plan(endpoints({"10.0.0.1"}), slices).slices;
  EXPECT_TRUE(again.create.empty() && again.update.empty() && again.remove.empty());
}

TEST(MirrorPlan, OtherPortsTakeTheSliceThatIsFree) {
  auto slices = stored(plan(endpoints({"10.0.0.1"})));
  auto other = endpoints({"10.0.0.1"});
  other.subsets[0].ports[0].port = 5433;
  auto changed = plan(other, slices).slices;
  ASSERT_EQ(changed.update.size(), 1u);
  EXPECT_EQ(changed.update[0].metadata.name, "db-0");
  EXPECT_TRUE(changed.create.empty() && changed.remove.empty());
}

TEST(MirrorPlan, NotReadyAddressesAreMirroredAsSuch) {
  auto made = endpoints({});
  made.subsets[0].not_ready_addresses.emplace_back().ip = "10.0.0.9";
  EXPECT_FALSE(*plan(made).slices.create.at(0).endpoints.at(0).conditions.ready);
}

TEST(MirrorPlan, InvalidAndTooManyAddressesAreCounted) {
  std::vector<std::string> ips = {"nowhere"};
  for (int i = 0; i < 1003; ++i) ips.push_back("10.0." + std::to_string(i / 200) + "." + std::to_string(i % 200 + 1));
  auto made = plan(endpoints(ips));
  EXPECT_EQ(made.invalid, 1u);
  EXPECT_EQ(made.skipped, 3u);
  EXPECT_EQ(made.slices.create.at(0).endpoints.size(), kMaxMirroredPerSubset);
}

TEST(MirrorPlan, NoEndpointsNoSlices) {
  auto slices = stored(plan(endpoints({"10.0.0.1"})));
  auto gone = endpoints({});
  gone.subsets.clear();
  EXPECT_EQ(plan(gone, slices).slices.remove.size(), 1u);
}

TEST(MirrorPlan, LeaderElectionAndLabelledOnesAreNotMirrored) {
  auto made = endpoints({"10.0.0.1"});
  EXPECT_TRUE(wants_mirror(made));
  made.metadata.labels["endpointslice.kubernetes.io/skip-mirror"] = "true";
  EXPECT_FALSE(wants_mirror(made));
  made.metadata.labels.clear();
  made.metadata.annotations["control-plane.alpha.kubernetes.io/leader"] = "{}";
  EXPECT_FALSE(wants_mirror(made));
}

}  // namespace
}  // namespace reigen::controllers
