#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "api/corev1.h"
#include "api/errors.h"
#include "base/sim_executor.h"
#include "client/client.h"
#include "client/controller.h"
#include "client/event_recorder.h"
#include "client/fake_transport.h"
#include "client/informer.h"

namespace reigen::client {
namespace {

using api::corev1::Event;
using api::corev1::Pod;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Pod pod(std::string name, std::string node = "") {
  Pod made;
  made.metadata.namespace_ = "default";
  made.metadata.name = std::move(name);
  made.spec.node_name = std::move(node);
  return made;
}

TEST(Paths, FollowTheResource) {
  Request request;
  request.kind = &api::kind_of<Pod>();
  request.namespace_ = "default";
  request.name = "web";
  request.subresource = "status";
  EXPECT_EQ(path_of(request), "/api/v1/namespaces/default/pods/web/status");
  Request custom;
  custom.verb = Verb::kList;
  custom.group = "example.com", custom.version = "v1", custom.plural = "widgets";
  EXPECT_EQ(path_of(custom), "/apis/example.com/v1/widgets");
}

TEST(Client, CallsAreTyped) {
  FakeTransport api;
  Client client(api);
  ASSERT_TRUE(client.create(pod("web")));
  auto again = client.create(pod("web"));
  ASSERT_FALSE(again);
  EXPECT_TRUE(api::is_already_exists(again.error()));
  auto got = client.get<Pod>("default", "web");
  ASSERT_TRUE(got);
  Pod changed = **got;
  changed.spec.node_name = "a";
  ASSERT_TRUE(client.update(changed));
  EXPECT_EQ(client.update(changed).error().code(), Code::kConflict);
  EXPECT_EQ(client.list<Pod>("default")->items.at(0)->spec.node_name, "a");
  EXPECT_TRUE(client.bind("default", "web", "", "b"));
  EXPECT_EQ(api.calls().back().subresource, "binding");
  EXPECT_TRUE(client.remove<Pod>("default", "web"));
  EXPECT_TRUE(api::is_not_found(client.get<Pod>("default", "web").error()));
}

class InformerTest : public testing::Test {
 protected:
  InformerTest() {
    informer.add_index("node", [](const Pod& p) { return std::vector<std::string>{p.spec.node_name}; });
    informer.on_change(
        [this](const auto& previous, const auto& current) {
          if (!previous) seen.push_back("+" + current->metadata.name);
          if (!current) seen.push_back("-" + previous->metadata.name);
          if (previous && current) seen.push_back(previous->spec.node_name + ">" + current->spec.node_name);
        },
        [this] { seen.push_back("synced"); });
  }
  std::vector<std::string> take() { return std::exchange(seen, {}); }
  std::vector<std::string> on_node(std::string_view node) {
    std::vector<std::string> names;
    for (auto& p : informer.by_index("node", node)) names.push_back(p->metadata.name);
    return names;
  }

