#include "controllers/replicaset/replica_plan.h"

#include <gtest/gtest.h>

namespace reigen::controllers {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{1'000'000s};

PodPtr pod(std::string name, std::string phase, Duration ready_for = Duration(-1)) {
  auto made = std::make_shared<api::corev1::Pod>();
  made->metadata.name = std::move(name);
  made->metadata.labels["app"] = "web";
  made->metadata.creation_timestamp = api::Time(kNow - 1h);
  made->spec.node_name = "node";
  made->status.phase = std::move(phase);
  if (ready_for >= Duration::zero()) {
    auto& condition = made->status.conditions.emplace_back();
    condition.type = "Ready";
    condition.status = "True";
    condition.last_transition_time = api::Time(kNow - std::chrono::duration_cast<std::chrono::seconds>(ready_for));
  }
  return made;
}

ReplicaObserved observed(int32_t wanted, std::vector<PodPtr> pods) {
  ReplicaObserved out;
  out.wanted = wanted;
  out.generation = 3;
  out.template_labels["app"] = "web";
  out.pods = std::move(pods);
  return out;
}

TEST(ReplicaPlan, MakesWhatIsMissingInBoundedBursts) {
  EXPECT_EQ(plan_replicas(observed(3, {pod("a", "Running")}), kNow).create, 2);
  EXPECT_EQ(plan_replicas(observed(1200, {}), kNow).create, kReplicaBurst);
  EXPECT_EQ(plan_replicas(observed(0, {}), kNow).create, 0);
}

TEST(ReplicaPlan, PodsThatEndedCountNoMore) {
  auto plan = plan_replicas(observed(2, {pod("a", "Succeeded"), pod("b", "Failed"), pod("c", "Running", 1s)}), kNow);
  EXPECT_EQ(plan.create, 1);
  EXPECT_EQ(plan.status.replicas, 1);
  EXPECT_EQ(plan.status.observed_generation, 3);
}

TEST(ReplicaPlan, RemovesThePodThatIsNotReady) {
  auto plan = plan_replicas(observed(2, {pod("ready1", "Running", 10s), pod("starting", "Running"), pod("ready2", "Running", 10s)}), kNow);
  ASSERT_EQ(plan.remove.size(), 1u);
  EXPECT_EQ(plan.remove[0]->metadata.name, "starting");
}

TEST(ReplicaPlan, APendingPodGoesBeforeARunningOne) {
  auto plan = plan_replicas(observed(1, {pod("running", "Running"), pod("pending", "Pending")}), kNow);
  ASSERT_EQ(plan.remove.size(), 1u);
  EXPECT_EQ(plan.remove[0]->metadata.name, "pending");
}

TEST(ReplicaPlan, CountsAndAsksToBeCalledWhenTimeMakesAPodAvailable) {
  auto given = observed(2, {pod("old", "Running", 60s), pod("young", "Running", 10s)});
  given.min_ready_seconds = 30;
  auto plan = plan_replicas(given, kNow);
  EXPECT_EQ(plan.status.replicas, 2);
  EXPECT_EQ(plan.status.fully_labeled, 2);
  EXPECT_EQ(plan.status.ready, 2);
  EXPECT_EQ(plan.status.available, 1);
  EXPECT_EQ(plan.again_in, 20s);
}

TEST(ReplicaPlan, APodWithOtherLabelsIsNotFullyLabeled) {
  auto other = std::make_shared<api::corev1::Pod>(*pod("a", "Running", 1s));
  other->metadata.labels["app"] = "other";
  EXPECT_EQ(plan_replicas(observed(1, {other}), kNow).status.fully_labeled, 0);
}

TEST(ReplicaPlan, LeavesThePodsOfASetBeingDeletedToTheGarbageCollector) {
  auto given = observed(0, {pod("a", "Running")});
  given.deleting = true;
  auto plan = plan_replicas(given, kNow);
  EXPECT_TRUE(plan.remove.empty());
  EXPECT_EQ(plan.status.replicas, 1);
}

}  // namespace
}  // namespace reigen::controllers
