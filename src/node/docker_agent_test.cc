// Docker's containers on a node, real ones, without an API server and its controller: root, crun, conmon and busybox are needed.
#include <gtest/gtest.h>

#include <condition_variable>

#include "api/docker_names.h"
#include "apiserver/docker_error.h"
#include "network/container_network.h"
#include "node/container_service.h"
#include "node/test_agent.h"

namespace reigen::node {
namespace {

using api::corev1::Pod;
using api::dockerv1::Container;
using apiserver::ContainerStreams;
using apiserver::ContainerTarget;

constexpr const char* kNetworkId = "5555555555555555555555555555555555555555555555555555555555555555";

// Legs as they were asked for; makes no links.
class NoContainerNetwork final : public network::ContainerNetwork {
 public:
  using Legs = std::vector<std::pair<network::BridgeSpec, network::Endpoint>>;
  Result<network::ContainerAttachment> attach(const std::string& sandbox, const std::string&, const std::string&, const Legs& legs,
                                              const std::vector<network::Publication>& ports) override {
    std::lock_guard lock(mutex_);
    auto& made = attachments_[sandbox];
    made.sandbox = sandbox;
    for (const auto& [bridge, endpoint] : legs) add(made, bridge, endpoint);
    for (const auto& port : ports) made.ports.push_back({port.protocol, port.host_ip, port.first, port.container_port});
    return made;
  }
  Result<network::ContainerAttachment> connect(const std::string& sandbox, const std::string&, const network::BridgeSpec& bridge,
                                               const network::Endpoint& endpoint) override {
    std::lock_guard lock(mutex_);
    add(attachments_[sandbox], bridge, endpoint);
    return attachments_[sandbox];
  }
  Status disconnect(const std::string& sandbox, const std::string&, const std::string& network) override {
    std::lock_guard lock(mutex_);
    std::erase_if(attachments_[sandbox].legs, [&](const auto& leg) { return leg.endpoint.network == network; });
    return {};
  }
  Status release(const std::string& sandbox) override {
    std::lock_guard lock(mutex_);
    released.insert(sandbox);
    return {};
  }
  Status detach(const std::string& sandbox) override {
    std::lock_guard lock(mutex_);
    attachments_.erase(sandbox);
    return {};
  }
  Status remove_bridge(const std::string&) override { return {}; }
  std::optional<network::ContainerAttachment> find(const std::string& sandbox) const override {
    std::lock_guard lock(mutex_);
    auto it = attachments_.find(sandbox);
    return it == attachments_.end() ? std::nullopt : std::optional(it->second);
  }
  Status collect(const std::set<std::string>&, const std::set<std::string>&) override { return {}; }
  Result<std::vector<IpNetwork>> networks_in_use() override { return std::vector<IpNetwork>(); }
  Result<std::vector<Counters>> counters(const std::string&) override { return std::vector<Counters>{{.name = "eth0", .rx_bytes = 7}}; }
  std::vector<network::Finding> check() override { return {}; }

  std::set<std::string> released;

 private:
  static void add(network::ContainerAttachment& to, const network::BridgeSpec& bridge, const network::Endpoint& endpoint) {
    network::Leg leg;
    leg.endpoint = endpoint;
    leg.name = "eth" + std::to_string(to.legs.size());
    for (const auto& pool : bridge.pools) leg.gateways.push_back(pool.gateway);
    to.legs.push_back(std::move(leg));
  }
  mutable std::mutex mutex_;
  std::map<std::string, network::ContainerAttachment> attachments_;
};

template <class T>
Result<T> await(const std::function<void(apiserver::Done<T>)>& call) {
  std::mutex mutex;
  std::condition_variable ready;
  std::optional<Result<T>> result;
  call([&](Result<T> got) {
    std::lock_guard lock(mutex);
    result = std::move(got);
    ready.notify_one();
  });
  std::unique_lock lock(mutex);
  if (!ready.wait_for(lock, std::chrono::seconds(120), [&] { return result.has_value(); })) return fail(Code::kDeadlineExceeded, "no answer");
  return std::move(*result);
}

// All of a stream as "1:text2:text" of its frames, or as it is.
std::string read_all(const std::shared_ptr<ByteStream>& stream, bool framed = true) {
  std::string raw, out;
  while (true) {
    auto data = await<std::string>([&](apiserver::Done<std::string> done) { stream->read(65536, std::move(done)); });
    if (!data || data->empty()) break;
    raw += *data;
  }
  if (!framed) return raw;
  for (size_t at = 0; at + 8 <= raw.size();) {
    auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(raw[at + i])); };
    size_t size = byte(4) << 24 | byte(5) << 16 | byte(6) << 8 | byte(7);
    out += std::to_string(byte(0)) + ":" + raw.substr(at + 8, size);
    at += 8 + size;
  }
  return out;
}

