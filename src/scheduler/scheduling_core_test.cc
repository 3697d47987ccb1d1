#include "scheduler/scheduling_core.h"

#include <gtest/gtest.h>

#include <set>

#include "scheduler/builders.h"

namespace reigen::scheduler {
namespace {

using std::chrono::seconds;
using testing::make_node;
using testing::make_pod;

constexpr std::string_view kZone = "topology.kubernetes.io/zone", kHost = "kubernetes.io/hostname";

struct Cluster {
  SchedulingCore core{"default-scheduler", {seconds(1), seconds(10), std::chrono::minutes(5)}};
  TimePoint now = TimePoint(seconds(100));

  explicit Cluster(const std::vector<make_node>& nodes = {}) {
    for (const auto& node : nodes) core.node_changed(nullptr, node.build());
  }
  Cluster& pods(const std::vector<make_pod>& placed) {
    for (const auto& pod : placed) core.pod_changed(nullptr, pod.build(), now);
    return *this;
  }
  Decision decide(const make_pod& pod) {
    core.pod_changed(nullptr, pod.build(), now);
    core.advance(now);
    auto decision = core.next(now);
    EXPECT_TRUE(decision.has_value()) << pod.pod.metadata.name;
    return decision ? *decision : Decision{};
  }
};

TEST(SchedulingCore, SaysWhyNoNodeFits) {
  struct Case {
    std::vector<make_node> nodes;
    std::vector<make_pod> placed;
    make_pod pod;
    std::string message;
  };
  const std::string none = " preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
  const std::string no_victims = " preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";
  const std::vector<Case> cases = {
      {{}, {}, make_pod("p"), "no nodes available to schedule pods"},
      {{make_node("a", "1")}, {}, make_pod("p").cpu("2"), "0/1 nodes are available: 1 Insufficient cpu." + no_victims},
      {{make_node("a", "1", "1Gi")},
       {},
       make_pod("p").cpu("2").memory("2Gi"),
       "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory." + no_victims},
      {{make_node("a", "1", "1Gi", 1)}, {make_pod("x").on("a")}, make_pod("p"), "0/1 nodes are available: 1 Too many pods." + no_victims},
      {{make_node("a")}, {}, make_pod("p").request("example.com/gpu", "1"), "0/1 nodes are available: 1 Insufficient example.com/gpu." + no_victims},
      {{make_node("a")},
       {make_pod("x").on("a").host_port(80)},
       make_pod("p").host_port(80),
       "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports." + no_victims},
      {{make_node("a").cordoned()}, {}, make_pod("p"), "0/1 nodes are available: 1 node(s) were unschedulable." + none},
      {{make_node("a").taint("k", "v", "NoSchedule")}, {}, make_pod("p"), "0/1 nodes are available: 1 node(s) had untolerated taint {k: v}." + none},
      {{make_node("a")}, {}, make_pod("p").selector("disk", "ssd"), "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector." + none},
      {{make_node("a")},
       {make_pod("x").on("a").label("app", "web")},
       make_pod("p").away_from("app", "web", std::string(kHost)),
       "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules." + no_victims},
      {{make_node("a")},
       {make_pod("x").on("a").away_from("app", "web", std::string(kHost))},
       make_pod("p").label("app", "web"),
       "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules." + no_victims},
      {{make_node("a")}, {}, make_pod("p").near("app", "db", std::string(kHost)), "0/1 nodes are available: 1 node(s) didn't match pod affinity rules." + none},
      {{make_node("a")},
       {},
       make_pod("p").label("app", "web").spread("app", "web", std::string(kZone), 1),
       "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label)." + none},
      {{make_node("a", "1"), make_node("b").taint("k", "v", "NoExecute"), make_node("c").taint("k", "v", "NoExecute")},
       {},
       make_pod("p").cpu("2"),
       "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {k: v}. preemption: 0/3 nodes are available: 1 No "
       "preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling."},
  };
  for (const auto& entry : cases) {
    Cluster cluster(entry.nodes);
    cluster.pods(entry.placed);
    auto decision = cluster.decide(entry.pod);
    EXPECT_EQ(decision.node, "");
    EXPECT_EQ(decision.message, entry.message);
  }
}

TEST(SchedulingCore, ChoosesTheNode) {
  struct Case {
    std::string why;
    std::vector<make_node> nodes;
    std::vector<make_pod> placed;
    make_pod pod;
    std::string node;
  };
  const std::string zone(kZone), host(kHost);
  const std::vector<Case> cases = {
      {"the emptier one", {make_node("a"), make_node("b")}, {make_pod("x").on("a").cpu("1").memory("4Gi")}, make_pod("p").cpu("1"), "b"},
      {"the only one that is tolerated",
       {make_node("a").taint("k", "v", "NoSchedule"), make_node("b", "1", "1Gi").taint("q", "", "NoSchedule")},
       {},
       make_pod("p").tolerate("q"),
       "b"},
      {"the one without a soft taint", {make_node("a").taint("k", "", "PreferNoSchedule"), make_node("b", "1", "1Gi")}, {}, make_pod("p"), "b"},
      {"the selected one", {make_node("a"), make_node("b").label("disk", "ssd")}, {}, make_pod("p").selector("disk", "ssd"), "b"},
      {"near its friend",
       {make_node("a").zone("1"), make_node("b").zone("2")},
       {make_pod("x").on("b").label("app", "db")},
       make_pod("p").near("app", "db", zone),
       "b"},
      {"first of its kind", {make_node("a").zone("1")}, {}, make_pod("p").label("app", "db").near("app", "db", zone), "a"},
      {"away from its foe",
       {make_node("a"), make_node("b", "1", "1Gi")},
       {make_pod("x").on("a").label("app", "db")},
       make_pod("p").away_from("app", "db", host),
       "b"},
      {"the emptier zone",
       {make_node("a").zone("1"), make_node("b", "2", "2Gi").zone("2")},
       {make_pod("x").on("a").label("app", "w")},
       make_pod("p").label("app", "w").spread("app", "w", zone, 1),
       "b"},
      {"a free port", {make_node("a"), make_node("b", "1", "1Gi")}, {make_pod("x").on("a").host_port(80)}, make_pod("p").host_port(80), "b"},
  };
  for (const auto& entry : cases) {
    Cluster cluster(entry.nodes);
    cluster.pods(entry.placed);
    auto decision = cluster.decide(entry.pod);
    EXPECT_EQ(decision.node, entry.node) << entry.why << ": " << decision.message;
  }
}

TEST(SchedulingCore, SpreadsThePodsOfAController) {
  std::vector<make_node> nodes;
  for (int i = 0; i < 12; ++i) nodes.push_back(make_node("n" + std::to_string(i), "4", "16Gi").zone(std::to_string(i % 3)));
  Cluster cluster(nodes);
  cluster.core.owners().put_owner("rc", api::LabelSelector::from_map({{"app", "web"}}));
  std::map<std::string, int> per_node;
  for (int i = 0; i < 36; ++i) ++per_node[cluster.decide(make_pod("p" + std::to_string(i)).label("app", "web").owned_by("rc").cpu("10m")).node];
  EXPECT_EQ(per_node.size(), 12U);
  for (const auto& [node, count] : per_node) EXPECT_EQ(count, 3) << node;
}

TEST(SchedulingCore, FillsEveryNodeToTheBrim) {
  std::vector<make_node> nodes;
  for (int i = 0; i < 10; ++i) nodes.push_back(make_node("n" + std::to_string(i), "1", "16Gi"));
  Cluster cluster(nodes);
  for (int i = 0; i < 40; ++i) EXPECT_NE(cluster.decide(make_pod("p" + std::to_string(i)).cpu("250m")).node, "");
  EXPECT_EQ(cluster.decide(make_pod("more").cpu("250m")).node, "");
}

TEST(SchedulingCore, PreemptsTheLeastImportant) {
  Cluster cluster({make_node("a", "2"), make_node("b", "2")});
  cluster.pods({make_pod("low").on("a").cpu("2").priority(1), make_pod("lower").on("b").cpu("2").priority(0)});
  auto decision = cluster.decide(make_pod("p").cpu("1").priority(10));
  EXPECT_EQ(decision.node, "");
  EXPECT_EQ(decision.message, "0/2 nodes are available: 2 Insufficient cpu.");
  EXPECT_EQ(decision.nominated, "b");
  ASSERT_EQ(decision.victims.size(), 1U);
  EXPECT_EQ(decision.victims[0]->metadata.name, "lower");
  // Its place is held while the victim leaves; then it gets it.
  cluster.core.pod_changed(make_pod("lower").on("b").cpu("2").build(), nullptr, cluster.now);
  cluster.now += seconds(2);
  EXPECT_EQ(cluster.decide(make_pod("thief").cpu("2")).node, "b") << "the nominated pod is decided first";
}

TEST(SchedulingCore, PreemptionPolicyNeverPreempts) {
  Cluster cluster({make_node("a", "2")});
  cluster.pods({make_pod("low").on("a").cpu("2").priority(1)});
  auto pod = make_pod("p").cpu("1").priority(10);
  pod.pod.spec.preemption_policy = "Never";
  EXPECT_EQ(cluster.decide(pod).message, "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.");
}

TEST(SchedulingCore, WaitsForWhatHelps) {
  Cluster cluster({make_node("a", "2")});
  cluster.pods({make_pod("x").on("a").cpu("2")});
  EXPECT_EQ(cluster.decide(make_pod("p").cpu("1")).node, "");
  cluster.now += seconds(5);
  cluster.core.advance(cluster.now);
  EXPECT_FALSE(cluster.core.next(cluster.now)) << "nothing changed";
  cluster.core.pod_changed(make_pod("x").on("a").cpu("2").build(), nullptr, cluster.now);
  cluster.core.advance(cluster.now);
  auto decision = cluster.core.next(cluster.now);
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->node, "a");
}

TEST(SchedulingCore, GivesBackWhatAFailedBindingTook) {
  Cluster cluster({make_node("a", "1")});
  auto first = cluster.decide(make_pod("p").cpu("1"));
  EXPECT_EQ(first.node, "a");
  EXPECT_EQ(cluster.decide(make_pod("q").cpu("1")).node, "");
  cluster.core.binding_failed(first.pod, false, cluster.now);
  cluster.now += seconds(2);
  cluster.core.advance(cluster.now);
  auto second = cluster.core.next(cluster.now);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->node, "a");
}

TEST(SchedulingCore, LeavesOthersAlone) {
  Cluster cluster({make_node("a")});
  auto other = make_pod("other");
  other.pod.spec.scheduler_name = "mine";
  cluster.pods({other, make_pod("gated").gate("g")});
  EXPECT_FALSE(cluster.core.next(cluster.now));
  EXPECT_EQ(cluster.core.queue_sizes().gated, 1U);
  cluster.core.pod_changed(make_pod("gated").gate("g").build(), make_pod("gated").build(), cluster.now);
  EXPECT_TRUE(cluster.core.next(cluster.now));
}

TEST(SchedulingCore, DecidesByPriorityThenArrival) {
  Cluster cluster({make_node("a")});
  cluster.pods({make_pod("first"), make_pod("second"), make_pod("high").priority(5)});
  std::vector<std::string> order;
  while (auto decision = cluster.core.next(cluster.now)) order.push_back(decision->pod->metadata.name);
  EXPECT_EQ(order, (std::vector<std::string>{"high", "first", "second"}));
}

}  // namespace
}  // namespace reigen::scheduler
