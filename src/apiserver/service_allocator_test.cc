#include "apiserver/service_allocator.h"

#include <gtest/gtest.h>

#include <set>

#include "api/corev1.h"
#include "api/errors.h"
#include "api/metav1.h"
#include "apiserver/api_server.h"
#include "apiserver/codec.h"
#include "apiserver/kubernetes_service.h"
#include "apiserver/local_transport.h"
#include "apiserver/user.h"
#include "base/sim_disk.h"
#include "base/sim_executor.h"
#include "store/embedded_store.h"

namespace reigen::apiserver {
namespace {

using api::corev1::Service;
using client::Verb;

// A server with eight-address range and two node ports, on a simulated disk.
class ServiceAllocatorTest : public testing::Test {
 protected:
  ServiceAllocatorTest() { restart(); }
  ~ServiceAllocatorTest() override { stop(); }

  void stop() {
    transport_.reset();
    executor_.run_ready();
    server_.reset();
    store_.reset();
  }
  void restart() {
    stop();
    auto store = store::EmbeddedStore::open({.directory = "/data", .executor = &executor_, .inline_commit = true, .disk = &disk_});
    ASSERT_TRUE(store) << store.error().message();
    store_ = std::move(*store);
    ApiServerOptions options;
    options.services = {.cidrs = {"10.0.0.0/29"}, .node_port_low = 30000, .node_port_high = 30001};
    server_ = std::make_unique<ApiServer>(options, *store_, executor_, random_);
    transport_ = server_->local_transport({.name = "test", .uid = {}, .groups = {}, .extra = {}});
  }

  Result<Service> send(Verb verb, Service service, bool dry_run = false) {
    client::Request request;
    request.verb = verb;
    request.kind = &api::kind_of<Service>();
    request.namespace_ = "default";
    if (verb != Verb::kCreate) request.name = service.metadata.name;
    request.body = api::Object::of(std::move(service));
    request.dry_run = dry_run;
    TRY_ASSIGN(auto response, transport_->call(request));
    return response.object.as<Service>();
  }
  Service service(std::string name, std::string type = "ClusterIP", std::string address = {}) {
    Service service;
    service.metadata.name = std::move(name);
    service.spec.type = std::move(type);
    service.spec.cluster_ip = std::move(address);
    service.spec.ports.emplace_back().port = 80;
    if (service.spec.type == "ExternalName") service.spec.external_name = "example.com";
    return service;
  }
  Status remove(std::string name) {
    client::Request request;
    request.verb = Verb::kDelete;
    request.kind = &api::kind_of<Service>();
    request.namespace_ = "default";
    request.name = std::move(name);
    auto response = transport_->call(request);
    if (!response) return fail(response.error());
    return {};
  }
  uint32_t taken(const char* key) {
    auto entry = store_->get(std::string("/registry/ranges/") + key);
    if (!entry || !*entry) return 0;
    auto object = decode_stored(*(*entry)->value, api::kind_of<api::corev1::RangeAllocation>(), 1);
    return object ? Bitmap(object->as<api::corev1::RangeAllocation>().data.data).count() : 0;
  }

