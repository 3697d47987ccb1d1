// The kinds of docker.reigen.dev through a whole server: strategies, the admission plug-in, what nodes may.

#include "apiserver/strategy/docker_strategies.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "api/corev1.h"
#include "api/docker_names.h"
#include "api/dockerv1.h"
#include "api/errors.h"
#include "api/pod_rules.h"
#include "apiserver/admission/plugins.h"
#include "apiserver/api_server.h"
#include "apiserver/auth/node_authorizer.h"
#include "apiserver/docker_error.h"
#include "apiserver/docker_users.h"
#include "apiserver/local_transport.h"
#include "apiserver/table/table.h"
#include "apiserver/user.h"
#include "base/sim_executor.h"
#include "client/client.h"
#include "store/embedded_store.h"

namespace reigen::apiserver {
namespace {

using namespace api::dockerv1;
using api::corev1::Pod;

std::string id_of(char digit) { return std::string(64, digit); }

class DockerKinds : public testing::Test {
 protected:
  DockerKinds() {
    std::filesystem::remove_all(directory_);
    auto store = store::EmbeddedStore::open({.directory = directory_, .executor = &executor_, .inline_commit = true});
    EXPECT_TRUE(store);
    store_ = std::move(*store);
    ApiServerOptions options;
    plugins_.push_back(make_node_restriction());
    plugins_.push_back(make_container_link());
    for (auto& plugin : plugins_) options.admission.push_back(plugin.get());
    server_ = std::make_unique<ApiServer>(options, *store_, executor_, random_);
    endpoint_ = as(kDockerEndpointUser);
    controller_ = as(kContainerControllerUser);
    admin_ = as("admin", {"system:masters"});
    node_ = as("system:node:a", {"system:nodes"});
  }
  ~DockerKinds() override {
    endpoint_.reset();
    controller_.reset();
    admin_.reset();
    node_.reset();
    transports_.clear();
    executor_.run_ready();
    server_.reset();
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::unique_ptr<client::Client> as(std::string_view user, std::vector<std::string> groups = {}) {
    transports_.push_back(server_->local_transport({.name = std::string(user), .uid = {}, .groups = std::move(groups), .extra = {}}));
    return std::make_unique<client::Client>(*transports_.back());
  }

  Status claim(std::string kind, std::string name, std::string holder) {
    NameClaim claim;
    claim.metadata.name = api::claim_object_name(kind, name);
    claim.spec.kind = std::move(kind);
    claim.spec.docker_name = std::move(name);
    claim.spec.holder = std::move(holder);
    auto made = endpoint_->create(claim);
    if (!made) return Fail(made.error());
    return {};
  }
  static Container container(const std::string& name, char digit) {
    Container container;
    container.metadata.name = id_of(digit);
    container.spec.node_name = "a";
    container.spec.docker_name = name;
    container.spec.image_id = "sha256:1";
    container.spec.config.raw = R"({"Image":"busybox"})";
    container.spec.host_config.raw = R"({"Memory":0,"RestartPolicy":{"Name":"no"},"Privileged":false})";
    return container;
  }
  Container made(const std::string& name, char digit) {
    EXPECT_TRUE(claim("Container", name, id_of(digit)));
    auto made = endpoint_->create(container(name, digit));
    EXPECT_TRUE(made) << made.error().message();
    return made ? **made : Container{};
  }
  static Network network(const std::string& name, char digit, const std::string& subnet) {
    Network network;
    network.metadata.name = id_of(digit);
    network.spec.docker_name = name;
    network.spec.driver = "bridge";
    network.spec.pools.emplace_back().subnet = subnet;
    return network;
  }
  static Pod pod_of(const Container& container) {
    Pod pod;
    pod.metadata.name = api::container_pod_name(container.spec.docker_name, container.metadata.name);
    pod.metadata.namespace_ = "default";
    pod.metadata.annotations[api::kContainerAnnotation] = container.metadata.name;
    auto& owner = pod.metadata.owner_references.emplace_back();
    owner.api_version = "docker.reigen.dev/v1";
    owner.kind = "Container";
    owner.name = container.metadata.name;
    owner.uid = container.metadata.uid;
    owner.controller = true;
    pod.spec.node_name = container.spec.node_name;
    auto& program = pod.spec.containers.emplace_back();
    program.name = "c";
    program.image = "busybox";
    return pod;
  }
  template <class T>
  static std::string fault(const Result<T>& result) {
    return result ? "" : result.error().message();
  }

  std::string directory_ = testing::TempDir() + "docker_kinds_" + std::to_string(getpid());
  SimExecutor executor_;
  SeededRandom random_{7};
  std::unique_ptr<store::EmbeddedStore> store_;
  std::vector<std::unique_ptr<AdmissionPlugin>> plugins_;
  std::unique_ptr<ApiServer> server_;
  std::vector<std::unique_ptr<LocalTransport>> transports_;
  std::unique_ptr<client::Client> endpoint_, controller_, admin_, node_;
};

TEST_F(DockerKinds, ANameIsClaimedBeforeItIsHad) {
  EXPECT_EQ(fault(endpoint_->create(container("web", 'a'))),
            "Container.docker.reigen.dev \"" + id_of('a') + "\" is invalid: spec.dockerName: Invalid value: \"web\": is not claimed by this container");
  Container web = made("web", 'a');
  EXPECT_EQ(web.status.state, "created");
  EXPECT_EQ(web.metadata.generation, 1);
  EXPECT_EQ(api::status_of(claim("Container", "web", id_of('b')).error()).code, 409);
  EXPECT_TRUE(claim("Network", "web", id_of('b'))) << "networks have names of their own";
  std::string claimed = api::claim_object_name("Container", "web");
  EXPECT_EQ(fault(admin_->remove<NameClaim>("", claimed)), "nameclaims.docker.reigen.dev \"" + claimed + "\" is forbidden: its holder exists and has the name");
  EXPECT_TRUE(endpoint_->remove<NameClaim>("", claimed));
}

TEST_F(DockerKinds, AContainerIsChecked) {
  ASSERT_TRUE(claim("Container", "web", id_of('a')));
  auto refused = [&](const std::function<void(Container&)>& change) {
    Container container = DockerKinds::container("web", 'a');
    change(container);
    return fault(endpoint_->create(container));
  };
  auto says = [](const std::string& message, std::string_view what) { return message.find(what) != std::string::npos; };
  EXPECT_TRUE(says(refused([](Container& c) { c.spec.node_name.clear(); }), "spec.nodeName: Required value"));
  EXPECT_TRUE(says(refused([](Container& c) { c.spec.config.raw = R"({"Env":5})"; }), "spec.config: Invalid value"));
  EXPECT_TRUE(says(refused([](Container& c) { c.spec.run.number = 1; }), "spec.run.number: Forbidden"));
  EXPECT_TRUE(says(refused([](Container& c) { c.spec.mounts.emplace_back().type = "npipe"; }), "spec.mounts[0].type: Unsupported value"));
  EXPECT_TRUE(says(refused([](Container& c) { c.metadata.name = "web"; }), "must be 64 hexadecimal digits"));
}

TEST_F(DockerKinds, OnlyWhatDockerChangesMayChange) {
  Container web = made("web", 'a');
  auto updated = [&](const std::function<void(Container&)>& change) {
    Container next = web;
    change(next);
    auto answer = endpoint_->update(next);
    if (answer) web = **answer;
    return fault(answer);
  };
  EXPECT_EQ(updated([](Container& c) { c.spec.run.number = 1, c.spec.run.wanted = true; }), "");
  EXPECT_EQ(web.metadata.generation, 2);
  EXPECT_EQ(updated([](Container& c) { c.spec.host_config.raw = R"({"Memory":5,"RestartPolicy":{"Name":"always"},"Privileged":false})"; }), "");
  EXPECT_NE(updated([](Container& c) { c.spec.host_config.raw = R"({"Memory":5,"RestartPolicy":{"Name":"always"},"Privileged":true})"; }), "");
  EXPECT_NE(updated([](Container& c) { c.spec.run.number = 3; }), "");
  EXPECT_NE(updated([](Container& c) { c.spec.node_name = "b"; }), "");
  EXPECT_NE(updated([](Container& c) { c.spec.mounts.emplace_back().type = "tmpfs"; }), "");
  EXPECT_NE(updated([](Container& c) { c.spec.docker_name = "other"; }), "") << "not claimed";
  ASSERT_TRUE(claim("Container", "other", id_of('a')));
  EXPECT_EQ(updated([](Container& c) { c.spec.docker_name = "other"; }), "");
  EXPECT_EQ(updated([](Container& c) { c.status.state = "running"; }), "");
  EXPECT_EQ(web.status.state, "created") << "the status is the node's";
}

TEST_F(DockerKinds, ANodeWritesTheStatusOfItsOwn) {
  Container web = made("web", 'a');
  web.status.state = "running";
  auto written = node_->update_status(web);
  ASSERT_TRUE(written) << written.error().message();
  EXPECT_EQ((*written)->status.state, "running");
  web = **written;
  web.status.run_number = 1;
  EXPECT_NE(fault(node_->update_status(web)), "") << "that run was never asked for";
  web.status.run_number = 0;
  web.metadata.labels["x"] = "y";
  EXPECT_NE(fault(node_->update_status(web)), "");
  auto other = as("system:node:b", {"system:nodes"});
  web.metadata.labels.clear();
  EXPECT_NE(fault(other->update_status(web)), "");

  NodeAuthorizer authorizer(server_->reader());
  User node{.name = "system:node:a", .uid = {}, .groups = {"system:nodes"}, .extra = {}};
  auto allowed = [&](std::string_view verb, std::string_view selector, std::string_view subresource = "", std::string_view name = "") {
    AccessRequest access{};
    access.user = &node;
    access.resource_request = true;
    access.group = "docker.reigen.dev";
    access.resource = "containers";
    access.verb = verb;
    access.subresource = subresource;
    access.name = name;
    access.field_selector = selector;
    return authorizer.authorize(access).decision == Decision::kAllow;
  };
  EXPECT_TRUE(allowed("watch", "spec.nodeName=a"));
  EXPECT_FALSE(allowed("watch", "spec.nodeName=b"));
  EXPECT_FALSE(allowed("list", ""));
  EXPECT_TRUE(allowed("update", "", "status", id_of('a')));
  EXPECT_FALSE(allowed("update", "", "", id_of('a')));
}

TEST_F(DockerKinds, PoolsOfNetworksDoNotOverlap) {
  for (char digit : {'1', '2', '3'}) ASSERT_TRUE(claim("Network", std::string("net") + digit, id_of(digit)));
  auto first = endpoint_->create(network("net1", '1', "172.18.0.0/16"));
  ASSERT_TRUE(first);
  EXPECT_EQ((*first)->spec.vni, 4096);
  auto second = endpoint_->create(network("net2", '2', "172.18.4.0/24"));
  EXPECT_EQ(fault(second), "networks.docker.reigen.dev \"" + id_of('2') + "\" is forbidden: " + std::string(kPoolOverlaps));
  auto other = endpoint_->create(network("net2", '2', "172.19.0.0/16"));
  ASSERT_TRUE(other) << "the refused one holds nothing";
  EXPECT_EQ((*other)->spec.vni, 4097);
  auto third = network("net3", '3', "172.20.0.0/16");
  third.spec.pools[0].gateway = "172.21.0.1";
  EXPECT_NE(fault(endpoint_->create(third)).find("spec.pools[0].gateway"), std::string::npos);
  third.spec.pools[0].gateway = "172.20.0.1";
  third.spec.builtin = true;
  EXPECT_NE(fault(endpoint_->create(third)).find("spec.builtin: Forbidden"), std::string::npos);
  EXPECT_TRUE(controller_->create(third));
  EXPECT_NE(fault(endpoint_->remove<Network>("", id_of('3'))).find("pre-defined network"), std::string::npos);
  EXPECT_TRUE(controller_->remove<Network>("", id_of('3')));
  // A configuration holds none.
  auto form = network("net3", '3', "172.18.0.0/16");
  form.spec.config_only = true;
  EXPECT_NE(fault(endpoint_->create(form)).find("spec.driver"), std::string::npos);
  form.spec.driver = "null";
  EXPECT_TRUE(endpoint_->create(form));
  EXPECT_TRUE(endpoint_->remove<Network>("", id_of('2')));
  ASSERT_TRUE(claim("Network", "net4", id_of('4')));
  EXPECT_TRUE(endpoint_->create(network("net4", '4', "172.19.0.5/16"))) << "the subnet is the network of the address";
  EXPECT_TRUE(endpoint_->remove<Network>("", id_of('1')));
}

TEST_F(DockerKinds, AVolumeIsNamedAfterItsDockerName) {
  Volume volume;
  volume.spec.docker_name = "todo_data";
  volume.spec.node_name = "a";
  volume.spec.driver = "local";
  volume.metadata.name = "todo";
  EXPECT_NE(fault(endpoint_->create(volume)).find("metadata.name"), std::string::npos);
  volume.metadata.name = api::volume_object_name("todo_data");
  auto made = endpoint_->create(volume);
  ASSERT_TRUE(made) << made.error().message();
  Volume changed = **made;
  changed.spec.labels["any text"] = "of docker's";
  auto labelled = endpoint_->update(changed);
  ASSERT_TRUE(labelled) << labelled.error().message();
  changed = **labelled;
  changed.spec.driver_opts["type"] = "nfs";
  EXPECT_FALSE(endpoint_->update(changed));
}

TEST_F(DockerKinds, OnlyTheControllerLinksPods) {
  Container web = made("web", 'a');
  Pod pod = pod_of(web);
  EXPECT_EQ(fault(admin_->create(pod)),
            "pods \"web-aaaaaaaaaaaa\" is forbidden: annotation docker.reigen.dev/container may only be set by the container controller");
  Pod owned = pod;
  owned.metadata.annotations.clear();
  EXPECT_NE(fault(admin_->create(owned)).find("an owner of kind Container"), std::string::npos);
  Pod elsewhere = pod;
  elsewhere.spec.node_name = "b";
  EXPECT_FALSE(controller_->create(elsewhere));
  Pod misnamed = pod;
  misnamed.metadata.name = "x";
  EXPECT_FALSE(controller_->create(misnamed));
  Pod stranger = pod;
  stranger.metadata.owner_references[0].uid = "1";
  EXPECT_FALSE(controller_->create(stranger));
  Pod plain = pod;
  plain.metadata.annotations.clear();
  plain.metadata.owner_references.clear();
  EXPECT_FALSE(controller_->create(plain)) << "it makes no other pods";

  auto made = controller_->create(pod);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_TRUE(api::is_container_pod(**made));
  Pod changed = **made;
  changed.metadata.annotations[api::kEndpointsAnnotation] = "[]";
  EXPECT_FALSE(admin_->update(changed));
  auto patched = controller_->update(changed);
  ASSERT_TRUE(patched) << patched.error().message();
  Pod stolen = **patched;
  stolen.metadata.annotations.erase(api::kContainerAnnotation);
  EXPECT_FALSE(controller_->update(stolen));
  Pod labelled = **patched;
  labelled.metadata.labels["team"] = "x";
  EXPECT_TRUE(admin_->update(labelled)) << "what is not ours is anybody's";
}

TEST(DockerRows, TellWhatAContainerDoes) {
  Container container;
  container.metadata.name = id_of('a');
  container.spec.docker_name = "web";
  container.status.state = "exited";
  container.status.exit_code = 3;
  Row row;
  fill_row(api::Object::of(container), WallTime(), row);
  ASSERT_EQ(row.cells.size(), 7U);
  EXPECT_EQ(row.cells[1], "\"web\"");
  EXPECT_EQ(row.cells[3], "\"exited (3)\"");
}

TEST(DockerErrors, CarryDockersStatus) {
  Error error = docker_error(409, "Conflict.");
  EXPECT_EQ(docker_status(error), 409);
  EXPECT_EQ(error.code(), Code::kConflict);
  EXPECT_EQ(docker_status(Error(error).context("x")), 409);
  EXPECT_EQ(docker_error(500, "x").code(), Code::kInternal);
  EXPECT_FALSE(docker_status(api::not_found({"", "pods"}, "x")));
  EXPECT_FALSE(docker_status(Error(Code::kInternal, "x")));
  EXPECT_EQ(api::find_status(error), nullptr);
}

}  // namespace
}  // namespace reigen::apiserver