void send(const std::shared_ptr<ByteStream>& stream, std::string text) {
  (void)await<void>([&](apiserver::Done<void> done) { stream->write(std::move(text), std::move(done)); });
}

class DockerAgentTest : public AgentTest {
 protected:
  network::ContainerNetwork* docker_network() override { return &docker_network_; }

  static std::string id_of(char digit) { return std::string(64, digit); }
  static std::string pod_of(const std::string& id) { return api::container_pod_name("web", id); }

  void make(char digit, std::vector<std::string> argv, const std::string& config = "{}", const std::string& host = R"({"NetworkMode":"none"})",
            std::vector<api::dockerv1::MountPoint> mounts = {}) {
    Container container;
    container.metadata.name = id_of(digit);
    container.spec.node_name = "n1";
    container.spec.docker_name = std::string("web") + digit;
    container.spec.image_name = "busybox";
    container.spec.image_id = "sha256:1";
    container.spec.config.raw = config;
    container.spec.host_config.raw = host;
    container.spec.path = argv.front();
    container.spec.args.assign(argv.begin() + 1, argv.end());
    container.spec.mounts = std::move(mounts);
    container.status.state = "created";
    api_.put(api::Object::of(container));
  }

  // As the controller does it: the wish, then a pod.
  void run(char digit, const std::string& endpoints = "") {
    std::string id = id_of(digit);
    Container container = *api_.get<Container>("", id);
    ++container.spec.run.number;
    container.spec.run.wanted = true;
    api_.put(api::Object::of(container));
    Pod pod = make_pod(pod_of(id) + "-r" + std::to_string(container.spec.run.number), {});
    pod.metadata.annotations[std::string(api::kContainerAnnotation)] = id;
    pod.metadata.annotations[std::string(api::kRunAnnotation)] = std::to_string(container.spec.run.number);
    if (!endpoints.empty()) pod.metadata.annotations[std::string(api::kEndpointsAnnotation)] = endpoints;
    auto& owner = pod.metadata.owner_references.emplace_back();
    owner.api_version = "docker.reigen.dev/v1";
    owner.kind = "Container";
    owner.name = id;
    owner.uid = "uid-" + id;
    owner.controller = true;
    last_pod_ = pod.metadata.name;
    api_.put(api::Object::of(pod));
  }

  void stop(char digit, int64_t grace, const std::string& signal = "") {
    Container container = *api_.get<Container>("", id_of(digit));
    container.spec.run.wanted = false;
    container.spec.run.stopped_by_user = true;
    container.spec.run.grace_seconds = grace;
    container.spec.run.signal = signal;
    api_.put(api::Object::of(container));
    Pod pod = *api_.get<Pod>("default", last_pod_);
    pod.metadata.deletion_timestamp = api::Time(system_clock().wall());
    pod.metadata.deletion_grace_period_seconds = std::max<int64_t>(grace, 1);
    api_.put(api::Object::of(pod));
  }

