#include "network/container_network.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "linux/network_namespace.h"
#include "network/clean.h"
#include "network/port_table.h"
#include "network/test_host.h"

namespace reigen::network {
namespace {

constexpr const char* kInstance = "net-bridge";
constexpr const char* kOutside = "192.168.77.2";
constexpr const char* kHost = "192.168.77.1";

IpAddress ip(const std::string& text) { return *IpAddress::parse(text); }
std::string id_of(const std::string& name) { return name + std::string(64 - name.size(), '0'); }

// 10.150.<number>.0/24
BridgeSpec bridge(int number) {
  BridgeSpec spec;
  spec.id = id_of("b" + std::to_string(number) + "aaaaa");
  spec.name = "net" + std::to_string(number);
  std::string head = "10.150." + std::to_string(number);
  spec.pools = {{*IpNetwork::parse(head + ".0/24"), ip(head + ".1")}};
  return spec;
}

Endpoint endpoint(const BridgeSpec& spec, int host) {
  Endpoint made;
  made.id = id_of("e" + std::to_string(host) + spec.id.substr(0, 6));
  made.network = spec.id;
  for (const auto& pool : spec.pools) made.addresses.push_back(pool.subnet.address.plus(static_cast<uint64_t>(host)));
  return made;
}

Publication publish(const std::string& protocol, uint16_t host_port, uint16_t port, const std::string& host = "0.0.0.0") {
  return {protocol, ip(host), true, host_port, host_port, port};
}

// With bridge-nf-call-iptables as the parameter says.
class ContainerNetworkTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (std::string reason = enter_test_host(); !reason.empty()) GTEST_SKIP() << reason;
    std::string value = std::to_string(GetParam());
    std::string set = run_in("", "sysctl -qw net.bridge.bridge-nf-call-iptables=" + value + " net.bridge.bridge-nf-call-ip6tables=" + value);
    if (GetParam() == 1 && !set.empty()) GTEST_SKIP() << "no br_netfilter";
    open();
  }
  void TearDown() override {
    network_.reset();
    if (test_folder().empty()) return;
    EXPECT_TRUE(remove_network(kInstance, test_folder() + "/boxes"));
    EXPECT_TRUE(remove_tree(test_folder() + "/bridge-run"));
    EXPECT_EQ(run_in("", "nft list ruleset | grep net-bridge; ip -o link | grep -E 'rc|rn|own0'; true"), "");
  }
  void open() {
    network_.reset();
    PodNetworkOptions options;
    options.instance = kInstance;
    options.run_directory = test_folder() + "/bridge-run";
    auto table = PortTable::open(options.run_directory);
    ASSERT_TRUE(table);
    table_ = *table;
    options.ports = table_;
    auto network = ContainerNetwork::open(options);
    ASSERT_TRUE(network) << network.error().message();
    network_ = std::move(*network);
  }
  std::string box(const std::string& name) {
    std::string path = test_folder() + "/boxes/" + name;
    EXPECT_TRUE(make_directories(test_folder() + "/boxes"));
    EXPECT_TRUE(linux::create_network_namespace(path));
    return path;
  }
  // A container on one network.
  std::string run(const std::string& name, const BridgeSpec& spec, int host, const std::vector<Publication>& ports = {}) {
    std::string path = box(name);
    auto attachment = network_->attach(name, path, name, {{spec, endpoint(spec, host)}}, ports);
    EXPECT_TRUE(attachment) << attachment.error().message();
    if (attachment) last_ = *attachment;
    return path;
  }

  std::shared_ptr<PortTable> table_;
  std::unique_ptr<ContainerNetwork> network_;
  ContainerAttachment last_;
};

INSTANTIATE_TEST_SUITE_P(BridgeNetfilter, ContainerNetworkTest, ::testing::Values(0, 1));

bool refused(const std::string& answer) { return answer.starts_with("exit"); }

