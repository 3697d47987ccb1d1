#include "controllers/container/address_plan.h"

#include <gtest/gtest.h>

#include "api/docker_names.h"
#include "api/json.h"
#include "controllers/container/address_book.h"

namespace reigen::controllers {
namespace {

using namespace api::dockerv1;

struct Case {
  AddressInput input;
  std::shared_ptr<Network> network = std::make_shared<Network>();

  explicit Case(const std::string& subnet = "10.5.0.0/29", const std::string& range = "") {
    network->metadata.name = std::string(64, 'e');
    network->spec.docker_name = "front";
    network->spec.driver = "bridge";
    network->spec.enable_ipv4 = true;
    auto& pool = network->spec.pools.emplace_back();
    pool.subnet = subnet;
    pool.ip_range = range;
    input.networks["front"] = network;
  }
  Case& asks(const std::string& address = "", const std::string& name = "front") {
    auto& request = input.requests.emplace_back();
    request.network = name;
    request.ipv4_address = address;
    return *this;
  }
  Case& taken(const std::string& address) {
    input.taken[network->metadata.name].insert(*IpAddress::parse(address));
    return *this;
  }
  EndpointsRecord plan() const {
    return plan_addresses(input, [] { return std::string(64, 'f'); });
  }
  std::string address() const {
    auto record = plan();
    if (!record.error.empty()) return std::to_string(record.error_code) + " " + record.error;
    return record.endpoints.empty() ? "" : record.endpoints.back().ip_address;
  }
};

TEST(AddressPlan, TheLowestFreeOneIsGiven) {
  EXPECT_EQ(Case().asks().address(), "10.5.0.2") << ".0 is the network, .1 the gateway";
  EXPECT_EQ(Case().asks().taken("10.5.0.2").taken("10.5.0.4").address(), "10.5.0.3");
  auto record = Case().asks().plan();
  EXPECT_EQ(record.endpoints.at(0).gateway, "10.5.0.1");
  EXPECT_EQ(record.endpoints.at(0).ip_prefix_len, 29);
  EXPECT_EQ(record.endpoints.at(0).mac_address, "02:42:0a:05:00:02");
  EXPECT_EQ(record.endpoints.at(0).endpoint_id, std::string(64, 'f'));
}

TEST(AddressPlan, WithARangeTheGatewayIsItsFirst) {
  Case given;
  given.network->spec.pools[0].ip_range = "10.5.0.4/30";
  auto record = given.asks().plan();
  EXPECT_EQ(record.endpoints.at(0).gateway, "10.5.0.4");
  EXPECT_EQ(record.endpoints.at(0).ip_address, "10.5.0.5");
  given.network->spec.pools[0].ip_range = "10.5.0.0/30";
  EXPECT_EQ(given.plan().endpoints.at(0).gateway, "10.5.0.1");
}

TEST(AddressPlan, GatewayReservationsAndWishesAreLeftOut) {
  Case given;
  given.network->spec.pools[0].gateway = "10.5.0.2";
  given.network->spec.pools[0].reserved["router"] = "10.5.0.3";
  given.input.wished[given.network->metadata.name].insert(*IpAddress::parse("10.5.0.1"));
  EXPECT_EQ(given.asks().address(), "10.5.0.4");
  EXPECT_EQ(Case("10.5.0.0/24", "10.5.0.128/25").asks().address(), "10.5.0.129") << "the range begins with the gateway";
}

TEST(AddressPlan, ExhaustionIsTold) {
  Case full;
  for (const char* address : {"10.5.0.2", "10.5.0.3", "10.5.0.4", "10.5.0.5", "10.5.0.6"}) full.taken(address);
  EXPECT_EQ(full.asks().address(), "500 no available IPv4 addresses on this network's address pools: front (" + std::string(64, 'e') + ")");
  EXPECT_TRUE(full.plan().endpoints.empty());
  EXPECT_EQ(full.plan().error_network, "front");
  auto& second = full.network->spec.pools.emplace_back();
  second.subnet = "10.6.0.0/24";
  EXPECT_EQ(full.address(), "10.6.0.2");
}

TEST(AddressPlan, AFixedAddressIsHadOrRefused) {
  EXPECT_EQ(Case().asks("10.5.0.5").address(), "10.5.0.5");
  EXPECT_EQ(Case().asks("10.5.0.5").taken("10.5.0.5").address(), "403 Address already in use");
  EXPECT_EQ(Case().asks("10.5.0.1").address(), "403 Address already in use") << "the gateway's";
  EXPECT_EQ(Case().asks("10.7.0.1").address(), "400 Invalid address 10.7.0.1: It does not belong to any of this network's subnets");
  EXPECT_EQ(Case().asks("", "nothere").address(), "404 network nothere not found");
}

TEST(AddressPlan, BothFamilies) {
  Case both;
  both.network->spec.enable_ipv6 = true;
  both.network->spec.pools.emplace_back().subnet = "fd00:5::/64";
  auto endpoint = both.asks().plan().endpoints.at(0);
  EXPECT_EQ(endpoint.ip_address, "10.5.0.2");
  EXPECT_EQ(endpoint.ipv6_address, "fd00:5::2");
  EXPECT_EQ(endpoint.ipv6_prefix_len, 64);
  EXPECT_EQ(endpoint.ipv6_gateway, "fd00:5::1");
}

TEST(AddressPlan, HostAndNoneHaveNone) {
  Case host;
  host.network->spec.driver = "host";
  auto endpoint = host.asks().plan().endpoints.at(0);
  EXPECT_EQ(endpoint.ip_address, "");
  EXPECT_EQ(endpoint.mac_address, "");
  EXPECT_EQ(endpoint.network_id, std::string(64, 'e'));
}

TEST(AddressPlan, ARunThatGoesOnKeepsWhatItHas) {
  Case running = Case().asks();
  running.input.running = true;
  running.input.current = Case().taken("10.5.0.2").asks().plan();
  EXPECT_EQ(running.address(), "10.5.0.3");
  auto other = std::make_shared<Network>(*running.network);
  other->metadata.name = std::string(64, 'd');
  other->spec.pools[0].subnet = "10.8.0.0/24";
  running.input.networks["back"] = other;
  auto connected = running.asks("", "back").plan();
  ASSERT_EQ(connected.endpoints.size(), 2U);
  EXPECT_EQ(connected.endpoints[0].ip_address, "10.5.0.3");
  EXPECT_EQ(connected.endpoints[1].ip_address, "10.8.0.2");
  running.input.requests[1].ipv4_address = "10.9.0.1";
  auto refused = running.plan();
  EXPECT_EQ(refused.endpoints.size(), 1U) << "what it has stays";
  EXPECT_EQ(refused.error_network, "back");
  running.input.requests.clear();
  EXPECT_TRUE(running.plan().endpoints.empty());
}

std::shared_ptr<api::corev1::Pod> pod_with(const std::string& id, const EndpointsRecord& record, int run = 1) {
  auto pod = std::make_shared<api::corev1::Pod>();
  pod->metadata.annotations[api::kContainerAnnotation] = id;
  pod->metadata.annotations[api::kRunAnnotation] = std::to_string(run);
  pod->metadata.annotations[api::kEndpointsAnnotation] = api::encode_json(record);
  return pod;
}

TEST(AddressBook, WhatIsOnItsWayIsTaken) {
  AddressBook book;
  auto give = [&](const std::string& id) { return book.give(id, Case().asks().input, [] { return std::string(64, 'f'); }); };
  auto first = give("a");
  EXPECT_EQ(first.endpoints.at(0).ip_address, "10.5.0.2");
  EXPECT_EQ(give("a").endpoints.at(0).ip_address, "10.5.0.2") << "asked again after a failure";
  EXPECT_EQ(give("b").endpoints.at(0).ip_address, "10.5.0.3");
  book.give_back("b");
  auto pod = pod_with("a", first);
  book.pod_changed(nullptr, pod);
  auto second = give("b");
  EXPECT_EQ(second.endpoints.at(0).ip_address, "10.5.0.3");
  book.pod_changed(nullptr, pod_with("b", second));
  book.pod_changed(pod, nullptr);
  EXPECT_EQ(give("c").endpoints.at(0).ip_address, "10.5.0.2");
}

TEST(AddressBook, AnOlderStateOfThePodTakesNothingAway) {
  AddressBook book;
  auto new_id = [] { return std::string(64, 'f'); };
  auto born = pod_with("a", {});
  book.pod_changed(nullptr, born);
  Case connect = Case().asks();
  connect.input.running = true;
  auto record = book.give("a", connect.input, new_id);
  book.pod_changed(born, born);  // its status changed, before the record's write is seen
  EXPECT_EQ(book.give("b", Case().asks().input, new_id).endpoints.at(0).ip_address, "10.5.0.3");
  book.give_back("a");
  EXPECT_EQ(book.give("c", Case().asks().input, new_id).endpoints.at(0).ip_address, "10.5.0.2");
}

}  // namespace
}  // namespace reigen::controllers
