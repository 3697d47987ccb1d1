#include "compose/planner.h"

#include <gtest/gtest.h>

#include "compose/labels.h"
#include "compose/project.h"
#include "compose/runner.h"
#include "compose/source_file.h"

namespace reigen::compose {
namespace {

Project make_project(std::string_view yaml) {
  auto files = parse_source("t.yaml", yaml);
  Project project;
  project.name = "p";
  for (const auto& member : (*files)[0].tree.find("services")->members()) {
    Service service = make_service(std::string(member.key()), "p", false, member.value);
    project.services.emplace(service.name, service);
  }
  return project;
}

Observed container(const Project& project, const std::string& service, int number, std::string state = "running") {
  Observed one;
  one.service = service;
  one.number = number;
  one.name = "p-" + service + "-" + std::to_string(number);
  one.id = "id-" + service + std::to_string(number);
  one.state = std::move(state);
  if (const Service* known = project.find(service)) one.hash = service_hash(project, *known);
  return one;
}

// "create web 1; start web 1 <0" where <0: after step 0.
std::string told(const Result<Plan>& plan) {
  if (!plan) return plan.error().message();
  std::string out;
  static const char* names[] = {"remove", "create", "start", "restart", "wait"};
  for (const auto& step : plan->steps) {
    out += (out.empty() ? "" : "; ") + std::string(names[static_cast<int>(step.kind)]) + " " + step.service;
    if (step.kind == Step::Kind::kWait) out += " " + step.condition;
    else out += " " + std::to_string(step.number);
    if (step.kind == Step::Kind::kCreate && !step.container.empty()) out += " for " + step.container;
    for (size_t before : step.after) out += " <" + std::to_string(before);
  }
  return out;
}

PlanOptions all(const Project& project) {
  PlanOptions options;
  options.services = with_dependencies(project, {}).value();
  return options;
}

constexpr std::string_view kTwo = "services:\n  web:\n    image: w\n    depends_on: {db: {condition: service_started}}\n  db: {image: d}\n";

TEST(Planner, MakesAndStartsInTheOrderOfDependencies) {
  Project project = make_project(kTwo);
  EXPECT_EQ(told(make_plan(project, {}, all(project))), "create db 1; create web 1; start db 1 <0; start web 1 <2 <1");
}

TEST(Planner, LeavesWhatRunsAsItShould) {
  Project project = make_project(kTwo);
  auto plan = make_plan(project, {container(project, "db", 1), container(project, "web", 1)}, all(project));
  EXPECT_EQ(told(plan), "");
  EXPECT_EQ(plan->running, (std::vector<std::string>{"p-db-1", "p-web-1"}));
}

TEST(Planner, RecreatesOnlyWhatHasChanged) {
  Project project = make_project(kTwo);
  Observed old = container(project, "web", 1);
  old.hash = "old";
  EXPECT_EQ(told(make_plan(project, {container(project, "db", 1), old}, all(project))), "create web 1 for id-web1; start web 1 <0");
  PlanOptions options = all(project);
  options.no_recreate = true;
  EXPECT_EQ(told(make_plan(project, {container(project, "db", 1), old}, options)), "");
  options = all(project);
  options.image_ids["db"] = "sha256:new";
  Observed db = container(project, "db", 1);
  db.made_from = "sha256:old";
  EXPECT_EQ(told(make_plan(project, {db, container(project, "web", 1)}, options)), "create db 1 for id-db1; start db 1 <0");
  options = all(project);
  options.force_recreate = true;
  options.targets = {"web"};
  EXPECT_EQ(told(make_plan(project, {container(project, "db", 1), container(project, "web", 1)}, options)), "create web 1 for id-web1; start web 1 <0");
}

TEST(Planner, StartsWhatHasStopped) {
  Project project = make_project(kTwo);
  EXPECT_EQ(told(make_plan(project, {container(project, "db", 1, "exited"), container(project, "web", 1)}, all(project))), "start db 1");
  PlanOptions options = all(project);
  options.start = false;
  EXPECT_EQ(told(make_plan(project, {container(project, "db", 1, "exited")}, options)), "create web 1");
}

TEST(Planner, ScalesUpAndDown) {
  Project project = make_project("services:\n  web: {image: w}\n");
  PlanOptions options = all(project);
  options.scale["web"] = 3;
  EXPECT_EQ(told(make_plan(project, {container(project, "web", 1)}, options)), "create web 2; create web 3; start web 2 <0; start web 3 <1");
  options.scale["web"] = 1;
  EXPECT_EQ(told(make_plan(project, {container(project, "web", 1), container(project, "web", 2), container(project, "web", 3)}, options)),
            "remove web 2; remove web 3");
  options.scale["web"] = 0;
  EXPECT_EQ(told(make_plan(project, {container(project, "web", 1)}, options)), "remove web 1");
  project.services.at("web").container_name = "one";
  options.scale["web"] = 2;
  EXPECT_FALSE(make_plan(project, {}, options));
}

TEST(Planner, WaitsForConditionsOnce) {
  Project project = make_project(
      "services:\n  a: {image: a, depends_on: {db: {condition: service_healthy}}}\n  b: {image: b, depends_on: {db: {condition: service_healthy}}}\n  db: "
      "{image: d}\n");
  EXPECT_EQ(told(make_plan(project, {}, all(project))),
            "create db 1; create a 1; create b 1; start db 1 <0; wait db service_healthy <3; start a 1 <4 <1; start b 1 <4 <2");
}

TEST(Planner, FollowsLendersAndRestartsDependents) {
  Project project = make_project(
      "services:\n  side: {image: s, network_mode: 'service:web', depends_on: {web: {condition: service_started}}}\n"
      "  other: {image: o, depends_on: {web: {condition: service_started, restart: true}}}\n  web: {image: w}\n");
  Observed web = container(project, "web", 1);
  web.hash = "old";
  EXPECT_EQ(told(make_plan(project, {container(project, "other", 1), container(project, "side", 1), web}, all(project))),
            "create web 1 for id-web1; create side 1 for id-side1 <0; start web 1 <0; restart other 1 <2; start side 1 <2 <1");
}

TEST(Planner, TellsOrRemovesOrphans) {
  Project project = make_project("services:\n  web: {image: w}\n");
  auto plan = make_plan(project, {container(project, "gone", 1), container(project, "web", 1)}, all(project));
  EXPECT_EQ(plan->orphans, std::vector<std::string>{"p-gone-1"});
  PlanOptions options = all(project);
  options.remove_orphans = true;
  EXPECT_EQ(told(make_plan(project, {container(project, "gone", 1), container(project, "web", 1)}, options)), "remove gone 1");
}

TEST(Runner, KeepsTheOrderAndStopsAtAnError) {
  std::mutex mutex;
  std::string order;
  std::vector<std::vector<size_t>> after = {{}, {0}, {0}, {1, 2}};
  auto run = [&](size_t i) -> Status {
    std::lock_guard lock(mutex);
    order += std::to_string(i);
    return i == 2 && order.size() > 10 ? fail(Code::kInternal, "x") : Status();
  };
  ASSERT_TRUE(run_graph(after, run));
  EXPECT_EQ(order.front(), '0');
  EXPECT_EQ(order.back(), '3');
  size_t calls = 0;
  auto failing = run_graph({{}, {0}, {1}}, [&](size_t i) -> Status {
    ++calls;
    return i == 1 ? fail(Code::kInternal, "no") : Status();
  });
  EXPECT_EQ(failing.error().message(), "no");
  EXPECT_EQ(calls, 2u);
}

}  // namespace
}  // namespace reigen::compose