TEST_P(ContainerNetworkTest, ANetworkSeesItselfTheHostAndTheWorldButNoOther) {
  std::string a = run("a", bridge(1), 2), b = run("b", bridge(1), 3), other = run("other", bridge(2), 2);
  TestServer at_b(b, "b", 80), at_other(other, "other", 80), outside(neighbour_path(), "outside", 22081), at_host("", "host", 22080);
  EXPECT_EQ(ask(a, "10.150.1.3", 80), "b 10.150.1.2");
  EXPECT_EQ(ask("", "10.150.1.3", 80), "b 10.150.1.1");
  EXPECT_EQ(ask(a, kHost, 22080), "host 10.150.1.2");
  EXPECT_EQ(ask(a, kOutside, 22081), std::string("outside ") + kHost) << "masqueraded";
  EXPECT_TRUE(refused(ask(a, "10.150.2.2", 80)));
  EXPECT_TRUE(refused(ask(neighbour_path(), "10.150.1.3", 80))) << "nobody outside reaches a port that is not published";
  EXPECT_NE(run_in(a, "ip -o link show eth0").find("02:42:0a:96:01:02"), std::string::npos);
  EXPECT_EQ(last_.legs.at(0).gateways.at(0).str(), "10.150.2.1");
}

TEST_P(ContainerNetworkTest, PublishedPortsAnswerFromEverywhere) {
  std::string a = run("a", bridge(1), 2, {publish("TCP", 22090, 80), publish("UDP", 22091, 80), publish("TCP", 22092, 80, "127.0.0.1")});
  std::vector<Published> wanted = {{"TCP", ip("0.0.0.0"), 22090, 80},
                                   {"TCP", ip("::"), 22090, 80},
                                   {"UDP", ip("0.0.0.0"), 22091, 80},
                                   {"UDP", ip("::"), 22091, 80},
                                   {"TCP", ip("127.0.0.1"), 22092, 80}};
  EXPECT_EQ(last_.ports, wanted);
  std::string b = run("b", bridge(1), 3), other = run("other", bridge(2), 2);
  TestServer tcp(a, "a", 80), udp(a, "a", 80, true);
  EXPECT_EQ(ask(neighbour_path(), kHost, 22090), std::string("a ") + kOutside) << "the sender's address is kept";
  EXPECT_EQ(ask(neighbour_path(), kHost, 22091, true), std::string("a ") + kOutside);
  EXPECT_EQ(ask("", "127.0.0.1", 22090), "a 10.150.1.1");
  EXPECT_EQ(ask("", kHost, 22090).substr(0, 2), "a ");
  EXPECT_EQ(ask("", "127.0.0.1", 22091, true), "a 10.150.1.1");
  EXPECT_EQ(ask("", "127.0.0.1", 22092), "a 10.150.1.1");
  EXPECT_TRUE(refused(ask(neighbour_path(), kHost, 22092)));
  EXPECT_EQ(ask(a, kHost, 22090).substr(0, 2), "a ") << "itself";
  EXPECT_EQ(ask(b, kHost, 22090).substr(0, 2), "a ") << "a neighbour on the same network";
  EXPECT_EQ(ask(b, kHost, 22091, true).substr(0, 2), "a ");
  EXPECT_EQ(ask(other, kHost, 22090).substr(0, 2), "a ") << "another network";
  EXPECT_EQ(ask(b, "10.150.1.1", 22090).substr(0, 2), "a ") << "by the gateway's address";
}

