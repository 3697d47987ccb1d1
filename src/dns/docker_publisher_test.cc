#include "dns/docker_publisher.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "api/dockerv1.h"
#include "base/files.h"
#include "base/sim_executor.h"
#include "client/fake_transport.h"
#include "dns/docker_names.h"

namespace reigen::dns {
namespace {

using api::dockerv1::Container;
using std::chrono::seconds;

Container container(const std::string& name, const std::string& address) {
  Container made;
  made.metadata.name = std::string(64, name[0]);
  made.spec.docker_name = name;
  api::dockerv1::EndpointStatus endpoint;
  endpoint.network = "app";
  endpoint.network_id = std::string(64, 'f');
  endpoint.ip_address = address;
  made.status.networks = {endpoint};
  return made;
}

struct DockerPublisherTest : ::testing::Test {
  DockerPublisherTest() : run(*make_temporary_directory(::testing::TempDir(), "publisher-")) {}
  ~DockerPublisherTest() override { EXPECT_TRUE(remove_tree(run)); }

  std::string text() {
    auto read = read_file(docker_names_path(run), 1 << 20);
    return read ? *read : "missing";
  }
  std::vector<IpAddress> addresses(const std::string& name) {
    std::string all = text();
    return DockerNames(all).addresses(std::string(64, 'f'), name);
  }
  uint64_t inode() {
    struct stat info{};
    return stat(docker_names_path(run).c_str(), &info) == 0 ? info.st_ino : 0;
  }

  std::string run;
  SimExecutor executor;
  client::FakeTransport api;
  client::Informers informers{api, executor};
  DockerPublisher publisher{informers, executor, {run}};
};

TEST_F(DockerPublisherTest, FollowsContainersAndKeepsAnEarlierFileUntilItKnows) {
  ASSERT_TRUE(write_file(docker_names_path(run), "earlier\n"));
  api.put(api::Object::of(container("web", "172.18.0.2")));
  api.put(api::Object::of(container("db", "172.18.0.3")));
  publisher.start();
  EXPECT_EQ(text(), "earlier\n");
  informers.start();
  executor.run_for(seconds(1));
  EXPECT_TRUE(publisher.ready());
  EXPECT_EQ(addresses("web").at(0).str(), "172.18.0.2");
  api.put(api::Object::of(container("web", "")));
  executor.run_for(std::chrono::milliseconds(20));
  EXPECT_TRUE(addresses("web").empty()) << "it has ended";
  EXPECT_EQ(addresses("db").size(), 1u);
  uint64_t before = inode();
  Container same = container("db", "172.18.0.3");
  same.status.state = "paused";
  api.put(api::Object::of(same));
  executor.run_for(seconds(1));
  EXPECT_EQ(inode(), before) << "nothing changed for the file";
  api.remove(std::string(64, 'd'));
  executor.run_for(seconds(1));
  EXPECT_EQ(text(), "");
}

TEST_F(DockerPublisherTest, WhatItsNodeSaysCountsAtOnce) {
  api.put(api::Object::of(container("web", "172.18.0.2")));
  publisher.start();
  publisher.put(container("web", "172.18.0.9"));
  EXPECT_EQ(text(), "missing") << "others are not known yet";
  informers.start();
  executor.run_for(seconds(1));
  EXPECT_EQ(addresses("web").at(0).str(), "172.18.0.9");
  publisher.put(container("web", ""));
  EXPECT_TRUE(addresses("web").empty());
  api.put(api::Object::of(container("web", "172.18.0.3")));
  executor.run_for(seconds(1));
  EXPECT_TRUE(addresses("web").empty()) << "the API is behind";
  publisher.put(container("web", "172.18.0.4"));
  EXPECT_EQ(addresses("web").at(0).str(), "172.18.0.4");
  api.remove(std::string(64, 'w'));
  executor.run_for(seconds(1));
  EXPECT_EQ(text(), "");
}

}  // namespace
}  // namespace reigen::dns
