#include "network/bridge_names.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "network/bridge_links.h"
#include "network/bridge_rules.h"
#include "network/port_file.h"
#include "network/port_table.h"
#include "network/published_ports.h"
#include "network/sandbox_names.h"

namespace reigen::network {
namespace {

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

TEST(BridgeNames, ABridgesAliasComesBack) {
  BridgeSpec spec;
  spec.id = std::string(64, 'a');
  spec.name = "back-end_1.x";
  spec.internal = true;
  spec.masquerade = false;
  spec.pools = {{*IpNetwork::parse("172.18.0.0/16"), ip("172.18.0.1")}, {*IpNetwork::parse("fd00:1::/64"), ip("fd00:1::1")}};
  auto again = parse_bridge_alias("0123abcd", bridge_alias("0123abcd", spec));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, spec.id);
  EXPECT_EQ(again->name, spec.name);
  EXPECT_EQ(again->pools, spec.pools);
  EXPECT_TRUE(again->internal);
  EXPECT_FALSE(again->masquerade);
  EXPECT_FALSE(again->isolate_ports);
  EXPECT_FALSE(parse_bridge_alias("other", bridge_alias("0123abcd", spec)));
  spec.name = std::string(300, 'n');
  EXPECT_EQ(bridge_alias("0123abcd", spec).size(), 255u);
  EXPECT_EQ(parse_bridge_alias("0123abcd", bridge_alias("0123abcd", spec))->pools, spec.pools);
}

TEST(BridgeNames, TheLongestRecordOfALegFits) {
  LegRecord record{
      std::string(64, 's'), {std::string(64, 'e'), "", {ip("172.255.255.254"), ip("fd00:1111:2222:3333:4444:5555:6666:7777")}, {}, -1000, {}}, "eth0"};
  record.endpoint.mac = {2, 1, 2, 3, 4, 5};
  auto again = parse_leg_alias("0123abcd", leg_alias("0123abcd", record));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->sandbox, record.sandbox);
  EXPECT_EQ(again->endpoint.addresses, record.endpoint.addresses);
  EXPECT_EQ(again->endpoint.mac, record.endpoint.mac);
  EXPECT_EQ(again->endpoint.gateway_priority, -1000);
  EXPECT_EQ(again->name, "eth0");
  EXPECT_FALSE(parse_leg_alias("0123abcd", "reigen:0123abcd:s:e:eth0,,,not-an-address"));
}

TEST(BridgeNames, LinksFit) {
  EXPECT_EQ(bridge_name("i", std::string(64, 'a'), 0).size(), 15u);
  EXPECT_EQ(bridge_name("i", std::string(64, 'a'), 1).size(), 15u);
  EXPECT_EQ(container_link_name("i", std::string(64, 'a'), 0).size(), 15u);
  EXPECT_TRUE(is_link_name("br-0_x.y"));
  for (const char* bad : {"", "..", "a/b", "sixteen-letters!", "a b"}) EXPECT_FALSE(is_link_name(bad)) << bad;
}

TEST(BridgeNames, SysctlsOfAnEndpointStayBelowItsLink) {
  EXPECT_EQ(endpoint_sysctl_path("net.ipv4.conf.IFNAME.log_martians", "eth1"), "ipv4/conf/eth1/log_martians");
  for (const char* bad : {"net.ipv4.ip_forward", "kernel.IFNAME.x", "net.IFNAME", "net.ipv4.IFNAME", "net...IFNAME.x", "net.a/b.IFNAME.x", "net.ipv4.IFNAME.x.",
                          "net.IFNAME.x", ""})
    EXPECT_FALSE(endpoint_sysctl_path(bad, "eth0")) << bad;
}

