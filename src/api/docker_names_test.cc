#include "api/docker_names.h"

#include <gtest/gtest.h>

#include "api/docker_subnets.h"
#include "api/dockerv1.h"
#include "api/json.h"
#include "api/validation.h"

namespace reigen::api {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

TEST(DockerNames, FollowDockersRule) {
  for (const char* good : {"web", "a1", "A.b_c-d", "0x"}) EXPECT_TRUE(is_docker_name(good)) << good;
  for (const char* bad : {"", "a", "-web", ".web", "_web", "we b", "web/x", "wäb", "web\n"}) EXPECT_FALSE(is_docker_name(bad)) << bad;
  EXPECT_TRUE(is_docker_name("a", 1));
  EXPECT_FALSE(is_docker_name("", 0));
  EXPECT_TRUE(is_docker_id(kId));
  EXPECT_FALSE(is_docker_id(kId.substr(1)));
  EXPECT_FALSE(is_docker_id("A" + kId.substr(1)));
}

TEST(DockerNames, EscapedNamesAreObjectNamesAndDiffer) {
  EXPECT_EQ(escape_docker_name("web1"), "nweb1");
  EXPECT_EQ(escape_docker_name("Web_1"), "n-57eb-5f1");
  EXPECT_EQ(escape_docker_name("a-5f"), "na-2d5f");
  EXPECT_NE(escape_docker_name("a-5f"), escape_docker_name("a_"));
  EXPECT_EQ(volume_object_name("todo_data"), "ntodo-5fdata");
  EXPECT_EQ(claim_object_name("Container", "web"), "container.nweb");
  EXPECT_EQ(claim_object_name("Network", "web"), "network.nweb");
  EXPECT_EQ(escape_docker_name(std::string(252, 'a')).size(), 253U);
  EXPECT_EQ(escape_docker_name(std::string(253, 'a')), "");
  EXPECT_EQ(claim_object_name("Container", std::string(250, 'a')), "");
  for (const char* name : {"web", "a.", "a_", "A--", "x.y-z", "\xff\x01"})
    EXPECT_TRUE(is_dns1123_subdomain(claim_object_name("Container", name)).empty()) << claim_object_name("Container", name);
}

TEST(DockerNames, PodsAreNamedAfterTheContainer) {
  EXPECT_EQ(container_pod_name("frontend", kId), "frontend-0123456789ab");
  EXPECT_EQ(container_pod_name("Todo_App.1_", kId), "todo-app-1-0123456789ab");
  EXPECT_EQ(container_pod_name("___", kId), "container-0123456789ab");
  std::string cut(100, 'a');
  cut[49] = '_';  // the fiftieth byte: a '-' that does not stay at the end
  EXPECT_EQ(container_pod_name(cut, kId).size(), 49U + 13U);
  EXPECT_EQ(container_pod_name(std::string(80, 'a'), kId).size(), 63U);
}

TEST(DockerSubnets, TheFirstFreeOneIsGiven) {
  auto network = [](const char* text) { return *IpNetwork::parse(text); };
  EXPECT_EQ(next_docker_subnet({})->str(), "172.17.0.0/16");
  EXPECT_EQ(next_docker_subnet(std::vector{network("172.17.5.0/24"), network("172.18.0.0/15")})->str(), "172.20.0.0/16");
  EXPECT_EQ(next_docker_subnet(std::vector{network("172.16.0.0/12"), network("192.168.1.0/24")})->str(), "192.168.16.0/20");
  EXPECT_FALSE(next_docker_subnet(std::vector{network("172.16.0.0/12"), network("192.168.0.0/16")}));
  EXPECT_EQ(next_docker_subnet(std::vector{network("fd00::/8")})->str(), "172.17.0.0/16");
}

TEST(DockerViews, ReadWhatInspectShows) {
  auto host = decode_json_as<dockerv1::HostConfig>(
      R"({"Binds":null,"LogConfig":{"Type":"json-file","Config":{}},"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"3000"}]},)"
      R"("ConsoleSize":[0,0],"CapAdd":["NET_ADMIN"],"NanoCpus":1500000000,"Tmpfs":{"/t":""},"MemorySwappiness":null,"Init":true,)"
      R"("Ulimits":[{"Name":"nofile","Hard":2,"Soft":1}],"BlkioDeviceReadIOps":[{"Path":"/dev/x","Rate":5}],"Mounts":[{"Type":"tmpfs","TmpfsOptions":{"Mode":448}}]})");
  ASSERT_TRUE(host) << host.error().message();
  EXPECT_EQ(host->nano_cpus, 1500000000);
  EXPECT_EQ(host->cap_add[0], "NET_ADMIN");
  EXPECT_EQ(host->port_bindings.find("80/tcp")->second.at(0).host_port, "3000");
  EXPECT_FALSE(host->memory_swappiness);
  EXPECT_EQ(host->blkio_device_read_iops.at(0).rate, 5);
  EXPECT_EQ(host->mounts.at(0).tmpfs_options->mode, 448);
  auto config =
      decode_json_as<dockerv1::Config>(R"({"Cmd":["sh"],"ExposedPorts":{"80/tcp":{}},"Volumes":{},"Healthcheck":{"Interval":1000000},"StopTimeout":0})");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->exposed_ports.size(), 1U);
  EXPECT_EQ(config->healthcheck->interval, 1000000);
  EXPECT_EQ(config->stop_timeout, 0);
}

TEST(DockerKinds, KeepTheirTexts) {
  dockerv1::Container container;
  container.spec.config.raw = R"({"Env":null,"Cmd":[]})";
  container.spec.host_config.raw = "{}";
  container.spec.networks.emplace_back().network = "bridge";
  std::string text = encode_json(container);
  EXPECT_NE(text.find(R"("config":{"Env":null,"Cmd":[]})"), std::string::npos) << text;
  EXPECT_EQ(text.find("null,\"ipv4"), std::string::npos) << text;
  auto back = decode_json_as<dockerv1::Container>(text);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(back->spec.config.raw, container.spec.config.raw);
  EXPECT_FALSE(back->spec.networks.at(0).config);
}

}  // namespace
}  // namespace reigen::api
