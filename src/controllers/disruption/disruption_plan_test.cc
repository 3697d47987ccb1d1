#include "controllers/disruption/disruption_plan.h"

#include <gtest/gtest.h>

#include "api/metav1.h"

namespace reigen::controllers {
namespace {

using namespace std::chrono_literals;
using api::policyv1::PodDisruptionBudget;

constexpr WallTime kNow{1'000'000s};

PodPtr pod(std::string name, bool ready, bool deleting = false) {
  auto made = std::make_shared<api::corev1::Pod>();
  made->metadata.name = std::move(name);
  if (deleting) made->metadata.deletion_timestamp = api::Time(kNow);
  auto& condition = made->status.conditions.emplace_back();
  condition.type = "Ready";
  condition.status = ready ? "True" : "False";
  return made;
}

struct Case {
  PodDisruptionBudget budget;
  std::vector<PodPtr> pods;
  Result<int32_t> scale = 0;
  Case() { budget.metadata.generation = 2; }
  Case& least(api::IntOrString amount) {
    budget.spec.min_available = std::move(amount);
    return *this;
  }
  Case& most_missing(api::IntOrString amount) {
    budget.spec.max_unavailable = std::move(amount);
    return *this;
  }
  Case& with(std::vector<PodPtr> all, Result<int32_t> wanted = 0) {
    pods = std::move(all);
    scale = std::move(wanted);
    return *this;
  }
  DisruptionPlan plan() const { return plan_disruption({std::make_shared<PodDisruptionBudget>(budget), pods, scale}, kNow); }
};

std::vector<PodPtr> three() { return {pod("a", true), pod("b", true), pod("c", true)}; }

const api::metav1::Condition& allowed(const DisruptionPlan& plan) { return plan.status.conditions.at(0); }

TEST(DisruptionPlan, CountsWhatAnApplicationCanSpare) {
  auto plan = Case().least(2).with(three()).plan();
  EXPECT_EQ(plan.status.disruptions_allowed, 1);
  EXPECT_EQ(plan.status.current_healthy, 3);
  EXPECT_EQ(plan.status.desired_healthy, 2);
  EXPECT_EQ(plan.status.expected_pods, 3);
  EXPECT_EQ(plan.status.observed_generation, 2);
  EXPECT_TRUE(plan.write);
  EXPECT_EQ(allowed(plan).status, "True");
  EXPECT_EQ(allowed(plan).reason, "SufficientPods");
}

TEST(DisruptionPlan, PodsThatAreNotReadyOrAreGoingCountForNothing) {
  auto plan = Case().least(2).with({pod("a", true), pod("b", true), pod("c", false), pod("d", true, true)}).plan();
  EXPECT_EQ(plan.status.current_healthy, 2);
  EXPECT_EQ(plan.status.disruptions_allowed, 0);
  EXPECT_EQ(allowed(plan).reason, "InsufficientPods");
}

TEST(DisruptionPlan, SharesAreOfWhatTheControllersWant) {
  auto missing = Case().most_missing("34%").with(three(), 4).plan();  // 1.36 is two
  EXPECT_EQ(missing.status.expected_pods, 4);
  EXPECT_EQ(missing.status.desired_healthy, 2);
  EXPECT_EQ(missing.status.disruptions_allowed, 1);
  auto least = Case().least("50%").with(three(), 3).plan();  // 1.5 is two
  EXPECT_EQ(least.status.desired_healthy, 2);
  EXPECT_EQ(Case().most_missing(5).with(three(), 3).plan().status.desired_healthy, 0);
}

TEST(DisruptionPlan, ABudgetOfNoPodsAllowsNothing) {
  EXPECT_EQ(Case().most_missing(1).with({}, 0).plan().status.disruptions_allowed, 0);
  EXPECT_EQ(Case().least(0).with({}).plan().status.disruptions_allowed, 0);
}

TEST(DisruptionPlan, AnEvictionUnderWayCountsUntilItsPodGoes) {
  Case some = Case().least(1).with(three());
  some.budget.status.disrupted_pods["a"] = api::Time(kNow - 30s);
  some.budget.status.disrupted_pods["gone"] = api::Time(kNow - 30s);
  auto plan = some.plan();
  EXPECT_EQ(plan.status.current_healthy, 2);
  EXPECT_EQ(plan.status.disrupted_pods.size(), 1U);
  EXPECT_EQ(plan.again_in, Duration(90s));
  some.budget.status.disrupted_pods["a"] = api::Time(kNow - 3min);
  plan = some.plan();
  EXPECT_EQ(plan.status.current_healthy, 3);
  EXPECT_TRUE(plan.status.disrupted_pods.empty());
  ASSERT_EQ(plan.not_deleted.size(), 1U);
  EXPECT_EQ(plan.not_deleted[0]->metadata.name, "a");
}

TEST(DisruptionPlan, WithoutItsControllersNothingIsAllowed) {
  Case lost = Case().most_missing(1).with(three(), fail(Code::kNotFound, "found no controllers for pod \"a\""));
  lost.budget.status.disruptions_allowed = 2;
  auto plan = lost.plan();
  EXPECT_EQ(plan.status.disruptions_allowed, 0);
  EXPECT_EQ(allowed(plan).reason, "SyncFailed");
  EXPECT_EQ(plan.failure, "found no controllers for pod \"a\"");
}

TEST(DisruptionPlan, WhatIsSaidAlreadyIsNotWritten) {
  Case some = Case().least(2).with(three());
  some.budget.status = some.plan().status;
  EXPECT_FALSE(some.plan().write);
}

TEST(DisruptionPlan, AConditionThatNothingFollowedIsTakenBack) {
  auto made = *pod("a", true);
  EXPECT_FALSE(stale_disruption_in(made, kNow));
  auto& condition = made.status.conditions.emplace_back();
  condition.type = "DisruptionTarget";
  condition.status = "True";
  condition.reason = "EvictionByEvictionAPI";
  condition.last_transition_time = api::Time(kNow - 30s);
  EXPECT_EQ(stale_disruption_in(made, kNow), Duration(90s));
  EXPECT_EQ(stale_disruption_in(made, kNow + 5min), Duration::zero());
  made.status.conditions.back().reason = "TerminationByKubelet";
  EXPECT_FALSE(stale_disruption_in(made, kNow + 5min));
  made.status.conditions.back().reason = "EvictionByEvictionAPI";
  made.metadata.deletion_timestamp = api::Time(kNow);
  EXPECT_FALSE(stale_disruption_in(made, kNow + 5min));
}

}  // namespace
}  // namespace reigen::controllers
