#include "docker/create_versions.h"

#include <gtest/gtest.h>

#include "api/json.h"
#include "docker/event_filter.h"
#include "docker/version_table.h"

namespace reigen::docker {
namespace {

using api::Value;

Result<CreateRequest> read(ApiVersion version, std::string_view body) {
  HostFacts host;
  host.cgroup_version = 1;
  return read_create_request(api::parse_json(body).value(), version, host);
}

std::string fault(ApiVersion version, std::string_view body) {
  auto request = read(version, body);
  return request ? "" : request.error().message();
}

std::string endpoints(const CreateRequest& request) {
  Value out = Value::object();
  for (const auto& [name, endpoint] : request.endpoints) out.set(name, endpoint);
  return api::to_json(out);
}

constexpr std::string_view kMac = R"({"MacAddress":"02:42:00:00:00:01","HostConfig":{"NetworkMode":"net"}})";

TEST(CreateVersions, SaysTheDefaultsOfTheVersion) {
  auto old = read({1, 24}, R"({"HostConfig":{"AutoRemove":true,"Annotations":{"a":"b"},"ConsoleSize":[5,6]}})").value();
  EXPECT_FALSE(old.host.find("AutoRemove")->bool_or(true));
  EXPECT_EQ(old.host.text_at({"IpcMode"}), "shareable");
  EXPECT_EQ(old.host.text_at({"CgroupnsMode"}), "host");
  EXPECT_EQ(old.host.text_at({"NetworkMode"}), "default");
  EXPECT_FALSE(old.host.has("Annotations"));
  EXPECT_EQ(api::to_json(*old.host.find("ConsoleSize")), "[0,0]");
  auto now = read({1, 50}, R"({"HostConfig":{"NetworkMode":"default"},"NetworkingConfig":{"EndpointsConfig":{"default":{"GwPriority":5}}}})").value();
  EXPECT_EQ(now.host.text_at({"NetworkMode"}), "bridge");
  EXPECT_EQ(now.endpoints.at("bridge").find("GwPriority")->int_or(0), 5);
  EXPECT_FALSE(now.endpoints.contains("default"));
}

TEST(CreateVersions, TheContainersMacBecameAnEndpoints) {
  EXPECT_EQ(read({1, 43}, kMac)->config.text_at({"MacAddress"}), "02:42:00:00:00:01");
  auto now = read({1, 44}, kMac).value();
  EXPECT_EQ(now.endpoints.at("net").text_at({"MacAddress"}), "02:42:00:00:00:01");
  EXPECT_EQ(now.config.text_at({"MacAddress"}), "");
  ASSERT_EQ(now.warnings.size(), 1U);
  constexpr std::string_view kBoth =
      R"({"MacAddress":"02:42:00:00:00:01","HostConfig":{"NetworkMode":"net"},"NetworkingConfig":{"EndpointsConfig":{"net":{"MacAddress":"02:42:00:00:00:02"}}}})";
  EXPECT_EQ(fault({1, 44}, kBoth), "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty");
  EXPECT_EQ(read({1, 43}, kBoth)->endpoints.at("net").text_at({"MacAddress"}), "");
  EXPECT_EQ(fault({1, 44}, R"({"MacAddress":"02:42:00:00:00:01","HostConfig":{"NetworkMode":"net"},"NetworkingConfig":{"EndpointsConfig":{"other":{}}}})"),
            "HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks");
}

TEST(CreateVersions, SysctlsOfALinkAreTheEndpoints) {
  constexpr std::string_view kBody = R"({"HostConfig":{"NetworkMode":"net","Sysctls":{"net.ipv4.conf.eth0.log_martians":"1","net.ipv4.ip_forward":"0"}}})";
  auto moved = read({1, 47}, kBody).value();
  EXPECT_EQ(endpoints(moved), R"({"net":{"DriverOpts":{"com.docker.network.endpoint.sysctls":"net.ipv4.conf.IFNAME.log_martians=1"}}})");
  EXPECT_EQ(api::to_json(*moved.host.find("Sysctls")), R"({"net.ipv4.ip_forward":"0"})");
  EXPECT_EQ(fault({1, 48}, kBody),
            "interface specific sysctl setting \"net.ipv4.conf.eth0.log_martians\" must be supplied using driver option 'com.docker.network.endpoint.sysctls'");
  EXPECT_EQ(fault({1, 47}, R"({"HostConfig":{"NetworkMode":"net","Sysctls":{"net.ipv4.conf.eth1.log_martians":"1"}}})"),
            "unable to determine network endpoint for sysctl net.ipv4.conf.eth1.log_martians, use driver option 'com.docker.network.endpoint.sysctls' to set "
            "per-interface sysctls");
}

TEST(CreateVersions, OptionsOfMounts) {
  constexpr std::string_view kStray = R"({"HostConfig":{"Mounts":[{"Type":"bind","Source":"/a","Target":"/b","VolumeOptions":{"NoCopy":true}}]}})";
  EXPECT_EQ(fault({1, 41}, kStray), "");
  EXPECT_EQ(fault({1, 42}, kStray), "VolumeOptions must not be specified on mount type \"bind\"");
  constexpr std::string_view kImage = R"({"HostConfig":{"Mounts":[{"Type":"image","Source":"a","Target":"/b"}]}})";
  EXPECT_EQ(fault({1, 47}, kImage), "Mount type \"Image\" needs API v1.48 or newer");
  EXPECT_EQ(fault({1, 48}, kImage), "");
  constexpr std::string_view kDriver = R"({"HostConfig":{"VolumeDriver":"local","Mounts":[{"Type":"volume","Source":"a","Target":"/b"}]}})";
  EXPECT_TRUE(read({1, 47}, kDriver)->warnings.empty());
  EXPECT_EQ(read({1, 48}, kDriver)->warnings.size(), 1U);
}

TEST(EventVersions, ToldSinceTheyWereThere) {
  Event event{.type = "container", .action = "exec_die", .id = "a", .attributes = {}};
  EXPECT_FALSE(has_event({1, 35}, event));
  EXPECT_TRUE(has_event({1, 36}, event));
  event = {.type = "image", .action = "create", .id = "a", .attributes = {}};
  EXPECT_FALSE(has_event({1, 45}, event));
  EXPECT_TRUE(has_event({1, 46}, event));
  event = {.type = "volume", .action = "create", .id = "a", .attributes = {}, .again = true};
  EXPECT_TRUE(has_event({1, 41}, event));
  EXPECT_FALSE(has_event({1, 42}, event));
}

}  // namespace
}  // namespace reigen::docker
