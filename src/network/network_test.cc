#include <gtest/gtest.h>

#include "network/address_pool.h"
#include "network/names.h"
#include "network/port_file.h"

namespace reigen::network {
namespace {

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

TEST(Ip, ParsesPrintsAndContains) {
  EXPECT_EQ(ip("10.1.2.3").str(), "10.1.2.3");
  EXPECT_EQ(ip("fd00:0::1").str(), "fd00::1");
  EXPECT_FALSE(IpAddress::parse("10.1.2"));
  EXPECT_FALSE(IpAddress::parse("010.1.2.3"));
  EXPECT_EQ(IpNetwork::parse("10.42.3.9/16")->str(), "10.42.0.0/16");
  EXPECT_TRUE(IpNetwork::parse("10.42.0.0/16")->contains(ip("10.42.255.1")));
  EXPECT_FALSE(IpNetwork::parse("10.42.0.0/16")->contains(ip("10.43.0.1")));
  EXPECT_TRUE(IpNetwork::parse("0.0.0.0/0")->contains(ip("1.2.3.4")));
  EXPECT_FALSE(IpNetwork::parse("10.0.0.0/33"));
  EXPECT_EQ(ip("10.0.0.255").plus(2).str(), "10.0.1.1");
}

TEST(AddressPool, GivesEveryAddressOnceAndRestsFreedOnes) {
  AddressPool pool(*IpNetwork::parse("10.142.1.0/29"));
  EXPECT_EQ(pool.take()->str(), "10.142.1.2");
  pool.release(ip("10.142.1.2"));
  EXPECT_EQ(pool.take()->str(), "10.142.1.3");
  for (int i = 0; i < 4; i++) EXPECT_TRUE(pool.take());
  EXPECT_FALSE(pool.take());
  pool.release(ip("10.142.1.7"));
  pool.release(ip("10.142.1.0"));
  EXPECT_FALSE(pool.take());
}

TEST(AddressPool, ReservedAddressesAreNotGiven) {
  AddressPool pool(*IpNetwork::parse("10.142.1.0/24"));
  EXPECT_TRUE(pool.reserve(ip("10.142.1.2")));
  EXPECT_FALSE(pool.reserve(ip("10.142.1.2")));
  EXPECT_FALSE(pool.reserve(ip("10.142.2.2")));
  EXPECT_EQ(pool.take()->str(), "10.142.1.3");
}

TEST(Names, LinksFitAndDifferByInstance) {
  EXPECT_EQ(link_name("a", "0123456789abcdef", 0).size(), 15u);
  EXPECT_NE(link_prefix("a"), link_prefix("b"));
  EXPECT_NE(link_name("a", "s", 0), link_name("a", "s", 1));
}

TEST(Names, AliasComesBack) {
  std::string alias = link_alias("net1", {"abc", {ip("10.142.0.2"), ip("fd00::2")}});
  auto record = parse_link_alias("net1", alias);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->sandbox, "abc");
  EXPECT_EQ(record->addresses.size(), 2u);
  EXPECT_FALSE(parse_link_alias("net", alias));
  EXPECT_FALSE(parse_link_alias("net1", "reigen:net1:abc:not-an-address"));
}

TEST(PortFile, ComesBackWithoutBrokenLines) {
  PortMapping mapping{"abc", {"UDP", ip("127.0.0.1"), 22001, 53}, ip("10.142.0.2")};
  auto ports = parse_ports(format_ports({&mapping, 1}) + "broken line\nabc XXX 0.0.0.0 1 10.0.0.1 1\nabc TCP 0.0.0.0 99999 10.0.0.1 1\n");
  ASSERT_EQ(ports.size(), 1u);
  EXPECT_EQ(ports[0], mapping);
}

}  // namespace
}  // namespace reigen::network
