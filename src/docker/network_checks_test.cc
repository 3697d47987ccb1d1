#include "docker/network_checks.h"

#include <gtest/gtest.h>

#include "apiserver/docker_error.h"

namespace reigen::docker {
namespace {

using api::dockerv1::AddressPool;

std::string options(const std::string& name, const std::string& value) {
  api::Map<std::string> map;
  map["com.docker.network." + name] = value;
  auto done = check_bridge_options(map);
  return done ? "" : done.error().message();
}

std::string pools(std::vector<AddressPool> list, int status = 500) {
  auto done = check_pools(list);
  if (done) return "";
  EXPECT_EQ(apiserver::docker_status(done.error()), status);
  return done.error().message();
}

AddressPool pool(const std::string& subnet, const std::string& gateway = "", std::map<std::string, std::string> reserved = {}, const std::string& range = "") {
  AddressPool made;
  made.subnet = subnet;
  made.gateway = gateway;
  made.ip_range = range;
  for (auto& [name, address] : reserved) made.reserved[name] = address;
  return made;
}

TEST(NetworkChecks, OptionsOfTheBridge) {
  EXPECT_EQ(options("driver.mtu", "1400"), "");
  EXPECT_EQ(options("driver.mtu", "abc"), "failed to parse com.docker.network.driver.mtu value: abc (strconv.Atoi: parsing \"abc\": invalid syntax)");
  EXPECT_NE(options("driver.mtu", ""), "");
  EXPECT_EQ(options("driver.mtu", "-1"), "invalid MTU number: -1");
  EXPECT_EQ(options("driver.mtu", "99999999999999999999"),
            "failed to parse com.docker.network.driver.mtu value: 99999999999999999999 (strconv.Atoi: parsing \"99999999999999999999\": value out of range)");
  EXPECT_EQ(options("bridge.enable_icc", "F"), "");
  EXPECT_EQ(options("bridge.enable_icc", "no"),
            "failed to parse com.docker.network.bridge.enable_icc value: no (strconv.ParseBool: parsing \"no\": invalid syntax)");
  EXPECT_EQ(options("bridge.host_binding_ipv4", "x"), "failed to parse com.docker.network.bridge.host_binding_ipv4 value: x (nil ip)");
  EXPECT_EQ(options("bridge.name", "br0.1_-"), "");
  for (const char* name : {"a/b", "..", "a b", "sixteencharacter", "x;y"}) EXPECT_NE(options("bridge.name", name), "") << name;
  EXPECT_EQ(options("bridge.unknown", "x"), "");
  EXPECT_EQ(options("bridge.gateway_mode_ipv4", "nat"), "");
  EXPECT_NE(options("bridge.gateway_mode_ipv4", "routed"), "");
}

TEST(NetworkChecks, Pools) {
  EXPECT_EQ(pools({pool("10.1.0.0/24"), pool("fd00:1::/64")}), "");
  EXPECT_EQ(pools({pool("10.1.0.0/24"), pool("10.2.0.0/24")}, 403), "bridge driver doesn't support multiple subnets");
  EXPECT_EQ(pools({pool("10.1.0.0/31")}), "failed to allocate gateway (): no available addresses on this pool");
  EXPECT_EQ(pools({pool("10.1.0.0/30")}), "");
  EXPECT_EQ(pools({pool("10.1.0.0/24", "10.1.0.0")}), "failed to allocate gateway (10.1.0.0): Address already in use");
  EXPECT_EQ(pools({pool("10.1.0.0/24", "10.1.0.255")}), "failed to allocate gateway (10.1.0.255): Address already in use");
  EXPECT_EQ(pools({pool("10.1.0.0/24", "", {{"a", "10.1.0.1"}})}), "failed to allocate secondary ip address (a:10.1.0.1): Address already in use");
  EXPECT_EQ(pools({pool("10.1.0.0/24", "10.1.0.5", {{"a", "10.1.0.1"}, {"b", "10.1.0.1"}})}),
            "failed to allocate secondary ip address (b:10.1.0.1): Address already in use");
  EXPECT_EQ(pools({pool("10.1.0.0/24", "", {{"a", "10.1.0.128"}}, "10.1.0.128/25")}),
            "failed to allocate secondary ip address (a:10.1.0.128): Address already in use")
      << "the gateway is the range's first";
}

}  // namespace
}  // namespace reigen::docker
