#include "controllers/nodelifecycle/node_plan.h"

#include <gtest/gtest.h>

namespace reigen::controllers {
namespace {

using namespace std::chrono_literals;
using api::corev1::Node;
using api::corev1::Pod;

constexpr WallTime kNow{1'000'000s};

Node node(std::string_view ready) {
  Node made;
  auto& condition = made.status.conditions.emplace_back();
  condition.type = "Ready";
  condition.status = ready;
  return made;
}

std::string taints_of(const Node& node) {
  std::string out;
  for (const auto& taint : node.spec.taints) out += taint.key + ":" + taint.effect + " ";
  return out;
}

TEST(NodePlan, ASilentNodeVouchesForNothing) {
  Node given = node("True");
  EXPECT_TRUE(mark_unknown(given, kNow));
  ASSERT_EQ(given.status.conditions.size(), 4u);
  for (const auto& condition : given.status.conditions) EXPECT_EQ(condition.status, "Unknown") << condition.type;
  EXPECT_EQ(given.status.conditions[0].reason, "NodeStatusUnknown");
  EXPECT_EQ(given.status.conditions[1].reason, "NodeStatusNeverUpdated");
  EXPECT_FALSE(mark_unknown(given, kNow + 1s));
}

TEST(NodePlan, TaintsFollowTheConditionsBothWays) {
  Node given = node("False");
  EXPECT_TRUE(update_taints(given, kNow));
  EXPECT_EQ(taints_of(given), "node.kubernetes.io/not-ready:NoSchedule node.kubernetes.io/not-ready:NoExecute ");
  EXPECT_FALSE(update_taints(given, kNow));
  given.status.conditions[0].status = "Unknown";
  EXPECT_TRUE(update_taints(given, kNow));
  EXPECT_EQ(taints_of(given), "node.kubernetes.io/unreachable:NoSchedule node.kubernetes.io/unreachable:NoExecute ");
  given.status.conditions[0].status = "True";
  EXPECT_TRUE(update_taints(given, kNow));
  EXPECT_EQ(taints_of(given), "");
  given.spec.unschedulable = true;
  EXPECT_TRUE(update_taints(given, kNow));
  EXPECT_EQ(taints_of(given), "node.kubernetes.io/unschedulable:NoSchedule ");
}

TEST(NodePlan, APodStaysAsLongAsItTolerates) {
  Node given = node("False");
  update_taints(given, kNow);
  Pod pod;
  EXPECT_EQ(tolerated_for(pod, given, kNow), Duration::zero());
  auto& toleration = pod.spec.tolerations.emplace_back();
  toleration.key = kNotReadyTaint;
  toleration.operator_ = "Exists";
  toleration.effect = "NoExecute";
  toleration.toleration_seconds = 300;
  EXPECT_EQ(tolerated_for(pod, given, kNow + 100s), 200s);
  EXPECT_EQ(tolerated_for(pod, given, kNow + 400s), Duration::zero());
  toleration.toleration_seconds.reset();
  EXPECT_EQ(tolerated_for(pod, given, kNow + 400s), Duration::max());
  EXPECT_EQ(tolerated_for(Pod(), node("True"), kNow), Duration::max());
}

}  // namespace
}  // namespace reigen::controllers