TEST(PortTable, PodsAndContainersShareThePorts) {
  auto run = *make_temporary_directory(::testing::TempDir(), "ports-");
  auto table = *PortTable::open(run);
  PortMapping docker{"box", {"TCP", ip("0.0.0.0"), 80, 8080}, ip("172.17.0.2"), true};
  ASSERT_TRUE(table->claim("box", {&docker, 1}));
  PortMapping six = docker;
  six.port.host_ip = ip("::");
  EXPECT_TRUE(table->would_collide({&six, 1})) << "a container's any address is of one family";
  PortMapping pod{"pod", {"TCP", ip("0.0.0.0"), 80, 80}, ip("10.42.0.2")};
  EXPECT_EQ(table->claim("pod", {&pod, 1}).error().message(), "host port 80/TCP is taken by sandbox box");
  PortMapping at_loopback = docker;
  at_loopback.port.host_ip = ip("127.0.0.1");
  EXPECT_FALSE(table->would_collide({&at_loopback, 1}));
  at_loopback.port.protocol = "UDP";
  EXPECT_TRUE(table->would_collide({&at_loopback, 1}));
  auto again = *PortTable::open(run);
  EXPECT_EQ(again->of("box"), std::vector<PortMapping>{docker});
  again->keep(true, [](const PortMapping&) { return false; });
  EXPECT_TRUE(again->all(true).empty());
  EXPECT_TRUE(remove_tree(run));
}

TEST(PortTable, LinesOfAnEarlierVersionArePods) {
  auto ports = parse_ports("abc TCP 0.0.0.0 80 10.0.0.1 80\nabc TCP 0.0.0.0 81 10.0.0.1 80 docker\nabc TCP 0.0.0.0 82 10.0.0.1 80 cow\n");
  ASSERT_EQ(ports.size(), 2u);
  EXPECT_FALSE(ports[0].docker);
  EXPECT_TRUE(ports[1].docker);
}

TEST(PublishedPorts, LeadToTheAddressOfTheirFamilyElseToTheHelper) {
  Publication any{"TCP", ip("0.0.0.0"), true, 0, 0, 80};
  auto four = mappings_of(any, 8080, {ip("172.17.0.2"), {}});
  ASSERT_EQ(four.size(), 2u);
  EXPECT_FALSE(served_by_helper(four[0]));
  EXPECT_TRUE(served_by_helper(four[1])) << "[::] to IPv4";
  auto both = mappings_of(any, 8080, {ip("172.17.0.2"), ip("fd00::2")});
  EXPECT_EQ(both[1].pod, ip("fd00::2"));
  EXPECT_FALSE(served_by_helper(both[1]));
  auto six = mappings_of(any, 8080, {{}, ip("fd00::2")});
  EXPECT_EQ(six[0].pod, ip("fd00::2"));
  EXPECT_TRUE(served_by_helper(six[0]));
  EXPECT_TRUE(mappings_of(any, 8080, {}).empty());
  EXPECT_EQ(moved_to(four, {ip("172.18.0.9"), {}})[1].pod, ip("172.18.0.9"));
}

TEST(SandboxNames, ComeBackAndForgetWhatCannotBeWritten) {
  SandboxNames names{"box", "/run/x/ns", {"n1", "n2"}, {ip("1.1.1.1"), ip("fd00::53")}, false, {{"db", "id1"}, {"a b", "id2"}, {"c=d", "id3"}}};
  SandboxNames plain{"two", "/run/y", {}, {}, true, {}};
  SandboxNames broken{"three", "/run/with blank", {}, {}, true, {}};
  auto again = parse_sandbox_names(format_sandbox_names(std::vector{names, plain, broken}) + "x\ny /p - - 2\nz /p - no 1\n");
  ASSERT_EQ(again.size(), 2u);
  names.links.resize(1);
  EXPECT_EQ(again[0], names);
  EXPECT_EQ(again[1], plain);
}

TEST(SandboxNames, TheFileKeepsWhatAnEarlierWriterLeft) {
  auto run = *make_temporary_directory(::testing::TempDir(), "names-");
  {
    SandboxNamesFile file(run);
    ASSERT_TRUE(file.set({"a", "/a", {"n"}, {}, true, {}}));
    ASSERT_TRUE(file.set({"b", "/b", {"n"}, {}, true, {}}));
    EXPECT_FALSE(file.set({"c d", "/c", {}, {}, true, {}}));
  }
  SandboxNamesFile file(run);
  ASSERT_TRUE(file.collect({"b", "c"}));
  EXPECT_EQ(*read_file(sandbox_names_path(run), 4096), "b /b n - 1\n");
  ASSERT_TRUE(file.remove("b"));
  EXPECT_EQ(*read_file(sandbox_names_path(run), 4096), "");
  EXPECT_TRUE(remove_tree(run));
}

}  // namespace
}  // namespace reigen::network
