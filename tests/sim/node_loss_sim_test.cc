// A node that falls silent, under the simulated clock: what becomes of it and of its pods.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "api/corev1.h"
#include "api/json.h"
#include "client/client.h"
#include "node/hollow_nodes.h"
#include "sim_network.h"
#include "sim_server.h"

namespace reigen::sim {
namespace {

using namespace api::corev1;
using std::chrono::seconds;

constexpr const char* kController = R"({"apiVersion":"v1","kind":"ReplicationController","metadata":{"name":"web","namespace":"default"},
  "spec":{"replicas":6,"selector":{"app":"web"},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})";

class NodeLoss : public testing::Test {
 protected:
  NodeLoss()
      : machine_(1),
        disk_(1),
        random_(1),
        steady_process_(machine_),
        lost_process_(machine_),
        user_(network_),
        steady_({.count = 2, .prefix = "steady-"}, network_, steady_process_),
        lost_({.count = 1, .prefix = "lost-"}, network_, lost_process_) {}
  void SetUp() override {
    auto server = SimServer::start(machine_, disk_, random_);
    ASSERT_TRUE(server) << server.error().message();
    server_ = std::move(*server);
    network_.connect(&server_->admin(), [] { return true; });
    steady_.start();
    lost_.start();
    auto controller = api::decode_json(kController);
    ASSERT_TRUE(controller && user_.write(client::Verb::kCreate, *controller, ""));
    ASSERT_TRUE(within(seconds(60), [&] { return running() == 6; }));
    ASSERT_GT(on("lost-0"), 0u);
  }
  void TearDown() override {
    lost_.stop();
    steady_.stop();
    network_.disconnect();
    server_.reset();
  }

  // Looks every second.
  bool within(Duration patience, const std::function<bool()>& done) {
    for (auto end = machine_.clock().now() + patience; machine_.clock().now() < end; machine_.run_for(seconds(1)))
      if (done()) return true;
    return done();
  }
  std::vector<std::shared_ptr<const Pod>> pods() {
    auto listed = user_.list<Pod>("default");
    return listed ? listed->items : std::vector<std::shared_ptr<const Pod>>();
  }
  // Of those nobody deletes and that are said to be ready.
  int running() {
    return static_cast<int>(std::ranges::count_if(pods(), [](const auto& pod) {
      return !pod->metadata.deletion_timestamp &&
             std::ranges::any_of(pod->status.conditions, [](const auto& c) { return c.type == "Ready" && c.status == "True"; });
    }));
  }
  size_t on(const std::string& node) {
    return static_cast<size_t>(std::ranges::count_if(pods(), [&](const auto& pod) { return pod->spec.node_name == node; }));
  }
  std::string ready(const std::string& name) {
    auto node = user_.get<Node>("", name);
    if (!node) return "gone";
    for (const auto& condition : (*node)->status.conditions)
      if (condition.type == "Ready") return condition.status;
    return "";
  }

  SimExecutor machine_;
  SimDisk disk_;
  SeededRandom random_;
  SimProcess steady_process_, lost_process_;
  SimNetwork network_;
  client::Client user_;
  node::HollowNodes steady_, lost_;
  std::unique_ptr<SimServer> server_;
};

TEST_F(NodeLoss, ItsPodsAreReplacedAfterTheirTolerationAndCollectedWithTheNode) {
  auto before = on("lost-0");
  lost_process_.kill();
  auto lost_at = machine_.clock().now();
  ASSERT_TRUE(within(seconds(70), [&] { return ready("lost-0") == "Unknown"; }));
  EXPECT_GE(machine_.clock().now() - lost_at, seconds(29));  // a lease is renewed every 10 s and waited for 40 s
  ASSERT_TRUE(within(seconds(10), [&] { return running() == 6 - static_cast<int>(before); })) << "its pods are no longer ready";
  std::set<std::string> taints;
  ASSERT_TRUE(within(seconds(10), [&] {
    auto node = user_.get<Node>("", "lost-0");
    for (const auto& taint : (*node)->spec.taints) taints.insert(taint.key + ":" + std::string(taint.effect));
    return taints.contains("node.kubernetes.io/unreachable:NoExecute") && taints.contains("node.kubernetes.io/unreachable:NoSchedule");
  }));
  auto tainted_at = machine_.clock().now();
  EXPECT_EQ("True", ready("steady-0"));

  machine_.run_for(seconds(280));
  EXPECT_TRUE(std::ranges::none_of(pods(), [](const auto& pod) { return pod->metadata.deletion_timestamp.has_value(); })) << "too early";
  ASSERT_TRUE(within(seconds(60), [&] { return running() == 6; }));
  EXPECT_GE(machine_.clock().now() - tainted_at, seconds(298));
  EXPECT_EQ(before, on("lost-0")) << "nobody has confirmed their end";
  for (const auto& pod : pods()) {
    bool evicted =
        std::ranges::any_of(pod->status.conditions, [](const auto& c) { return c.type == "DisruptionTarget" && c.reason == "DeletionByTaintManager"; });
    EXPECT_EQ(pod->spec.node_name == "lost-0", evicted) << api::encode_json(*pod);
  }

  ASSERT_TRUE(user_.remove<Node>("", "lost-0"));
  ASSERT_TRUE(within(seconds(120), [&] { return on("lost-0") == 0; }));
  EXPECT_EQ(6, running());
}

TEST_F(NodeLoss, APodOfANodeThatNeverWasIsCollected) {
  auto pod = api::decode_json(
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"stray","namespace":"default"},"spec":{"nodeName":"nowhere","containers":[{"name":"c","image":"i"}]}})");
  ASSERT_TRUE(pod && user_.write(client::Verb::kCreate, *pod, ""));
  machine_.run_for(seconds(35));
  EXPECT_TRUE(user_.get<Pod>("default", "stray")) << "a node may be late";
  EXPECT_TRUE(within(seconds(60), [&] { return !user_.get<Pod>("default", "stray"); }));
  EXPECT_EQ(6, running());
}

}  // namespace
}  // namespace reigen::sim
