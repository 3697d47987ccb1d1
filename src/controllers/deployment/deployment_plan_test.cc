#include "controllers/deployment/deployment_plan.h"

#include <gtest/gtest.h>

namespace reigen::controllers {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{1'000'000s};

Deployment deployment(int32_t replicas, api::IntOrString surge, api::IntOrString unavailable) {
  Deployment made;
  made.metadata.name = "web";
  made.metadata.generation = 2;
  made.spec.replicas = replicas;
  made.spec.strategy.type = "RollingUpdate";
  auto& update = made.spec.strategy.rolling_update.emplace();
  update.max_surge = std::move(surge);
  update.max_unavailable = std::move(unavailable);
  return made;
}

ReplicaSetPtr set(std::string name, int32_t replicas, int32_t available, int64_t age_seconds = 0) {
  auto made = std::make_shared<ReplicaSet>();
  made->metadata.name = std::move(name);
  made->metadata.creation_timestamp = api::Time(kNow - std::chrono::seconds(age_seconds));
  made->spec.replicas = replicas;
  made->status.replicas = replicas;
  made->status.ready_replicas = made->status.available_replicas = available;
  return made;
}

std::string text_of(const std::vector<Resize>& steps) {
  std::string out;
  for (const auto& step : steps) out += step.set->metadata.name + "=" + std::to_string(step.replicas) + " ";
  return out;
}

TEST(DeploymentPlan, SurgeRoundsUpUnavailableDownAndOnePodCanAlwaysMove) {
  struct Case {
    int32_t replicas;
    const char *surge, *unavailable;
    int32_t want_surge, want_unavailable;
  };
  for (const auto& one : std::initializer_list<Case>{
           {10, "25%", "25%", 3, 2}, {3, "25%", "25%", 1, 0}, {1, "0%", "50%", 0, 1}, {4, "50%", "100%", 2, 4}, {0, "25%", "25%", 0, 0}}) {
    auto bounds = rollout_bounds(deployment(one.replicas, api::IntOrString(one.surge), api::IntOrString(one.unavailable)));
    EXPECT_EQ(bounds.max_surge, one.want_surge) << one.replicas;
    EXPECT_EQ(bounds.max_unavailable, one.want_unavailable) << one.replicas;
  }
}

TEST(DeploymentPlan, ARolloutGrowsFirstThenShrinksAndNeverGoesBelowItsBounds) {
  auto given = deployment(4, api::IntOrString(1), api::IntOrString(1));
  EXPECT_EQ(text_of(plan_rolling_step(given, set("new", 0, 0), {set("old", 4, 4, 60)})), "new=1 ");
  EXPECT_EQ(text_of(plan_rolling_step(given, set("new", 1, 0), {set("old", 4, 4, 60)})), "old=3 ");
  EXPECT_EQ(text_of(plan_rolling_step(given, set("new", 2, 0), {set("old", 3, 3, 60)})), "");  // two are not yet there
  EXPECT_EQ(text_of(plan_rolling_step(given, set("new", 2, 2), {set("old", 3, 3, 60)})), "old=1 ");
  EXPECT_EQ(text_of(plan_rolling_step(given, set("new", 4, 4), {set("old", 1, 1, 60)})), "old=0 ");
  EXPECT_EQ(text_of(plan_rolling_step(given, set("new", 4, 4), {set("old", 0, 0, 60)})), "");
}

TEST(DeploymentPlan, OldPodsThatDoNotRunGoFirst) {
  auto given = deployment(4, api::IntOrString(1), api::IntOrString(1));
  // The broken one is of the younger set, yet it goes before an available pod of the older.
  EXPECT_EQ(text_of(plan_rolling_step(given, set("new", 1, 0), {set("broken", 1, 0, 30), set("old", 3, 3, 60)})), "broken=0 ");
}

TEST(DeploymentPlan, ANewSetAboveTheWantedNumberShrinks) {
  EXPECT_EQ(text_of(plan_rolling_step(deployment(2, api::IntOrString(1), api::IntOrString(0)), set("new", 5, 5), {})), "new=2 ");
}

TEST(DeploymentPlan, ScalingDuringARolloutKeepsTheProportion) {
  auto given = deployment(20, api::IntOrString(0), api::IntOrString(1));
  given.status.replicas = 10;
  EXPECT_EQ(text_of(plan_scaling(given, set("new", 4, 2, 10), {set("old", 6, 6, 60)})), "old=12 new=8 ");
  EXPECT_EQ(text_of(plan_scaling(given, set("new", 10, 10), {})), "new=20 ");
}

TEST(DeploymentPlan, ScaledSinceTheSetsWereSized) {
  auto sized = std::make_shared<ReplicaSet>(*set("a", 3, 3));
  sized->metadata.annotations[std::string(kDesiredAnnotation)] = "3";
  EXPECT_FALSE(is_scaling(deployment(3, api::IntOrString(1), api::IntOrString(1)), {sized}));
  EXPECT_TRUE(is_scaling(deployment(4, api::IntOrString(1), api::IntOrString(1)), {sized}));
}

TEST(DeploymentPlan, TheSetOfTheTemplateIsFoundWithoutTheHashLabelAndTheOldestWins) {
  auto given = deployment(1, api::IntOrString(1), api::IntOrString(0));
  given.spec.template_.spec.containers.emplace_back().image = "web:2";
  auto young = std::make_shared<ReplicaSet>(*set("young", 1, 1, 10)), old = std::make_shared<ReplicaSet>(*set("old", 1, 1, 60));
  young->spec.template_ = old->spec.template_ = given.spec.template_;
  old->spec.template_.metadata.labels[std::string(kHashLabel)] = "abc";
  EXPECT_EQ(find_new(given, {young, old}), 1u);
  given.spec.template_.spec.containers[0].image = "web:3";
  EXPECT_EQ(find_new(given, {young, old}), std::nullopt);
  EXPECT_NE(template_hash(given.spec.template_, {}), template_hash(given.spec.template_, 1));
}

TEST(DeploymentPlan, OnlySettledEmptySetsBeyondTheLimitAreRemoved) {
  auto given = deployment(1, api::IntOrString(1), api::IntOrString(0));
  given.spec.revision_history_limit = 1;
  auto of_revision = [](const char* name, const char* revision, int32_t replicas) {
    auto made = std::make_shared<ReplicaSet>(*set(name, replicas, replicas));
    made->metadata.annotations[std::string(kRevisionAnnotation)] = revision;
    return made;
  };
  auto removed = plan_cleanup(given, {of_revision("three", "3", 0), of_revision("one", "1", 0), of_revision("two", "2", 1)});
  ASSERT_EQ(removed.size(), 1u);
  EXPECT_EQ(removed[0]->metadata.name, "one");
}

TEST(DeploymentPlan, StatusAndProgressToTheEndOrToTheDeadline) {
  auto given = deployment(2, api::IntOrString(1), api::IntOrString(0));
  given.spec.progress_deadline_seconds = 60;
  auto fresh = set("new", 2, 0);
  Duration again = Duration::zero();
  auto status = plan_status(given, fresh, {fresh}, kNow);
  EXPECT_EQ(status.updated_replicas, 2);
  EXPECT_EQ(status.unavailable_replicas, 2);
  EXPECT_EQ(find_condition(status, "Available")->reason, "MinimumReplicasUnavailable");
  update_progress(given, fresh, {fresh}, kNow, status, again);
  ASSERT_TRUE(find_condition(status, "Progressing"));
  EXPECT_EQ(find_condition(status, "Progressing")->reason, "ReplicaSetUpdated");
  EXPECT_EQ(again, 60s);

  given.status = status;
  status = plan_status(given, fresh, {fresh}, kNow + 61s);
  update_progress(given, fresh, {fresh}, kNow + 61s, status, again);
  EXPECT_EQ(find_condition(status, "Progressing")->status, "False");
  EXPECT_EQ(find_condition(status, "Progressing")->reason, "ProgressDeadlineExceeded");

  auto done = set("new", 2, 2);
  status = plan_status(given, done, {done}, kNow);
  update_progress(given, done, {done}, kNow, status, again);
  EXPECT_TRUE(is_complete(given, status));
  EXPECT_EQ(find_condition(status, "Available")->status, "True");
  EXPECT_EQ(find_condition(status, "Progressing")->reason, "NewReplicaSetAvailable");
}

}  // namespace
}  // namespace reigen::controllers
