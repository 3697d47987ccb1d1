#include "dns/records.h"

#include <gtest/gtest.h>

#include "api/corev1.h"
#include "api/discoveryv1.h"
#include "dns/record_table.h"

namespace reigen::dns {
namespace {

std::shared_ptr<api::corev1::Service> service(const std::string& name, const std::string& address) {
  auto made = std::make_shared<api::corev1::Service>();
  made->metadata.name = name;
  made->metadata.namespace_ = "default";
  made->spec.cluster_ip = address;
  made->spec.cluster_ips = {address};
  made->spec.ports.emplace_back();
  made->spec.ports[0].name = "http";
  made->spec.ports[0].port = 80;
  return made;
}

TEST(Records, ServicesHeadlessOnesAndTheirPods) {
  RecordInput input;
  input.namespaces = {"default"};
  input.services = {service("web", "10.143.0.9"), service("db", "None")};
  auto slice = std::make_shared<api::discoveryv1::EndpointSlice>();
  slice->metadata.namespace_ = "default";
  slice->metadata.labels["kubernetes.io/service-name"] = "db";
  slice->ports.emplace_back();
  slice->ports[0].name = "http";
  slice->ports[0].port = 5432;
  slice->endpoints.resize(2);
  slice->endpoints[0].addresses = {"10.142.0.2"};
  slice->endpoints[0].hostname = "db-0";
  slice->endpoints[1].addresses = {"10.142.0.3"};
  input.slices = {slice};
  std::string text = build_records(input);
  RecordTable table(text);
  ASSERT_TRUE(table.valid());
  EXPECT_EQ(table.find("web.default.svc.cluster.local").at(0).data, "10.143.0.9");
  EXPECT_EQ(table.find("_http._tcp.web.default.svc.cluster.local").at(0).data, "100 80 web.default.svc.cluster.local");
  EXPECT_EQ(table.find("9.0.143.10.in-addr.arpa").at(0).data, "web.default.svc.cluster.local");
  EXPECT_EQ(table.find("db.default.svc.cluster.local").size(), 2u);
  EXPECT_EQ(table.find("db-0.db.default.svc.cluster.local").at(0).data, "10.142.0.2");
  EXPECT_EQ(table.find("10-142-0-3.db.default.svc.cluster.local").at(0).data, "10.142.0.3");
  EXPECT_EQ(table.find("_http._tcp.db.default.svc.cluster.local").size(), 2u);
}

}  // namespace
}  // namespace reigen::dns