TEST_P(ContainerNetworkTest, TakenPortsAreRefusedInDockersWords) {
  run("a", bridge(1), 2, {publish("TCP", 22090, 80)});
  std::string path = box("b");
  auto attach = [&](const Publication& port) { return network_->attach("b", path, "webb", {{bridge(1), endpoint(bridge(1), 3)}}, {port}); };
  std::string prefix = "driver failed programming external connectivity on endpoint webb (" + endpoint(bridge(1), 3).id + "): ";
  auto taken = attach(publish("TCP", 22090, 80));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code(), Code::kAlreadyExists);
  EXPECT_EQ(taken.error().message(), prefix + "Bind for 0.0.0.0:22090 failed: port is already allocated");
  EXPECT_FALSE(network_->find("b"));
  TestServer foreign("", "foreign", 22093);
  auto in_use = attach(publish("TCP", 22093, 80));
  ASSERT_FALSE(in_use);
  EXPECT_EQ(in_use.error().message(), prefix + "listen tcp4 0.0.0.0:22093: bind: address already in use");
  EXPECT_EQ(table_->all(true).size(), 2u) << "what a holds";
  ASSERT_TRUE(table_->claim("pod", std::vector<PortMapping>{{"pod", {"TCP", ip("0.0.0.0"), 22094, 80}, ip("10.142.0.2")}}));
  EXPECT_FALSE(attach(publish("TCP", 22094, 80, kHost))) << "a pod has it";
  ASSERT_TRUE(network_->release("a"));
  EXPECT_TRUE(network_->find("a")->ports.empty());
  auto freed = attach(publish("TCP", 22090, 80));
  EXPECT_TRUE(freed) << freed.error().message();
}

TEST_P(ContainerNetworkTest, PortsAreChosenFromRanges) {
  run("a", bridge(1), 2, {publish("TCP", 22101, 80)});
  TestServer foreign("", "foreign", 22100);
  run("b", bridge(1), 3, {{"TCP", ip("0.0.0.0"), true, 22100, 22105, 80}});
  EXPECT_EQ(last_.ports.at(0).host_port, 22102);
  EXPECT_EQ(last_.ports.at(1), (Published{"TCP", ip("::"), 22102, 80}));
  run("c", bridge(1), 4, {{"TCP", ip("0.0.0.0"), true, 0, 0, 80}, {"UDP", ip("0.0.0.0"), true, 0, 0, 53}});
  EXPECT_GE(last_.ports.at(0).host_port, 1024);
  EXPECT_EQ(last_.ports.at(2).host_port, last_.ports.at(0).host_port + 1);
  std::string path = box("d");
  auto full = network_->attach("d", path, "d", {{bridge(1), endpoint(bridge(1), 5)}}, {{"TCP", ip("0.0.0.0"), true, 22100, 22102, 80}});
  ASSERT_FALSE(full);
  EXPECT_TRUE(full.error().message().ends_with("all ports are allocated")) << full.error().message();
}

TEST_P(ContainerNetworkTest, InternalNetworksHaveNoWayOutOrIn) {
  BridgeSpec internal = bridge(3);
  internal.internal = true;
  std::string a = run("a", internal, 2, {publish("TCP", 22090, 80)}), b = run("b", internal, 3);
  EXPECT_TRUE(last_.legs.at(0).gateways.empty());
  std::string other = run("other", bridge(1), 2);
  TestServer at_b(b, "b", 80), at_a(a, "a", 80), outside(neighbour_path(), "outside", 22081);
  EXPECT_EQ(ask(a, "10.150.3.3", 80), "b 10.150.3.2");
  EXPECT_EQ(ask("", "10.150.3.3", 80), "b 10.150.3.1");
  EXPECT_TRUE(refused(ask(a, kOutside, 22081)));
  run_in(a, "ip route add default via 10.150.3.1");
  EXPECT_TRUE(refused(ask(a, kOutside, 22081))) << "whatever routes it makes";
  EXPECT_TRUE(refused(ask(other, "10.150.3.3", 80)));
  EXPECT_TRUE(network_->find("a")->ports.empty());
}