  bool wait_status(char digit, const std::function<bool(const api::dockerv1::ContainerStatus&)>& done) {
    for (int i = 0; i < 12000; ++i, ::usleep(10'000)) {
      auto object = api_.get<Container>("", id_of(digit));
      if (object && done(object->status)) return true;
    }
    auto object = api_.get<Container>("", id_of(digit));
    ADD_FAILURE() << (object ? api::encode_json(*object) : "no container") << "\n" << api_.events();
    return false;
  }
  bool wait_state(char digit, const std::string& state) {
    return wait_status(digit, [&](const auto& status) { return status.state == state && status.run_number > 0; });
  }
  api::dockerv1::ContainerStatus status(char digit) { return api_.get<Container>("", id_of(digit))->status; }
  static ContainerTarget target(char digit) { return {"n1", id_of(digit), {}, ""}; }
  ContainerService& docker() { return *agent_->docker(); }

  Result<ContainerStreams> attach(char digit, bool in) {
    return await<ContainerStreams>(
        [&](auto done) { docker().attach({.target = target(digit), .in = in, .out = true, .err = true, .stream = true}, std::move(done)); });
  }
  std::string logs(char digit, bool follow = false) {
    auto stream = await<std::shared_ptr<ByteStream>>(
        [&](auto done) { docker().logs({.target = target(digit), .out = true, .err = true, .follow = follow}, std::move(done)); });
    return stream ? read_all(*stream) : stream.error().message();
  }
  std::string exec(char digit, std::vector<std::string> command, int* code = nullptr) {
    auto streams = await<ContainerStreams>(
        [&](auto done) { docker().exec({.target = target(digit), .command = std::move(command), .out = true, .err = true}, std::move(done)); });
    if (!streams) return streams.error().message();
    std::string out = read_all(streams->output);
    auto ended = await<int>([&](auto done) { streams->ended(std::move(done)); });
    if (code) *code = ended.value_or(-1);
    return out;
  }

  NoContainerNetwork docker_network_;
  std::string last_pod_;
};

TEST_F(DockerAgentTest, AContainerRunsEndsAndKeepsItsLayerAndLog) {
  make('a', {"sh", "-c", "echo out; sleep 0.5; echo err >&2; sleep 0.5; echo x >> /kept; cat /kept; exit 3"});
  auto begun = system_clock().now();
  run('a');
  ASSERT_TRUE(wait_state('a', "exited"));
  printf("container to its end: %ld ms\n", static_cast<long>((system_clock().now() - begun) / std::chrono::milliseconds(1)));
  auto first = status('a');
  EXPECT_EQ(first.exit_code, 3);
  EXPECT_EQ(first.exits, 1);
  EXPECT_EQ(first.attempts, 1);
  EXPECT_EQ(first.run_number, 1);
  EXPECT_EQ(first.pid, 0);
  EXPECT_FALSE(first.started_at.empty() || first.finished_at.empty());
  EXPECT_EQ(logs('a'), "1:out\n2:err\n1:x\n");
  run('a');
  ASSERT_TRUE(wait_status('a', [](const auto& status) { return status.run_number == 2 && status.state == "exited"; }));
  EXPECT_EQ(logs('a'), "1:out\n2:err\n1:x\n1:out\n2:err\n1:x\n1:x\n");
  EXPECT_EQ(status('a').exits, 2);
  auto changes = await<std::vector<std::pair<std::string, int>>>([&](auto done) { docker().changes(target('a'), std::move(done)); });
  if (!changes && changes.error().code() == Code::kUnimplemented) return;
  ASSERT_TRUE(changes);
  EXPECT_TRUE(std::any_of(changes->begin(), changes->end(), [](const auto& change) { return change == std::pair<std::string, int>("/kept", 1); }));
}

TEST_F(DockerAgentTest, WhoAttachesBeforeTheStartMissesNothing) {
  make('a', {"cat"}, R"({"OpenStdin":true,"StdinOnce":true})");
  ASSERT_TRUE(wait_for_node());
  auto streams = attach('a', true);
  ASSERT_TRUE(streams) << streams.error().message();
  send(streams->input, "one\n");
  run('a');
  send(streams->input, "two\n");
  streams->input->close_write();
  std::string got = read_all(streams->output);
  EXPECT_TRUE(got == "1:one\ntwo\n" || got == "1:one\n1:two\n") << got;  // the second may find the program running
  ASSERT_TRUE(wait_state('a', "exited"));
  EXPECT_EQ(status('a').exit_code, 0);
  EXPECT_EQ(logs('a'), "1:one\n1:two\n");
}

TEST_F(DockerAgentTest, ATerminalHasTheSizeAskedForBefore) {
  make('a', {"sh", "-c", "read x; echo $((x*7)) $TERM; exit 5"}, R"({"OpenStdin":true,"Tty":true})");
  ASSERT_TRUE(wait_for_node());
  ASSERT_TRUE(await<void>([&](auto done) { docker().resize(target('a'), 120, 40, std::move(done)); }));
  auto streams = attach('a', true);
  ASSERT_TRUE(streams) << streams.error().message();
  run('a');
  ASSERT_TRUE(wait_state('a', "running"));
  send(streams->input, "6\n");
  EXPECT_EQ(read_all(streams->output, false), "6\r\n42 xterm\r\n");
  ASSERT_TRUE(wait_state('a', "exited"));
  EXPECT_EQ(status('a').exit_code, 5);
}

TEST_F(DockerAgentTest, CallsOnARunningContainer) {
  make('a', {"sh", "-c", "echo begun; while :; do sleep 0.1; done"}, R"({"Env":["A=1"],"WorkingDir":"/tmp"})");
  ASSERT_TRUE(wait_for_node());
  EXPECT_EQ(exec('a', {"true"}), "Container " + id_of('a') + " is not running");
  run('a');
  ASSERT_TRUE(wait_state('a', "running"));
  EXPECT_GT(status('a').pid, 1);
  int code = 0;
  EXPECT_EQ(exec('a', {"sh", "-c", "echo $A $PWD; sleep 0.5; echo e >&2; exit 6"}, &code), "1:1 /tmp\n2:e\n");
  EXPECT_EQ(code, 6);
  EXPECT_NE(exec('a', {"/nosuch"}).find("exec: \"/nosuch\": stat /nosuch: no such file or directory"), std::string::npos) << exec('a', {"/nosuch"});
  ASSERT_TRUE(await<void>([&](auto done) { docker().pause(target('a'), true, std::move(done)); }));
  EXPECT_EQ(status('a').state, "paused");
  EXPECT_EQ(exec('a', {"true"}), "Container " + id_of('a') + " is paused, unpause the container before exec");
  auto again = await<void>([&](auto done) { docker().pause(target('a'), true, std::move(done)); });
  EXPECT_EQ(again.error().message(), "Container " + id_of('a') + " is already paused");
  EXPECT_EQ(apiserver::docker_status(again.error()).value_or(409), 409);
  ASSERT_TRUE(await<void>([&](auto done) { docker().pause(target('a'), false, std::move(done)); }));
  EXPECT_EQ(status('a').state, "running");
  auto stats = await<std::string>([&](auto done) { docker().stats(target('a'), std::move(done)); });
  ASSERT_TRUE(stats);
  EXPECT_NE(stats->find("\"online_cpus\""), std::string::npos) << *stats;
  auto top = await<apiserver::TopResult>([&](auto done) { docker().top(target('a'), "-o pid,args", std::move(done)); });
  if (top || top.error().code() != Code::kUnimplemented) {
    ASSERT_TRUE(top) << top.error().message();
    EXPECT_FALSE(top->processes.empty());
  }
  ASSERT_TRUE(await<void>([&](auto done) { docker().kill(target('a'), SIGKILL, std::move(done)); }));
  ASSERT_TRUE(wait_state('a', "exited"));
  EXPECT_EQ(status('a').exit_code, 137);
  auto killed = await<void>([&](auto done) { docker().kill(target('a'), SIGKILL, std::move(done)); });
  EXPECT_EQ(killed.error().message(), "Container " + id_of('a') + " is not running");
}

TEST_F(DockerAgentTest, AStopHasItsSignalAndGrace) {
  make('a', {"sh", "-c", "trap 'echo int; exit 9' INT; trap '' TERM; echo up; while :; do sleep 0.05; done"});
  run('a');
  ASSERT_TRUE(wait_state('a', "running"));
  for (int i = 0; i < 12000 && logs('a').empty(); ++i) ::usleep(10'000);  // it hears signals only now
  stop('a', 10, "SIGINT");
  ASSERT_TRUE(wait_state('a', "exited"));
  EXPECT_EQ(status('a').exit_code, 9);
  for (int i = 0; i < 12000 && api_.get<Pod>("default", last_pod_); ++i) ::usleep(10'000);
  EXPECT_FALSE(api_.get<Pod>("default", last_pod_));
  EXPECT_TRUE(runtime_->list_sandboxes().empty());
}

TEST_F(DockerAgentTest, APolicyRestartsWithCountAndEnd) {
  make('a', {"sh", "-c", "echo run; exit 4"}, "{}", R"({"NetworkMode":"none","RestartPolicy":{"Name":"on-failure","MaximumRetryCount":2}})");
  run('a');
  ASSERT_TRUE(wait_status('a', [](const auto& status) { return status.state == "exited" && status.exits == 3; }));
  EXPECT_EQ(status('a').restart_count, 2);
  EXPECT_EQ(status('a').attempts, 3);
  EXPECT_EQ(logs('a'), "1:run\n1:run\n1:run\n");
}

TEST_F(DockerAgentTest, AFailedStartSaysWhy) {
  make('a', {"nosuch"});
  run('a');
  ASSERT_TRUE(wait_status('a', [](const auto& status) { return status.error_code != 0; }));
  auto now = status('a');
  EXPECT_EQ(now.state, "created");
  EXPECT_EQ(now.error_code, 400);
  EXPECT_EQ(now.exit_code, 127);
  EXPECT_NE(now.error.find("exec: \"nosuch\": executable file not found in $PATH"), std::string::npos) << now.error;
  EXPECT_EQ(now.exits, 1);
  EXPECT_EQ(now.run_number, 1);
  make('b', {"true"});
  run('b', R"({"error":"no available IPv4 addresses","errorCode":500})");
  ASSERT_TRUE(wait_status('b', [](const auto& status) { return status.error_code == 500; }));
  EXPECT_EQ(status('b').error, "no available IPv4 addresses");
}

TEST_F(DockerAgentTest, EndpointsAndPortsAreTold) {
  api::dockerv1::Network network;
  network.metadata.name = kNetworkId;
  network.spec.docker_name = "mine";
  network.spec.driver = "bridge";
  network.spec.enable_ipv4 = true;
  network.spec.pools.emplace_back().subnet = "10.8.0.0/24";
  network.spec.pools.back().gateway = "10.8.0.1";
  api_.put(api::Object::of(network));
  make('a', {"sh", "-c", "cat /etc/hosts /etc/hostname /etc/resolv.conf; sleep 100"}, R"({"Hostname":"h","ExposedPorts":{"80/tcp":{}}})",
       R"({"NetworkMode":"mine","PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]}})");
  run('a', std::string(R"({"endpoints":[{"network":"mine","networkID":")") + kNetworkId +
               R"(","endpointID":"e1","macAddress":"02:42:0a:08:00:02","ipAddress":"10.8.0.2","ipPrefixLen":24}]})");
  ASSERT_TRUE(wait_state('a', "running"));
  auto now = status('a');
  ASSERT_EQ(now.networks.size(), 1u);
  EXPECT_EQ(now.networks[0].ip_address, "10.8.0.2");
  EXPECT_EQ(now.networks[0].gateway, "10.8.0.1");
  EXPECT_EQ(now.networks[0].interface, "eth0");
  ASSERT_EQ(now.ports.size(), 1u);
  EXPECT_EQ(now.ports[0].host_port, 8080);
  EXPECT_EQ(now.ports[0].protocol, "tcp");
  for (int i = 0; i < 12000 && logs('a').find("nameserver") == std::string::npos; ++i) ::usleep(10'000);
  EXPECT_NE(logs('a').find("10.8.0.2\th\n1:h\n"), std::string::npos) << logs('a');
  EXPECT_NE(logs('a').find("nameserver 127.0.0.11\n"), std::string::npos);
  stop('a', 0);
  ASSERT_TRUE(wait_state('a', "exited"));
  EXPECT_EQ(status('a').networks[0].ip_address, "");
  EXPECT_EQ(status('a').networks[0].network, "mine");
  EXPECT_TRUE(status('a').ports.empty());
  EXPECT_EQ(docker_network_.released.size(), 1u);
}

