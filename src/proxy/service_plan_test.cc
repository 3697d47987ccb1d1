#include "proxy/service_plan.h"

#include <gtest/gtest.h>

namespace reigen::proxy {
namespace {

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

ServicePort web() {
  ServicePort port;
  port.name = "default/web:http";
  port.port = 80;
  port.cluster_ips = {ip("10.143.0.9")};
  port.endpoints = {{ip("10.142.0.2"), 8080, true}, {ip("10.142.1.2"), 8080, false}};
  return port;
}

size_t count(const std::vector<PlannedElement>& elements, ProxySet set) {
  return static_cast<size_t>(std::count_if(elements.begin(), elements.end(), [&](const auto& element) { return element.set == set; }));
}

std::string chain(const std::vector<PlannedElement>& elements, ProxySet set) {
  for (const auto& element : elements)
    if (element.set == set) return element.chain.count ? element.chain.name() : "drop";
  return "none";
}

TEST(ServicePlan, AClusterAddressIsOneFrontendAndItsEndpoints) {
  auto plan = plan_service({web()}, IpFamily::kV4);
  EXPECT_EQ(plan.size(), 3u);
  EXPECT_EQ(chain(plan, ProxySet::kServices), "service-2");
  EXPECT_TRUE(plan_service({web()}, IpFamily::kV6).empty());
}

TEST(ServicePlan, WithoutEndpointsItIsRefused) {
  ServicePort port = web();
  port.endpoints.clear();
  port.node_port = 30080;
  auto plan = plan_service({port}, IpFamily::kV4);
  EXPECT_EQ(count(plan, ProxySet::kNone), 1u) << "the node port; the cluster address is refused with the rest of its network";
  EXPECT_EQ(plan.size(), 1u);
}

TEST(ServicePlan, ANodePortMasqueradesUnlessItsPolicyIsLocal) {
  ServicePort port = web();
  port.node_port = 30080;
  EXPECT_EQ(count(plan_service({port}, IpFamily::kV4), ProxySet::kMasquerade), 1u);
  port.external_local = true;
  auto plan = plan_service({port}, IpFamily::kV4);
  EXPECT_EQ(count(plan, ProxySet::kMasquerade), 0u);
  EXPECT_EQ(chain(plan, ProxySet::kServicesLocal), "nodeport-local-1");
  EXPECT_EQ(count(plan, ProxySet::kEndpointsLocal), 1u);
  port.endpoints[0].local = false;
  EXPECT_EQ(chain(plan_service({port}, IpFamily::kV4), ProxySet::kServicesLocal), "drop");
}

TEST(ServicePlan, InternalPolicyLocalUsesThisNodeOrDrops) {
  ServicePort port = web();
  port.internal_local = true;
  EXPECT_EQ(chain(plan_service({port}, IpFamily::kV4), ProxySet::kServices), "service-1");
  port.endpoints[0].local = false;
  EXPECT_EQ(chain(plan_service({port}, IpFamily::kV4), ProxySet::kServices), "drop");
}

TEST(ServicePlan, AffinityHasItsOwnChainAndMembers) {
  ServicePort port = web();
  port.affinity_seconds = 10800;
  auto plan = plan_service({port}, IpFamily::kV4);
  EXPECT_EQ(chain(plan, ProxySet::kServices), "service-2-affinity-10800");
  EXPECT_EQ(count(plan, ProxySet::kAffinityEndpoints), 2u);
}

}  // namespace
}  // namespace reigen::proxy