TEST_P(ContainerNetworkTest, EndpointsOfANetworkWithoutIccDoNotSeeEachOther) {
  BridgeSpec apart = bridge(4);
  apart.isolate_ports = true;
  std::string a = run("a", apart, 2), b = run("b", apart, 3);
  TestServer at_b(b, "b", 80), outside(neighbour_path(), "outside", 22081);
  EXPECT_TRUE(refused(ask(a, "10.150.4.3", 80)));
  EXPECT_EQ(ask("", "10.150.4.3", 80).substr(0, 2), "b ");
  EXPECT_EQ(ask(a, kOutside, 22081), std::string("outside ") + kHost);
}

TEST_P(ContainerNetworkTest, NetworksComeAndGoWhileItRuns) {
  BridgeSpec first = bridge(2), second = bridge(1);
  std::string a = run("a", first, 2, {publish("TCP", 22090, 80)}), b = run("b", second, 3);
  TestServer at_a(a, "a", 80), at_b(b, "b", 80);
  EXPECT_TRUE(refused(ask(a, "10.150.1.3", 80)));
  auto connected = network_->connect("a", a, second, endpoint(second, 2));
  ASSERT_TRUE(connected) << connected.error().message();
  EXPECT_EQ(connected->legs.at(1).name, "eth1");
  EXPECT_EQ(ask(a, "10.150.1.3", 80), "b 10.150.1.2");
  EXPECT_EQ(run_in(a, "ip route show default"), "default via 10.150.1.1 dev eth1 proto static \n") << "net1 comes before net2";
  EXPECT_EQ(ask(neighbour_path(), kHost, 22090), std::string("a ") + kOutside);
  EXPECT_EQ(network_->connect("a", a, second, endpoint(second, 4)).error().code(), Code::kAlreadyExists);
  ASSERT_TRUE(network_->disconnect("a", a, second.id));
  EXPECT_EQ(network_->disconnect("a", a, second.id).error().code(), Code::kNotFound);
  EXPECT_EQ(run_in(a, "ip route show default"), "default via 10.150.2.1 dev eth0 proto static \n");
  EXPECT_TRUE(refused(ask(a, "10.150.1.3", 80)));
  EXPECT_EQ(ask(neighbour_path(), kHost, 22090), std::string("a ") + kOutside);
  ASSERT_TRUE(network_->disconnect("a", a, first.id));
  EXPECT_TRUE(network_->find("a")->ports.empty());
  EXPECT_TRUE(refused(ask(neighbour_path(), kHost, 22090)));
  Endpoint back = endpoint(second, 2);
  back.gateway_priority = 7;
  ASSERT_TRUE(network_->connect("a", a, second, back));
  ASSERT_TRUE(network_->connect("a", a, first, endpoint(first, 2)));
  EXPECT_EQ(run_in(a, "ip route show default"), "default via 10.150.1.1 dev eth0 proto static \n") << "by priority";
  EXPECT_EQ(ask(neighbour_path(), kHost, 22090), std::string("a ") + kOutside);
}

