#include "node/admission.h"

#include <gtest/gtest.h>

namespace reigen::node {
namespace {

using namespace api::corev1;

Node make_node() {
  Node node;
  node.metadata.name = "a";
  node.metadata.labels["zone"] = "west";
  node.status.allocatable["cpu"] = api::Quantity::from_int(2);
  return node;
}

Pod make_pod(int host_port = 0, const std::string& ip = "") {
  Pod pod;
  auto& container = pod.spec.containers.emplace_back();
  if (host_port) {
    auto& port = container.ports.emplace_back();
    port.host_port = port.container_port = host_port;
    port.host_ip = ip;
  }
  return pod;
}

Pod with_affinity(const std::string& op, std::vector<std::string> values) {
  Pod pod = make_pod();
  auto& terms = pod.spec.affinity.emplace().node_affinity.emplace().required_during_scheduling_ignored_during_execution.emplace().node_selector_terms;
  auto& expression = terms.emplace_back().match_expressions.emplace_back();
  expression.key = "zone";
  expression.operator_ = op;
  expression.values = std::move(values);
  return pod;
}

std::string reason_of(const Pod& pod, const std::vector<std::shared_ptr<const Pod>>& others = {}) {
  auto rejection = admit_pod(pod, others, make_node(), 110);
  return rejection ? rejection->reason : "";
}

TEST(Admission, RequiredNodeAffinityIsJudged) {
  EXPECT_EQ(reason_of(with_affinity("In", {"west"})), "");
  EXPECT_EQ(reason_of(with_affinity("In", {"east"})), "NodeAffinity");
  EXPECT_EQ(reason_of(with_affinity("NotIn", {"west"})), "NodeAffinity");
  EXPECT_EQ(reason_of(with_affinity("DoesNotExist", {})), "NodeAffinity");
}

TEST(Admission, PodsOfContainersCountNowhere) {
  Pod docker = make_pod();
  docker.metadata.annotations["docker.reigen.dev/container"] = "c1";
  auto& owner = docker.metadata.owner_references.emplace_back();
  owner.kind = "Container";
  owner.api_version = "docker.reigen.dev/v1";
  owner.name = "c1";
  owner.controller = true;
  auto first = std::make_shared<const Pod>(docker);
  EXPECT_FALSE(admit_pod(make_pod(), {first}, make_node(), 1));
  EXPECT_FALSE(admit_pod(docker, {std::make_shared<const Pod>(make_pod())}, make_node(), 1));
  Pod pretends = docker;
  pretends.metadata.owner_references.clear();
  EXPECT_TRUE(admit_pod(pretends, {std::make_shared<const Pod>(make_pod())}, make_node(), 1));
}

TEST(Admission, AHostPortIsGivenOnce) {
  auto first = std::make_shared<const Pod>(make_pod(80));
  EXPECT_EQ(reason_of(make_pod(80), {first}), "NodePorts");
  EXPECT_EQ(reason_of(make_pod(80, "10.0.0.1"), {first}), "NodePorts") << "the first has all addresses";
  EXPECT_EQ(reason_of(make_pod(81), {first}), "");
  auto other = std::make_shared<const Pod>(make_pod(80, "10.0.0.2"));
  EXPECT_EQ(reason_of(make_pod(80, "10.0.0.1"), {other}), "");
  Pod ended = make_pod(80);
  ended.status.phase = "Failed";
  EXPECT_EQ(reason_of(make_pod(80), {std::make_shared<const Pod>(ended)}), "");
}

TEST(Admission, OnlySafeSysctls) {
  auto with = [](const char* name) {
    Pod pod = make_pod();
    pod.spec.security_context.emplace().sysctls.emplace_back().name = name;
    return pod;
  };
  EXPECT_EQ(reason_of(with("net.ipv4.ip_unprivileged_port_start")), "");
  EXPECT_EQ(reason_of(with("kernel/shm_rmid_forced")), "");
  EXPECT_EQ(reason_of(with("kernel.msgmax")), "SysctlForbidden");
}

TEST(Admission, ResourcesAndSystemAreSaidAsKubeletSaysThem) {
  Pod pod = make_pod();
  pod.spec.containers[0].resources.requests["cpu"] = api::Quantity::from_int(3);
  EXPECT_EQ(admit_pod(pod, {}, make_node(), 110)->message, "Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000");
  Pod windows = make_pod();
  windows.spec.os.emplace().name = "windows";
  EXPECT_EQ(reason_of(windows), "PodOSNotSupported");
}

}  // namespace
}  // namespace reigen::node
