#include "network/pod_network.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "linux/network_namespace.h"
#include "network/clean.h"
#include "network/names.h"
#include "network/test_host.h"

namespace reigen::network {
namespace {

constexpr const char* kInstance = "net-test";

class PodNetworkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::string reason = enter_test_host(); !reason.empty()) GTEST_SKIP() << reason;
    open();
  }
  void TearDown() override {
    network_.reset();
    if (!test_folder().empty()) {
      auto removed = remove_network(kInstance, test_folder() + "/pods");
      EXPECT_TRUE(removed) << removed.error().message();
    }
  }
  void open() {
    PodNetworkOptions options;
    options.instance = kInstance;
    options.run_directory = test_folder() + "/run";
    options.cluster_cidrs = {*IpNetwork::parse("10.142.0.0/16")};
    options.pod_cidrs = {*IpNetwork::parse("10.142.0.0/24")};
    auto network = PodNetwork::open(options);
    ASSERT_TRUE(network) << network.error().message();
    network_ = std::move(*network);
  }
  std::string pod(const std::string& name, const std::vector<HostPort>& ports = {}) {
    std::string path = test_folder() + "/pods/" + name;
    EXPECT_TRUE(make_directories(test_folder() + "/pods"));
    EXPECT_TRUE(linux::create_network_namespace(path));
    auto attachment = network_->attach(name, path, ports);
    EXPECT_TRUE(attachment) << attachment.error().message();
    if (attachment) addresses_[name] = attachment->addresses.at(0).str();
    return path;
  }

  std::unique_ptr<PodNetwork> network_;
  std::map<std::string, std::string> addresses_;
};

TEST_F(PodNetworkTest, PodsReachEachOtherTheHostAndTheWorld) {
  std::string a = pod("a"), b = pod("b");
  TestServer at_b(b, "b", 80), at_host("", "host", 22080), outside(neighbour_path(), "outside", 22081);
  EXPECT_EQ(ask(a, addresses_["b"], 80), "b " + addresses_["a"]);
  EXPECT_EQ(ask("", addresses_["b"], 80).substr(0, 2), "b ");
  EXPECT_EQ(ask(a, "192.168.77.1", 22080), "host " + addresses_["a"]);
  EXPECT_EQ(ask(a, "192.168.77.2", 22081), "outside 192.168.77.1") << "what leaves the cluster is masqueraded";
}

TEST_F(PodNetworkTest, HostPortsAnswerOnEveryAddressAndOnLoopback) {
  std::string a = pod("a", {{"TCP", IpAddress(), 22090, 80}, {"UDP", IpAddress(), 22091, 80}, {"TCP", *IpAddress::parse("127.0.0.1"), 22092, 80}});
  TestServer tcp(a, "a", 80), udp(a, "a", 80, true);
  EXPECT_EQ(ask(neighbour_path(), "192.168.77.1", 22090), "a 192.168.77.2") << "the sender's address is kept";
  EXPECT_EQ(ask("", "127.0.0.1", 22090).substr(0, 2), "a ");
  EXPECT_EQ(ask("", "127.0.0.1", 22091, true).substr(0, 2), "a ");
  EXPECT_EQ(ask("", "127.0.0.1", 22092).substr(0, 2), "a ");
  EXPECT_EQ(ask(a, "192.168.77.1", 22090).substr(0, 2), "a ") << "hairpin";
  EXPECT_EQ(ask(neighbour_path(), "192.168.77.1", 22092).substr(0, 4), "exit");
}

TEST_F(PodNetworkTest, ForeignPacketsToTheLoopbackAreDropped) {
  std::string a = pod("a");
  TestServer secret("", "secret", 22095, false, "127.0.0.1");
  run_in(a,
         "ip route del local 127.0.0.0/8 dev lo table local; ip route del local 127.0.0.1 dev lo table local; ip addr del 127.0.0.1/8 dev lo; "
         "sysctl -qw net.ipv4.conf.all.route_localnet=1; ip route add 127.0.0.1/32 via 169.254.1.1 dev eth0 onlink");
  EXPECT_EQ(ask("", "127.0.0.1", 22095), "secret 127.0.0.1");
  EXPECT_EQ(ask(a, "127.0.0.1", 22095).substr(0, 4), "exit");
}

TEST_F(PodNetworkTest, ATakenHostPortIsRefusedAndAFreedOneIsNot) {
  pod("a", {{"TCP", IpAddress(), 22090, 80}});
  std::string path = test_folder() + "/pods/b";
  ASSERT_TRUE(linux::create_network_namespace(path));
  auto refused = network_->attach("b", path, {{"TCP", *IpAddress::parse("192.168.77.1"), 22090, 80}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kAlreadyExists);
  EXPECT_TRUE(network_->detach("a"));
  EXPECT_TRUE(network_->attach("b", path, {{"TCP", IpAddress(), 22090, 80}}));
}

TEST_F(PodNetworkTest, ARestartAdoptsLinksAndPorts) {
  std::string a = pod("a", {{"TCP", IpAddress(), 22090, 80}});
  std::string before = addresses_["a"];
  TestServer server(a, "a", 80);
  network_.reset();
  EXPECT_EQ(ask(neighbour_path(), "192.168.77.1", 22090), "a 192.168.77.2") << "without a server";
  open();
  ASSERT_TRUE(network_->find("a"));
  EXPECT_EQ(network_->find("a")->addresses.at(0).str(), before);
  EXPECT_EQ(ask(neighbour_path(), "192.168.77.1", 22090), "a 192.168.77.2");
  pod("b");
  EXPECT_NE(addresses_["b"], before);
  EXPECT_TRUE(network_->collect({"b"}));
  EXPECT_FALSE(network_->find("a"));
  EXPECT_EQ(ask(neighbour_path(), "192.168.77.1", 22090).substr(0, 4), "exit");
}

TEST_F(PodNetworkTest, AFirewallThatDropsIsMendedAndNamed) {
  std::string a = pod("a"), b = pod("b");
  TestServer at_b(b, "b", 80), at_host("", "host", 22080);
  run_in("",
         "nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }; "
         "add chain ip filter INPUT { type filter hook input priority 0; policy drop; }'");
  EXPECT_EQ(ask(a, addresses_["b"], 80).substr(0, 4), "exit");
  auto findings = network_->check();
  EXPECT_EQ(findings.size(), 2u);
  network_->check();
  EXPECT_EQ(ask(a, addresses_["b"], 80), "b " + addresses_["a"]);
  EXPECT_EQ(ask(a, "192.168.77.1", 22080), "host " + addresses_["a"]);
  EXPECT_EQ(run_in("", "iptables-nft -S FORWARD | grep -c rg"), "2\n") << "iptables still reads its table";
  EXPECT_TRUE(remove_network(kInstance, ""));
  EXPECT_EQ(run_in("", "nft list table ip filter | grep -c rg; true"), "0\n");
  run_in("", "nft delete table ip filter");
}

TEST_F(PodNetworkTest, CleaningLeavesNothing) {
  std::string before = run_in("", "nft list ruleset | grep -v reigen-net-test; ip -o link | cut -d: -f2");
  pod("a", {{"TCP", IpAddress(), 22090, 80}});
  network_.reset();
  ASSERT_TRUE(remove_network(kInstance, test_folder() + "/pods"));
  EXPECT_EQ(run_in("", "nft list ruleset; ip -o link | grep rg; ls " + test_folder() + "/pods"), "");
}

}  // namespace
}  // namespace reigen::network