TEST_P(ContainerNetworkTest, ARestartFindsEverything) {
  BridgeSpec first = bridge(1), second = bridge(2);
  second.link = "own0";
  std::string a = box("a");
  Endpoint with = endpoint(second, 2);
  with.mac = {0x02, 1, 2, 3, 4, 5};
  with.gateway_priority = -3;
  auto made = network_->attach("a", a, "a", {{second, with}, {first, endpoint(first, 2)}}, {publish("TCP", 22090, 80), publish("UDP", 22091, 53)});
  ASSERT_TRUE(made) << made.error().message();
  run("dead", bridge(3), 2, {publish("TCP", 22095, 80)});
  TestServer at_a(a, "a", 80);
  network_.reset();
  EXPECT_EQ(ask(neighbour_path(), kHost, 22090), std::string("a ") + kOutside) << "without a server";
  open();
  auto found = network_->find("a");
  ASSERT_TRUE(found);
  ASSERT_EQ(found->legs.size(), 2u);
  for (size_t i = 0; i < 2; i++) {
    EXPECT_EQ(found->legs[i].endpoint.id, made->legs[i].endpoint.id);
    EXPECT_EQ(found->legs[i].endpoint.network, made->legs[i].endpoint.network);
    EXPECT_EQ(found->legs[i].endpoint.mac, made->legs[i].endpoint.mac);
    EXPECT_EQ(found->legs[i].endpoint.addresses, made->legs[i].endpoint.addresses);
    EXPECT_EQ(found->legs[i].endpoint.gateway_priority, made->legs[i].endpoint.gateway_priority);
    EXPECT_EQ(found->legs[i].name, made->legs[i].name);
    EXPECT_EQ(found->legs[i].gateways, made->legs[i].gateways);
  }
  EXPECT_EQ(found->ports, made->ports);
  EXPECT_EQ(ask(neighbour_path(), kHost, 22090), std::string("a ") + kOutside);
  EXPECT_EQ(network_->remove_bridge(first.id).error().code(), Code::kConflict);
  EXPECT_TRUE(network_->collect({"a"}, {first.id, second.id}));
  EXPECT_FALSE(network_->find("dead"));
  EXPECT_EQ(run_in("", "ip -o link show type bridge | wc -l"), "2\n");
  ASSERT_TRUE(network_->detach("a"));
  EXPECT_TRUE(network_->remove_bridge(second.id));
  EXPECT_TRUE(network_->remove_bridge(second.id)) << "missing is fine";
  EXPECT_EQ(run_in("", "ip -o link | grep -c own0; true"), "0\n");
  EXPECT_TRUE(refused(ask(neighbour_path(), kHost, 22090)));
}

TEST_P(ContainerNetworkTest, WhatIsReleasedIsSilentAtOnce) {
  std::string a = run("a", bridge(1), 2, {publish("TCP", 22090, 80)}), b = run("b", bridge(1), 3);
  TestServer at_a(a, "a", 80);
  EXPECT_EQ(ask(b, "10.150.1.2", 80), "a 10.150.1.3");
  ASSERT_TRUE(network_->release("a"));
  ASSERT_TRUE(network_->release("a"));
  EXPECT_TRUE(refused(ask(b, "10.150.1.2", 80)));
  EXPECT_EQ(ask("", "127.0.0.1", 22090), "exit ConnectionRefusedError");
  ASSERT_TRUE(network_->detach("a"));
  ASSERT_TRUE(network_->detach("a"));
  EXPECT_TRUE(network_->release("unknown"));
}

TEST_P(ContainerNetworkTest, Ipv6InAndOut) {
  run_in("", "ip addr add fd77::1/64 dev out0 nodad");
  run_in(neighbour_path(), "ip addr add fd77::2/64 dev in0 nodad; ip route add fd50::/16 via fd77::1");
  BridgeSpec first = bridge(5), second = bridge(6);
  first.pools.push_back({*IpNetwork::parse("fd50:1::/64"), ip("fd50:1::1")});
  second.pools.push_back({*IpNetwork::parse("fd50:2::/64"), ip("fd50:2::1")});
  std::string a = run("a", first, 2, {publish("TCP", 22090, 80), publish("UDP", 22091, 80)}), b = run("b", first, 3), other = run("other", second, 2);
  EXPECT_EQ(last_.legs.at(0).gateways.at(1).str(), "fd50:2::1");
  TestServer four(a, "a4", 80), six(a, "a6", 80, false, "fd50:1::2"), udp(a, "a6", 80, true, "fd50:1::2");
  TestServer outside(neighbour_path(), "outside", 22081, false, "::");
  run_in(a, "ping -6 -c1 -W2 fd50:1::1");
  EXPECT_EQ(ask(b, "fd50:1::2", 80), "a6 fd50:1::3");
  EXPECT_EQ(ask(a, "fd77::2", 22081), "outside fd77::1") << "masqueraded";
  EXPECT_EQ(ask(neighbour_path(), "fd77::1", 22090), "a6 fd77::2");
  EXPECT_EQ(ask(neighbour_path(), kHost, 22090), std::string("a4 ") + kOutside);
  EXPECT_EQ(ask(neighbour_path(), "fd77::1", 22091, true), "a6 fd77::2");
  EXPECT_TRUE(refused(ask(other, "fd50:1::2", 80)));
  EXPECT_TRUE(refused(ask(neighbour_path(), "fd50:1::2", 80)));
  EXPECT_EQ(ask(other, "fd77::1", 22090).substr(0, 2), "a6");
  EXPECT_EQ(ask(b, "fd77::1", 22090).substr(0, 2), "a6");
  EXPECT_EQ(ask(a, "fd77::1", 22090).substr(0, 2), "a6");
}

