#include "controllers/container/container_plan.h"

#include <gtest/gtest.h>

#include <functional>

#include "api/docker_names.h"
#include "api/json.h"
#include "api/metav1.h"
#include "controllers/container/pod_of_container.h"
#include "controllers/container/restore_order.h"

namespace reigen::controllers {
namespace {

using namespace api::dockerv1;
using api::corev1::Pod;

const WallTime kNow = WallTime(std::chrono::seconds(1'700'000'000));
const std::string kId(64, 'a');

struct Case {
  ContainerObserved observed;
  std::shared_ptr<Container> container = std::make_shared<Container>();

  explicit Case(const std::string& policy = "no", bool auto_remove = false) {
    container->metadata.name = kId;
    container->spec.docker_name = "web";
    container->status.state = "created";
    observed.container = container;
    observed.rules = {policy, 0, auto_remove};
  }
  Case& asks(bool wanted, int64_t number) {
    container->spec.run.wanted = wanted;
    container->spec.run.number = number;
    return *this;
  }
  Case& is(const std::string& state, int64_t run) {
    container->status.state = state;
    container->status.run_number = run;
    return *this;
  }
  Case& pod(int64_t run, const std::function<void(Pod&)>& change = {}) {
    auto made = std::make_shared<Pod>();
    made->metadata.name = "web-aaaaaaaaaaaa";
    made->metadata.annotations[api::kContainerAnnotation] = kId;
    made->metadata.annotations[api::kRunAnnotation] = std::to_string(run);
    made->metadata.creation_timestamp = api::Time(kNow);
    if (change) change(*made);
    observed.pods.push_back(*run_pod(made));
    return *this;
  }
  // A word a step.
  std::string plan() const {
    ContainerPlan plan = plan_container(observed, kNow);
    std::string out;
    auto say = [&](const std::string& word) { out += (out.empty() ? "" : " ") + word; };
    for (const PodRemoval& removal : plan.remove) {
      auto run = run_pod(removal.pod);
      say("remove" + std::to_string(run->run) + (removal.grace_seconds ? "/" + std::to_string(*removal.grace_seconds) : ""));
    }
    if (plan.create) say("create");
    if (plan.running) say("follow");
    if (plan.run) {
      say(std::string(plan.run->wanted ? "run" : "stay") + std::to_string(plan.run->number));
      if (plan.run->exit_on_next) say("exit-on-next");
      if (plan.run->stopped_by_user) say("by-user");
    }
    if (plan.remove_container) say("remove-container");
    if (plan.again_in > Duration::zero()) say("later");
    return out;
  }
};

void deleting(Pod& pod) {
  pod.metadata.deletion_timestamp = api::Time(kNow);
  pod.metadata.deletion_grace_period_seconds = 10;
}

TEST(ContainerPlan, ARunIsAPod) {
  EXPECT_EQ(Case().plan(), "") << "created, not started";
  EXPECT_EQ(Case().asks(true, 1).plan(), "create");
  EXPECT_EQ(Case().asks(true, 1).pod(1).plan(), "follow");
  EXPECT_EQ(Case().asks(true, 1).is("running", 1).pod(1).plan(), "follow");
  EXPECT_EQ(Case().asks(true, 1).is("restarting", 1).pod(1).plan(), "follow");
  EXPECT_EQ(Case().asks(true, 1).is("running", 1).plan(), "") << "its pod was removed by force: the node tells the end";
}

TEST(ContainerPlan, AnEndedRunHasNoPod) {
  EXPECT_EQ(Case().asks(true, 1).is("exited", 1).pod(1).plan(), "remove1/0");
  EXPECT_EQ(Case().asks(true, 1).is("created", 1).pod(1).plan(), "remove1/0") << "it could not start";
  EXPECT_EQ(Case().asks(true, 1).is("exited", 1).plan(), "");
  EXPECT_EQ(Case("always").asks(true, 1).is("exited", 1).plan(), "") << "the policy is the node's, in the same pod";
  EXPECT_EQ(Case().asks(true, 1).is("exited", 1).pod(1, deleting).plan(), "") << "the node is through with it soon";
  EXPECT_EQ(Case("no", true).asks(true, 1).is("exited", 1).pod(1).plan(), "remove-container");
  EXPECT_EQ(Case("no", true).plan(), "") << "docker create --rm";
}

TEST(ContainerPlan, AStopGivesTheTimeThatWasAsked) {
  Case stop = Case().asks(false, 1).is("running", 1);
  EXPECT_EQ(Case(stop).pod(1).plan(), "remove1");
  stop.container->spec.run.grace_seconds = 3;
  EXPECT_EQ(Case(stop).pod(1).plan(), "remove1/3");
  EXPECT_EQ(Case(stop).pod(1, deleting).plan(), "remove1/3") << "a shorter time than before";
  stop.container->spec.run.grace_seconds = 0;
  EXPECT_EQ(Case(stop).pod(1).plan(), "remove1/1") << "0 would take the object before the node is through";
  stop.container->spec.run.grace_seconds = 20;
  EXPECT_EQ(Case(stop).pod(1, deleting).plan(), "");
}

TEST(ContainerPlan, ARestartWaitsForTheOldRun) {
  Case restart = Case().asks(true, 2).is("running", 1);
  restart.container->spec.run.grace_seconds = 5;
  EXPECT_EQ(Case(restart).pod(1).plan(), "remove1/5");
  EXPECT_EQ(Case(restart).pod(1, [](Pod& pod) { deleting(pod), pod.metadata.deletion_grace_period_seconds = 5; }).plan(), "");
  EXPECT_EQ(Case(restart).is("exited", 1).pod(1).plan(), "remove1/0");
  EXPECT_EQ(Case(restart).is("exited", 1).plan(), "create");
  EXPECT_EQ(Case("no", true).asks(true, 2).is("exited", 1).plan(), "create") << "--rm waits for the end of the run that was asked for";
}

TEST(ContainerPlan, DeletingThePodIsKillingTheContainer) {
  EXPECT_EQ(Case("always").asks(true, 1).is("running", 1).pod(1, deleting).plan(), "run1 exit-on-next by-user");
  Case told = Case("always").asks(true, 1).is("running", 1).pod(1, deleting);
  told.container->spec.run.exit_on_next = told.container->spec.run.stopped_by_user = true;
  EXPECT_EQ(told.plan(), "");
  told.observed.pods.clear();
  EXPECT_EQ(told.is("exited", 1).plan(), "");
  EXPECT_EQ(told.is("created", 0).plan(), "stay1 exit-on-next by-user") << "gone before the node told of it: it is not made again";
}

TEST(ContainerPlan, ARefusedPodIsMadeAgain) {
  auto failed = [](Pod& pod) {
    pod.status.phase = "Failed";
    pod.metadata.creation_timestamp = api::Time(kNow - std::chrono::seconds(5));
  };
  EXPECT_EQ(Case().asks(true, 1).pod(1, failed).plan(), "remove1/0");
  EXPECT_EQ(Case().asks(true, 1).pod(1, [](Pod& pod) { pod.status.phase = "Failed"; }).plan(), "later");
  auto going = [&](Pod& pod) { failed(pod), deleting(pod); };
  EXPECT_EQ(Case().asks(true, 1).pod(1, going).plan(), "") << "our own removal of it kills nothing";
  EXPECT_EQ(Case().asks(true, 1).is("running", 1).pod(1, failed).plan(), "") << "the Container's status is the truth";
  Case often = Case().asks(true, 1).pod(1, failed);
  often.observed.refusals = 3;
  EXPECT_EQ(often.plan(), "later") << "8 s, not 1";
  often.observed.refusals = 40;
  EXPECT_EQ(often.plan(), "later");
}

TEST(ContainerPlan, ALostRunFollowsThePolicy) {
  auto lost = [](const std::string& policy) {
    Case made = Case(policy).asks(true, 3).is("exited", 3).pod(3);
    made.container->status.lost = true;
    made.container->status.exit_code = 255;
    return made;
  };
  EXPECT_EQ(lost("no").plan(), "remove3/0");
  EXPECT_EQ(lost("always").plan(), "remove3/0 run4");
  EXPECT_EQ(lost("unless-stopped").plan(), "remove3/0 run4");
  EXPECT_EQ(lost("on-failure").plan(), "remove3/0 run4");
  Case spent = lost("on-failure");
  spent.observed.rules.max_retries = 2;
  spent.container->status.restart_count = 2;
  EXPECT_EQ(spent.plan(), "remove3/0");
  Case stopped = lost("always");
  stopped.container->spec.run.wanted = false;
  EXPECT_EQ(stopped.plan(), "remove3/0") << "until the server starts anew";
}

TEST(ContainerPlan, NothingStaysOfAContainerThatIsGone) {
  Case gone = Case().asks(true, 1).pod(1).pod(1, deleting);
  gone.observed.container = nullptr;
  EXPECT_EQ(gone.plan(), "remove1");
}

TEST(RunPods, NeedBothAnnotations) {
  auto pod = std::make_shared<Pod>();
  EXPECT_FALSE(run_pod(pod));
  pod->metadata.annotations[api::kContainerAnnotation] = kId;
  pod->metadata.annotations[api::kRunAnnotation] = "4x";
  EXPECT_FALSE(run_pod(pod));
  pod->metadata.annotations[api::kRunAnnotation] = "4";
  EXPECT_EQ(run_pod(pod)->run, 4);
}

TEST(PodOfContainer, ShowsWhatRuns) {
  Container container;
  container.metadata.name = kId;
  container.metadata.uid = "u1";
  container.spec.node_name = "n";
  container.spec.docker_name = "Todo_App";
  container.spec.image_name = "busybox:1";
  container.spec.path = "/bin/sh";
  container.spec.args = {"-c", "true"};
  container.spec.run.number = 7;
  container.spec.config.raw = R"({"Tty":true,"OpenStdin":true,"WorkingDir":"/w","StopTimeout":-1,"Env":["PASSWORD=x"],)"
                              R"("ExposedPorts":{"80/tcp":{},"53/udp":{},"0/tcp":{},"x":{}}})";
  container.spec.host_config.raw = R"({"RestartPolicy":{"Name":"unless-stopped"},"PidMode":"host","NetworkMode":"bridge","Memory":5})";
  EndpointsRecord record;
  record.endpoints.emplace_back().network = "bridge";
  auto pod = pod_of_container(container, record);
  ASSERT_TRUE(pod) << pod.error().message();
  EXPECT_EQ(pod->metadata.name, "todo-app-aaaaaaaaaaaa");
  EXPECT_EQ(*pod->metadata.annotations.get(api::kRunAnnotation), "7");
  EXPECT_EQ(*pod->metadata.annotations.get(api::kEndpointsAnnotation), R"({"endpoints":[{"network":"bridge"}]})");
  EXPECT_EQ(pod->metadata.owner_references.at(0).uid, "u1");
  EXPECT_EQ(pod->spec.restart_policy, "Always");
  EXPECT_EQ(pod->spec.termination_grace_period_seconds, int64_t{1} << 31);
  EXPECT_TRUE(pod->spec.host_pid);
  EXPECT_FALSE(pod->spec.host_network);
  const auto& program = pod->spec.containers.at(0);
  EXPECT_EQ(program.name, "todo-app");
  EXPECT_EQ(program.command, std::vector<std::string>{"/bin/sh"});
  EXPECT_TRUE(program.env.empty()) << "secrets show once";
  ASSERT_EQ(program.ports.size(), 2U);
  EXPECT_EQ(program.ports[0].container_port, 53);
  EXPECT_EQ(program.ports[0].protocol, "UDP");
  container.spec.host_config.raw = "5";
  EXPECT_FALSE(pod_of_container(container, record));
}

std::shared_ptr<Container> restorable(char digit, const std::string& host, bool exited = true) {
  auto made = std::make_shared<Container>();
  made->metadata.name = std::string(64, digit);
  made->spec.host_config.raw = host;
  made->spec.run.number = made->status.run_number = exited ? 1 : 0;
  made->status.state = exited ? "exited" : "created";
  if (exited) made->status.started_at = "2024-01-01T00:00:00Z";
  return made;
}

TEST(Restore, StartsWhatThePoliciesSay) {
  const std::string always = R"({"RestartPolicy":{"Name":"always"}})", unless = R"({"RestartPolicy":{"Name":"unless-stopped"}})";
  auto stopped = restorable('2', unless);
  stopped->spec.run.stopped_by_user = true;
  auto running = restorable('3', always);
  running->status.state = "running";
  auto begun = restorable('4', always);
  begun->spec.run.wanted = true;
  begun->spec.run.number = 2;
  auto plan = plan_restore(
      {restorable('1', always), stopped, running, begun, restorable('5', always, false), restorable('6', R"({"AutoRemove":true})"), restorable('7', "{}")});
  ASSERT_EQ(plan.start.size(), 1U);
  EXPECT_TRUE(plan.start.contains(std::string(64, '1')));
  EXPECT_EQ(plan.remove, std::vector<std::string>{std::string(64, '6')});
}

TEST(Restore, WhatIsNeededStartsFirst) {
  auto linked = restorable('1', R"({"RestartPolicy":{"Name":"always"}})");
  linked->spec.networks.emplace_back().links.push_back(std::string(64, '2').append(":db"));
  auto joined = restorable('2', R"({"RestartPolicy":{"Name":"always"},"NetworkMode":"container:)" + std::string(64, '3') + "\"}");
  auto plan = plan_restore({linked, joined, restorable('3', R"({"RestartPolicy":{"Name":"always"}})")});
  auto waiting = plan.start;
  std::string order;
  while (!waiting.empty()) {
    auto next = next_starts(waiting, {}, 8);
    ASSERT_EQ(next.size(), 1U);
    order += next[0][0];
    waiting.erase(next[0]);
  }
  EXPECT_EQ(order, "321");
}

TEST(Restore, SoManyAtOnceAndNoCircle) {
  std::map<std::string, std::set<std::string>> waiting = {{"a", {}}, {"b", {}}, {"c", {}}};
  EXPECT_EQ(next_starts(waiting, {"x"}, 3).size(), 2U);
  EXPECT_TRUE(next_starts(waiting, {"x", "y", "z"}, 3).empty());
  waiting = {{"a", {"b"}}, {"b", {"a"}}};
  EXPECT_EQ(next_starts(waiting, {}, 3).size(), 1U);
  EXPECT_TRUE(next_starts(waiting, {"x"}, 3).empty());
}

}  // namespace
}  // namespace reigen::controllers