  SimExecutor executor;
  FakeTransport api;
  Informer<Pod> informer{api, executor};
  std::vector<std::string> seen;
};

TEST_F(InformerTest, ListsThenFollows) {
  api.put(api::Object::of(pod("a", "n1")));
  informer.start();
  executor.run_for(seconds(1));
  EXPECT_THAT(take(), ElementsAre("+a", "synced"));
  EXPECT_TRUE(informer.has_synced());
  api.put(api::Object::of(pod("b", "n1")));
  api.put(api::Object::of(pod("a", "n2")));
  executor.run_for(seconds(1));
  EXPECT_THAT(take(), ElementsAre("+b", "n1>n2"));
  EXPECT_THAT(on_node("n1"), ElementsAre("b"));
  EXPECT_THAT(on_node("n2"), ElementsAre("a"));
  api.remove("default/a");
  executor.run_for(seconds(1));
  EXPECT_THAT(take(), ElementsAre("-a"));
  EXPECT_THAT(on_node("n2"), IsEmpty());
  EXPECT_EQ(informer.get("default", "a"), nullptr);
  // The object is the server's own, not a copy.
  EXPECT_TRUE(informer.untyped().get("default/b").same(api.get("default/b")));
}

TEST_F(InformerTest, ResumesAfterALostConnection) {
  informer.start();
  executor.run_for(seconds(1));
  api.close_watches(Error(Code::kUnavailable, "connection lost"));
  api.put(api::Object::of(pod("a")));
  executor.run_for(seconds(5));
  EXPECT_THAT(take(), ElementsAre("synced", "+a"));
  EXPECT_EQ(api.lists, 1);
}

TEST_F(InformerTest, ListsAgainWhenThePastIsGone) {
  for (const char* name : {"a", "b", "c"}) api.put(api::Object::of(pod(name, "n1")));
  informer.start();
  executor.run_for(seconds(1));
  take();
  api.close_watches(std::nullopt);
  api.remove("default/a");
  api.put(api::Object::of(pod("b", "n2")));
  api.put(api::Object::of(pod("d")));
  api.remove("default/c");
  api.put(api::Object::of(pod("c")));  // another one of the same name
  api.compact();
  executor.run_for(seconds(5));
  EXPECT_THAT(take(), testing::UnorderedElementsAre("n1>n2", "-c", "+c", "+d", "-a"));
  EXPECT_EQ(api.lists, 2);
}

TEST_F(InformerTest, LateHandlersGetWhatIsThere) {
  api.put(api::Object::of(pod("a")));
  informer.start();
  executor.run_for(seconds(1));
  std::vector<std::string> late;
  informer.on_change([&](const auto&, const auto& current) { late.push_back(current->metadata.name); }, [&] { late.push_back("synced"); });
  executor.run_ready();
  EXPECT_THAT(late, ElementsAre("a", "synced"));
}

TEST(WorkQueue, WorksOnAKeyOnceAndNeverTwiceAtTheSameTime) {
  ThreadExecutor executor(4);
  std::atomic<int> inside = 0, runs = 0, worst = 0;
  WorkQueue queue(executor, {.name = "test", .workers = 4}, [&](const std::string&) {
    worst = std::max<int>(worst, ++inside);
    std::this_thread::sleep_for(milliseconds(1));
    --inside;
    ++runs;
  });
  for (int i = 0; i < 100; ++i) queue.add("same");
  queue.start();
  for (int i = 0; i < 20; ++i) {
    queue.add("same");
    std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
  while (!queue.idle()) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(worst, 1);
  EXPECT_LT(runs, 30);
  EXPECT_GE(runs, 2);
}

TEST(WorkQueue, BacksOffByKey) {
  SimExecutor executor;
  WorkQueue queue(executor, {.name = "test"}, [](const std::string&) {});
  EXPECT_EQ(queue.add_rate_limited("a"), milliseconds(5));
  EXPECT_EQ(queue.add_rate_limited("a"), milliseconds(10));
  EXPECT_EQ(queue.add_rate_limited("b"), milliseconds(5));
  for (int i = 0; i < 40; ++i) queue.add_rate_limited("a");
  EXPECT_EQ(queue.add_rate_limited("a"), seconds(1000));
  queue.forget("a");
  EXPECT_EQ(queue.add_rate_limited("a"), milliseconds(5));
}

TEST(WorkQueue, TheEarlierTimeStays) {
  SimExecutor executor;
  std::vector<std::string> worked;
  WorkQueue queue(executor, {.name = "test"}, [&](const std::string& key) { worked.push_back(key); });
  queue.start();
  queue.add_after("a", seconds(5));
  queue.add_after("a", seconds(50));
  queue.add_after("b", seconds(10));
  queue.add_after("b", seconds(2));
  executor.run_for(seconds(3));
  EXPECT_THAT(worked, ElementsAre("b"));
  executor.run_for(seconds(100));
  EXPECT_THAT(worked, ElementsAre("b", "a"));
}

// Binds pods without a node; counts how often it did.
struct Binder : Reconciler {
  Client& client;
  Informer<Pod>& pods;
  ControllerLoop* loop = nullptr;
  int writes = 0, failures_left = 0;
  Binder(Client& client, Informer<Pod>& pods) : client(client), pods(pods) {}

  Result<Next> reconcile(const std::string& key) override {
    if (failures_left > 0) {
      --failures_left;
      return fail(Code::kUnavailable, "not now");
    }
    auto found = pods.get(key);
    if (!found || !found->spec.node_name.empty()) return Next{};
    Pod changed = *found;
    changed.spec.node_name = "node";
    ++writes;
    TRY_ASSIGN(auto answer, client.update(std::move(changed)));
    loop->wrote(key, pods.untyped(), answer->metadata.resource_version);
    return Next{};
  }
};

class ControllerTest : public testing::Test {
 protected:
  void start() {
    binder.loop = &loop;
    pods.on_change([this](const auto& previous, const auto& current) { loop.enqueue(key_of(api::Object::of(current ? current : previous))); });
    loop.start({&pods.untyped()});
    pods.start();
    executor.run_for(milliseconds(100));
  }
  SimExecutor executor;
  FakeTransport api;
  Client client{api};
  Informer<Pod> pods{api, executor};
  Binder binder{client, pods};
  ControllerLoop loop{executor, {.name = "binder"}, binder};
};

TEST_F(ControllerTest, RetriesUntilDone) {
  binder.failures_left = 3;
  api.put(api::Object::of(pod("a")));
  start();
  executor.run_for(seconds(1));
  EXPECT_EQ(api.get("default/a").as<Pod>().spec.node_name, "node");
  EXPECT_EQ(loop.metrics().failures, 3u);
}

TEST_F(ControllerTest, WaitsForItsOwnWrites) {
  start();
  api.put(api::Object::of(pod("a")));
  api.hold_events(true);
  executor.run_for(seconds(1));
  ASSERT_EQ(binder.writes, 1);
  loop.enqueue("default/a");
  executor.run_for(seconds(1));
  EXPECT_EQ(binder.writes, 1);  // the informer still shows it unbound
  EXPECT_GT(loop.metrics().waits_for_own_write, 0u);
  api.hold_events(false);
  executor.run_for(seconds(1));
  EXPECT_EQ(binder.writes, 1);
  EXPECT_EQ(pods.get("default", "a")->spec.node_name, "node");
  EXPECT_TRUE(loop.idle());
}

class EventTest : public testing::Test {
 protected:
  EventTest() { about.kind = "Pod", about.namespace_ = "default", about.name = "web", about.uid = "u"; }
  void tell(std::string message) {
    recorder.event(about, "Warning", "Failed", std::move(message));
    executor.run_for(seconds(1));
  }
  std::vector<Request> calls() { return api.calls(); }
  SimExecutor executor;
  FakeTransport api;
  EventRecorder recorder{api, executor, {"kubelet", "node"}};
  api::corev1::ObjectReference about;
};

TEST_F(EventTest, RepeatsCount) {
  tell("it \"broke\"");
  tell("it \"broke\"");
  ASSERT_EQ(calls().size(), 2u);
  auto& first = calls()[0].body.as<Event>();
  EXPECT_EQ(first.count, 1);
  EXPECT_EQ(first.source.host, "node");
  EXPECT_THAT(first.metadata.name, HasSubstr("web."));
  EXPECT_EQ(calls()[1].verb, Verb::kPatch);
  EXPECT_EQ(calls()[1].name, first.metadata.name);
  EXPECT_THAT(calls()[1].patch, HasSubstr("\"count\":2"));
  EXPECT_THAT(calls()[1].patch, HasSubstr("it \\\"broke\\\""));
}

TEST_F(EventTest, SimilarOnesAreCombined) {
  for (int i = 0; i < 12; ++i) tell("try " + std::to_string(i));
  auto made = calls();
  EXPECT_EQ(made[8].body.as<Event>().message, "try 8");
  EXPECT_EQ(made[9].body.as<Event>().message, "(combined from similar events): try 9");
  EXPECT_EQ(made[10].verb, Verb::kPatch);
  EXPECT_THAT(made[10].patch, HasSubstr("(combined from similar events): try 10"));
}

TEST_F(EventTest, AFloodIsCut) {
  for (int i = 0; i < 60; ++i) recorder.event(about, "Normal", "Reason" + std::to_string(i), "x");
  executor.run_for(seconds(1));
  EXPECT_EQ(calls().size(), 25u);
  EXPECT_TRUE(recorder.idle());
}

TEST_F(EventTest, AnUnreachableServerIsTriedAgain) {
  int failures = 2;
  api.before = [&](const Request&) -> Status { return failures-- > 0 ? Status(fail(Code::kUnavailable, "down")) : Status(); };
  tell("x");
  executor.run_for(seconds(60));
  EXPECT_EQ(calls().size(), 3u);
  EXPECT_TRUE(recorder.idle());
}

}  // namespace
}  // namespace reigen::client