TEST_F(DockerAgentTest, AnEmptyVolumeGetsWhatTheImageHas) {
  ASSERT_TRUE(make_directories(layer_ + "/ext/b", 0750));
  ASSERT_TRUE(write_file(layer_ + "/ext/b/c", "seed\n", 0640));
  api::dockerv1::Volume volume;
  volume.metadata.name = api::volume_object_name("vol");
  volume.spec.docker_name = "vol";
  volume.spec.node_name = "n1";
  volume.spec.driver = "local";
  api_.put(api::Object::of(volume));
  api::dockerv1::MountPoint point;
  point.type = "volume";
  point.name = "vol";
  point.destination = "/ext";
  point.rw = true;
  make('a', {"sh", "-c", "cat /ext/b/c; echo more >> /ext/b/c"}, "{}", R"({"NetworkMode":"none","Tmpfs":{"/ram":"size=64k"}})", {point});
  run('a');
  ASSERT_TRUE(wait_status('a', [](const auto& status) { return status.exits == 1; }));
  if (status('a').error.find("not there yet") != std::string::npos) GTEST_SKIP() << status('a').error;
  EXPECT_EQ(logs('a'), "1:seed\n");
  run('a');
  ASSERT_TRUE(wait_status('a', [](const auto& status) { return status.exits == 2; }));
  EXPECT_EQ(logs('a'), "1:seed\n1:seed\n1:more\n");
  auto stat = await<std::string>([&](auto done) { docker().stat_path(target('a'), "/ext/b/c", std::move(done)); });
  ASSERT_TRUE(stat) << stat.error().message();
  EXPECT_NE(stat->find("\"size\":15"), std::string::npos) << *stat;
  auto missing = await<std::string>([&](auto done) { docker().stat_path(target('a'), "/nosuch", std::move(done)); });
  EXPECT_EQ(missing.error().message(), "Could not find the file /nosuch in container " + id_of('a'));
}

