#include "proxy/service_ports.h"

#include <gtest/gtest.h>

#include "api/corev1.h"
#include "api/discoveryv1.h"

namespace reigen::proxy {
namespace {

TEST(ServicePorts, ReadyEndpointsCountElseTerminatingOnesThatServe) {
  api::corev1::Service service;
  service.metadata.name = "web";
  service.metadata.namespace_ = "default";
  service.spec.cluster_ip = "10.143.0.9";
  service.spec.session_affinity = "ClientIP";
  service.spec.ports.emplace_back();
  service.spec.ports[0].port = 80;
  service.spec.ports[0].protocol = "TCP";
  auto slice = std::make_shared<api::discoveryv1::EndpointSlice>();
  slice->ports.emplace_back();
  slice->ports[0].port = 8080;
  slice->endpoints.resize(2);
  slice->endpoints[0].addresses = {"10.142.0.2"};
  slice->endpoints[0].node_name = "here";
  slice->endpoints[1].addresses = {"10.142.0.3"};
  slice->endpoints[1].conditions.ready = false;
  slice->endpoints[1].conditions.serving = true;
  slice->endpoints[1].conditions.terminating = true;
  auto ports = service_ports(service, {slice}, "here");
  ASSERT_EQ(ports.size(), 1u);
  EXPECT_EQ(ports[0].affinity_seconds, 10800u);
  ASSERT_EQ(ports[0].endpoints.size(), 1u);
  EXPECT_TRUE(ports[0].endpoints[0].local);
  slice->endpoints[0].conditions.ready = false;
  EXPECT_EQ(service_ports(service, {slice}, "here").at(0).endpoints.at(0).address.str(), "10.142.0.3");
  service.spec.cluster_ip = "None";
  EXPECT_TRUE(service_ports(service, {slice}, "here").empty());
}

}  // namespace
}  // namespace reigen::proxy