  SimDisk disk_;
  SimExecutor executor_;
  SeededRandom random_{7};
  std::unique_ptr<store::EmbeddedStore> store_;
  std::unique_ptr<ApiServer> server_;
  std::unique_ptr<LocalTransport> transport_;
};

TEST_F(ServiceAllocatorTest, GivesEachAddressOnce) {
  std::set<std::string> addresses;
  for (int i = 0; i < 6; ++i) {
    auto made = send(Verb::kCreate, service("s" + std::to_string(i)));
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_TRUE(addresses.insert(made->spec.cluster_ip).second);
    EXPECT_EQ(made->spec.cluster_ips, std::vector<std::string>{made->spec.cluster_ip});
    EXPECT_EQ(made->spec.ip_families, std::vector<std::string>{"IPv4"});
    EXPECT_EQ(made->spec.ip_family_policy, "SingleStack");
  }
  auto full = send(Verb::kCreate, service("more"));
  ASSERT_FALSE(full);
  EXPECT_NE(full.error().message().find("failed to allocate a serviceIP: range is full"), std::string::npos) << full.error().message();
  ASSERT_TRUE(remove("s3"));
  EXPECT_TRUE(send(Verb::kCreate, service("more")));
}

TEST_F(ServiceAllocatorTest, RefusesTakenAndForeignAddresses) {
  ASSERT_TRUE(send(Verb::kCreate, service("a", "ClusterIP", "10.0.0.5")));
  struct Case {
    const char *address, *text;
  };
  for (auto [address, text] :
       {Case{"10.0.0.5", "provided IP is already allocated"}, Case{"10.0.0.7", "is not in the valid range. The range of valid IPs is 10.0.0.0/29"},
        Case{"10.0.0.0", "is not in the valid range"}, Case{"192.168.0.1", "is not in the valid range"}, Case{"10.0.0.300", "must be a valid IP address"}}) {
    auto refused = send(Verb::kCreate, service("b", "ClusterIP", address));
    ASSERT_FALSE(refused) << address;
    EXPECT_NE(refused.error().message().find(text), std::string::npos) << refused.error().message();
  }
  EXPECT_EQ(taken("serviceips"), 1U);
}

TEST_F(ServiceAllocatorTest, GivesBackWhatAFailedWriteTook) {
  auto twice = service("a", "NodePort");
  twice.spec.ports[0].target_port = "bad_name";
  EXPECT_FALSE(send(Verb::kCreate, twice));
  EXPECT_EQ(taken("serviceips"), 0U);
  EXPECT_EQ(taken("servicenodeports"), 0U);
  ASSERT_TRUE(send(Verb::kCreate, service("a", "NodePort")));
  EXPECT_FALSE(send(Verb::kCreate, service("a", "NodePort")));
  EXPECT_EQ(taken("serviceips"), 1U);
  EXPECT_EQ(taken("servicenodeports"), 1U);
  EXPECT_TRUE(send(Verb::kCreate, service("dry", "NodePort"), true));
  EXPECT_EQ(taken("serviceips"), 1U);
  EXPECT_EQ(taken("servicenodeports"), 1U);
}

TEST_F(ServiceAllocatorTest, ReleasesWhenTheTypeChanges) {
  auto made = send(Verb::kCreate, service("a", "NodePort"));
  ASSERT_TRUE(made);
  EXPECT_EQ(taken("servicenodeports"), 1U);
  auto changed = *made;
  changed.spec.type = "ClusterIP";
  auto now = send(Verb::kUpdate, changed);
  ASSERT_TRUE(now) << now.error().message();
  EXPECT_EQ(now->spec.ports[0].node_port, 0);
  EXPECT_EQ(taken("servicenodeports"), 0U);
  changed = *now;
  changed.spec.type = "ExternalName";
  changed.spec.external_name = "example.com";
  now = send(Verb::kUpdate, changed);
  ASSERT_TRUE(now) << now.error().message();
  EXPECT_EQ(now->spec.cluster_ip, "");
  EXPECT_EQ(taken("serviceips"), 0U);
}

TEST_F(ServiceAllocatorTest, SurvivesARestartAndRepairs) {
  auto made = send(Verb::kCreate, service("a", "NodePort", "10.0.0.2"));
  ASSERT_TRUE(made);
  restart();
  EXPECT_FALSE(send(Verb::kCreate, service("b", "ClusterIP", "10.0.0.2")));
  // As if the server had died between taking and writing; and as if the ranges had been lost.
  store::Write lost{.key = "/registry/ranges/serviceips", .value = nullptr};
  ASSERT_TRUE(store::write_and_wait(*store_, std::move(lost)));
  api::corev1::RangeAllocation all;
  all.range = "30000-30001";
  all.data.data = std::string(1, '\x03');
  store::Write leaked{.key = "/registry/ranges/servicenodeports", .value = store::make_bytes(encode_stored(api::Object::of(all)))};
  ASSERT_TRUE(store::write_and_wait(*store_, std::move(leaked)));
  restart();
  EXPECT_EQ(taken("serviceips"), 1U);
  EXPECT_EQ(taken("servicenodeports"), 1U);
  EXPECT_FALSE(send(Verb::kCreate, service("b", "ClusterIP", "10.0.0.2")));
}

TEST(BitmapTest, HoldsAndTrims) {
  Bitmap bits;
  EXPECT_FALSE(bits.test(1000));
  bits.set(9, true);
  bits.set(17, true);
  EXPECT_TRUE(bits.test(9));
  EXPECT_EQ(bits.count(), 2U);
  EXPECT_EQ(bits.bytes().size(), 3U);
  bits.set(17, false);
  EXPECT_EQ(bits.bytes().size(), 2U);
  bits.set(5000, false);
  EXPECT_EQ(bits, Bitmap(std::string("\0\x02\0", 3)));
}

TEST(FirstAddressTest, IsTheOneAfterTheNetwork) {
  EXPECT_EQ(*first_address("10.43.0.0/16"), "10.43.0.1");
  EXPECT_EQ(*first_address("10.43.7.9/16"), "10.43.0.1");
  EXPECT_EQ(*first_address("fd00::/108"), "fd00::1");
  EXPECT_FALSE(first_address("10.43.0.0"));
}

}  // namespace
}  // namespace reigen::apiserver