TEST_F(DockerAgentTest, HealthIsToldWhenItChanges) {
  make('a', {"sh", "-c", "echo ok > /h; sleep 100"},
       R"({"Healthcheck":{"Test":["CMD-SHELL","cat /h"],"Interval":100000000,"Timeout":60000000000,"Retries":1}})");
  run('a');
  ASSERT_TRUE(wait_status('a', [](const auto& status) { return status.health == "healthy"; }));
  EXPECT_EQ(exec('a', {"rm", "/h"}), "");
  ASSERT_TRUE(wait_status('a', [](const auto& status) { return status.health == "unhealthy"; }));
  auto details = await<apiserver::ContainerDetails>([&](auto done) { docker().details(target('a'), std::move(done)); });
  ASSERT_TRUE(details);
  EXPECT_GT(details->health_streak, 0);
  EXPECT_NE(details->health_log.find("\"ExitCode\":1"), std::string::npos) << details->health_log;
  stop('a', 0);
  ASSERT_TRUE(wait_state('a', "exited"));
}

TEST_F(DockerAgentTest, ANewAgentAdoptsAndLaterSeesTheEnd) {
  make('a', {"sh", "-c", "while ! test -e /end; do sleep 0.05; done; sleep 0.5; exit 7"});
  run('a');
  ASSERT_TRUE(wait_state('a', "running"));
  auto pid = status('a').pid;
  agent_.reset();
  runtime_.reset();
  start();
  ASSERT_TRUE(wait_for_node());
  int code = -1;
  std::string out;
  for (int i = 0; i < 12000; ++i, ::usleep(10'000)) {
    out = exec('a', {"touch", "/end"}, &code);
    if (code == 0) break;
  }
  EXPECT_EQ(code, 0) << out;
  ASSERT_TRUE(wait_state('a', "exited"));
  EXPECT_EQ(status('a').exit_code, 7);
  EXPECT_EQ(status('a').attempts, 1);
  EXPECT_GT(pid, 1);
}

TEST_F(DockerAgentTest, WhatARemovedContainerHadGoes) {
  make('a', {"sh", "-c", "echo x > /kept"});
  run('a');
  ASSERT_TRUE(wait_state('a', "exited"));
  EXPECT_TRUE(path_exists(dir_ + "/data/containers/" + id_of('a') + "/log"));
  stop('a', 0);
  (void)api_.call({.verb = client::Verb::kDelete, .kind = &api::kind_of<Container>(), .name = id_of('a')});
  for (int i = 0; i < 12000 && (path_exists(dir_ + "/data/containers/" + id_of('a')) || !runtime_->list_layers().empty()); ++i) ::usleep(10'000);
  auto pod = api_.get<Pod>("default", last_pod_);
  EXPECT_FALSE(path_exists(dir_ + "/data/containers/" + id_of('a')));
  EXPECT_TRUE(runtime_->list_layers().empty()) << runtime_->list_containers().size() << " containers, " << runtime_->list_sandboxes().size()
                                               << " sandboxes, the pod " << (pod ? api::encode_json(*pod) : "is gone");
}

}  // namespace
}  // namespace reigen::node