TEST_P(ContainerNetworkTest, SysctlsCountersAndNetworksInUse) {
  BridgeSpec spec = bridge(1);
  std::string a = box("a"), b = run("b", spec, 3);
  Endpoint with = endpoint(spec, 2);
  with.sysctls = {{"net.ipv4.conf.IFNAME.log_martians", "1"}};
  ASSERT_TRUE(network_->attach("a", a, "a", {{spec, with}}, {}));
  EXPECT_EQ(run_in(a, "sysctl -n net.ipv4.conf.eth0.log_martians"), "1\n");
  TestServer at_a(a, "a", 80);
  EXPECT_EQ(ask(b, "10.150.1.2", 80), "a 10.150.1.3");
  auto counters = network_->counters("a");
  ASSERT_TRUE(counters);
  EXPECT_EQ(counters->at(0).name, "eth0");
  EXPECT_NEAR(static_cast<double>(counters->at(0).rx_packets), std::atof(run_in(a, "awk '/eth0/ { print $3 }' /proc/net/dev").c_str()), 4);
  EXPECT_GT(counters->at(0).tx_bytes, 0u);
  auto in_use = network_->networks_in_use();
  ASSERT_TRUE(in_use);
  EXPECT_NE(std::ranges::find(*in_use, *IpNetwork::parse("192.168.77.0/24")), in_use->end());
  EXPECT_EQ(std::ranges::find(*in_use, *IpNetwork::parse("10.150.1.0/24")), in_use->end()) << "our own are known otherwise";
  with.sysctls = {{"kernel.hostname", "x"}};
  EXPECT_FALSE(network_->attach("c", box("c"), "c", {{spec, with}}, {}));
  EXPECT_FALSE(network_->find("c"));
}

TEST_P(ContainerNetworkTest, AFirewallThatDropsIsMended) {
  run_in("", "nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'");
  BridgeSpec own = bridge(2);
  own.link = "own0";
  std::string a = run("a", bridge(1), 2, {publish("TCP", 22090, 80)}), b = run("b", bridge(1), 3), c = run("c", own, 2, {publish("TCP", 22091, 80)});
  TestServer at_a(a, "a", 80), at_c(c, "c", 80);
  EXPECT_EQ(ask(b, "10.150.1.2", 80), "a 10.150.1.3");
  EXPECT_EQ(ask(neighbour_path(), kHost, 22090), std::string("a ") + kOutside);
  EXPECT_EQ(ask(neighbour_path(), kHost, 22091), std::string("c ") + kOutside);
  network_->check();
  EXPECT_EQ(run_in("", "nft list table ip filter | grep -c reigen:net-bridge:"), "4\n");
  ASSERT_TRUE(network_->detach("c"));
  ASSERT_TRUE(network_->remove_bridge(own.id));
  EXPECT_EQ(run_in("", "nft list table ip filter | grep -c reigen:net-bridge:"), "2\n");
  network_.reset();
  EXPECT_TRUE(remove_network(kInstance, ""));
  EXPECT_EQ(run_in("", "nft list table ip filter | grep -c reigen:; true"), "0\n");
  run_in("", "nft delete table ip filter");
}

}  // namespace
}  // namespace reigen::network
