// The agent with real containers over a small API in memory: root, crun, conmon and busybox are needed.
#include "node/agent.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <mutex>

#include "api/coordinationv1.h"
#include "api/corev1.h"
#include "api/json.h"
#include "api/merge_patch.h"
#include "api/strategic_patch.h"
#include "base/files.h"
#include "base/process.h"
#include "client/transport.h"
#include "linux/cgroup.h"
#include "linux/mount.h"
#include "network/pod_network.h"
#include "node/image_service.h"
#include "node/pod_worker.h"
#include "runtime/crun_runtime.h"
#include "runtime/hollow_runtime.h"

namespace reigen::node {
namespace {

using namespace api::corev1;

// Enough of an API: any kind, patches, watches without history.
class TestApi final : public client::Transport {
 public:
  // Done once to the object of the next patch, as by a write that came between what its sender read and the patch.
  std::function<void(api::Object&)> meanwhile;

  Result<client::Response> call(const client::Request& request) override {
    std::unique_lock lock(mutex_);
    std::string kind(request.kind->kind), name = request.verb == client::Verb::kCreate ? request.body.meta().name : request.name;
    std::string key = kind + "/" + request.namespace_ + "/" + name;
    client::Response response;
    auto it = objects_.find(key);
    switch (request.verb) {
      case client::Verb::kList:
        for (auto& [k, object] : objects_) {
          if (object.kind().kind == kind) response.items.push_back(object);
        }
        response.resource_version = std::to_string(version_);
        return response;
      case client::Verb::kCreate: {
        if (!request.subresource.empty()) return fail(Code::kNotFound, "no subresources");
        if (it != objects_.end()) return fail(Code::kAlreadyExists, key + " exists");
        api::Object object = request.body;
        object.mut_meta().uid = key;
        response.object = store(key, std::move(object), client::WatchType::kAdded, lock);
        return response;
      }
      case client::Verb::kPatch: {
        if (it == objects_.end()) return fail(Code::kNotFound, key + " not found");
        if (auto write = std::exchange(meanwhile, nullptr)) write(it->second);
        api::Value document = api::to_value(it->second);
        TRY_ASSIGN(auto patch, api::parse_merge_patch(request.patch));
        if (request.patch_type == client::PatchType::kStrategic) {
          TRY(api::apply_strategic_patch(document, std::move(patch), it->second.type()));
        } else {
          api::apply_merge_patch(document, std::move(patch));
        }
        TRY_ASSIGN(auto object, api::from_value(document, *request.kind));
        response.object = store(key, std::move(object), client::WatchType::kModified, lock);
        return response;
      }
      case client::Verb::kDelete: {
        if (it == objects_.end()) return fail(Code::kNotFound, key + " not found");
        api::Object old = it->second;
        objects_.erase(it);
        tell(client::WatchType::kDeleted, old, lock);
        return response;
      }
      default:
        if (it == objects_.end()) return fail(Code::kNotFound, key + " not found");
        response.object = it->second;
        return response;
    }
  }
  void call_async(client::Request request, client::CallDone done) override { done(call(request)); }
  Result<std::unique_ptr<client::WatchHandle>> watch(client::Request request, std::shared_ptr<client::WatchSink> sink) override {
    std::lock_guard lock(mutex_);
    sinks_.emplace_back(std::string(request.kind->kind), sink);
    return std::make_unique<client::WatchHandle>();
  }
  api::Object put(api::Object object) {
    std::unique_lock lock(mutex_);
    std::string key = std::string(object.kind().kind) + "/" + object.meta().namespace_ + "/" + object.meta().name;
    if (object.meta().uid.empty()) object.mut_meta().uid = "uid-" + object.meta().name;
    bool had = objects_.contains(key);
    return store(key, std::move(object), had ? client::WatchType::kModified : client::WatchType::kAdded, lock);
  }
  template <class T>
  std::shared_ptr<const T> get(const std::string& space, const std::string& name) {
    std::lock_guard lock(mutex_);
    auto it = objects_.find(std::string(api::kind_of<T>().kind) + "/" + space + "/" + name);
    return it == objects_.end() ? nullptr : it->second.template share<T>();
  }
  std::string events() {
    std::lock_guard lock(mutex_);
    std::string out;
    for (auto& [key, object] : objects_) {
      if (object.is<Event>()) out += object.as<Event>().reason + ": " + object.as<Event>().message + "\n";
    }
    return out;
  }

 private:
  api::Object store(const std::string& key, api::Object object, client::WatchType type, std::unique_lock<std::mutex>& lock) {
    object.mut_meta().resource_version = std::to_string(++version_);
    objects_[key] = object;
    tell(type, object, lock);
    return object;
  }
  void tell(client::WatchType type, const api::Object& object, std::unique_lock<std::mutex>& lock) {
    auto sinks = sinks_;
    lock.unlock();
    for (auto& [kind, sink] : sinks) {
      if (kind == object.kind().kind) sink->event(type, object);
    }
    lock.lock();
  }
  std::mutex mutex_;
  std::map<std::string, api::Object> objects_;
  std::vector<std::pair<std::string, std::shared_ptr<client::WatchSink>>> sinks_;
  uint64_t version_ = 1;
};

// Hands out addresses; makes no links.
class NoNetwork final : public network::PodNetwork {
 public:
  Result<network::Attachment> attach(const std::string& sandbox, const std::string&, const std::vector<network::HostPort>&) override {
    std::lock_guard lock(mutex_);
    auto& attachment = attachments_[sandbox];
    attachment.sandbox = sandbox;
    attachment.addresses = {*IpAddress::parse("10.9.0." + std::to_string(attachments_.size()))};
    return attachment;
  }
  Status detach(const std::string& sandbox) override {
    std::lock_guard lock(mutex_);
    attachments_.erase(sandbox);
    return {};
  }
  std::optional<network::Attachment> find(const std::string& sandbox) const override {
    std::lock_guard lock(mutex_);
    auto it = attachments_.find(sandbox);
    return it == attachments_.end() ? std::nullopt : std::optional(it->second);
  }
  std::vector<network::Attachment> attachments() const override { return {}; }
  Status collect(const std::set<std::string>&) override { return {}; }
  std::vector<network::Finding> check() override { return {}; }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, network::Attachment> attachments_;
};

class FolderImages final : public ImageService {
 public:
  explicit FolderImages(std::string layer) : layer_(std::move(layer)) {}
  Result<ImageInfo> find(const std::string& name) override {
    if (name != "busybox") return fail(Code::kNotFound, "No such image: " + name);
    return ImageInfo{.id = "sha256:1", .ref = "sha256:1", .layers = {layer_}, .cmd = {"sleep", "1000"}};
  }
  void pull(const std::string& name, std::vector<std::string>, std::move_only_function<void(Result<ImageInfo>)> done) override { done(find(name)); }
  Status pin(const std::string&, const std::string&) override { return {}; }
  Status unpin(const std::string&) override { return {}; }
  std::vector<NodeImage> list() override { return {}; }
  std::vector<StoredImage> list_all() override { return {}; }
  Result<DiskSpace> disk() override { return DiskSpace(); }
  Status remove(const std::string&) override { return {}; }

 private:
  std::string layer_;
};

Pod make_pod(const std::string& name, std::vector<std::string> command) {
  Pod pod;
  pod.metadata.name = name;
  pod.metadata.namespace_ = "default";
  pod.spec.node_name = "n1";
  pod.spec.restart_policy = "Always";
  pod.spec.termination_grace_period_seconds = 1;
  auto& container = pod.spec.containers.emplace_back();
  container.name = "main";
  container.image = "busybox";
  container.image_pull_policy = "IfNotPresent";
  container.command = std::move(command);
  return pod;
}

class AgentTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    auto busybox = find_program("busybox");
    if (!busybox || !find_program("crun") || !find_program("conmon")) GTEST_SKIP() << "needs crun, conmon and busybox";
    dir_ = make_temporary_directory("/tmp", "nd-").value();
    layer_ = dir_ + "/layer";
    for (const char* name : {"/bin", "/etc", "/tmp"}) ASSERT_TRUE(make_directories(layer_ + name));
    ASSERT_TRUE(run_checked({.argv = {"cp", *busybox, layer_ + "/bin/busybox"}}));
    for (const char* name : {"sh", "sleep", "cat", "echo", "env", "true", "test", "touch", "rm"})
      ASSERT_EQ(0, ::symlink("busybox", (layer_ + "/bin/" + name).c_str()));
    images_ = std::make_unique<FolderImages>(layer_);
    start();
  }
  void TearDown() override {
    if (!agent_) return;
    agent_.reset();
    for (const auto& container : runtime_->list_containers()) EXPECT_TRUE(runtime_->remove_container(container.id));
    for (const auto& sandbox : runtime_->list_sandboxes()) EXPECT_TRUE(runtime_->remove_sandbox(sandbox.id));
    runtime_.reset();
    auto mounts = linux::mounts_below(dir_);
    for (const auto& mount : *mounts) (void)linux::unmount(mount);
    EXPECT_TRUE(linux::Cgroups::open()->remove("/reigen-ndtest"));
    EXPECT_TRUE(remove_tree(dir_));
  }
  void start() {
    auto opened = runtime::CrunRuntime::open({.data_dir = dir_ + "/data", .run_dir = dir_ + "/run", .instance = "ndtest"}, executor_, poller_);
    ASSERT_TRUE(opened) << opened.error().message();
    runtime_ = std::move(*opened);
    AgentOptions options;
    options.node_name = "n1";
    options.data_dir = dir_ + "/data";
    options.run_dir = dir_ + "/run";
    options.instance = "ndtest";
    options.addresses = {"192.0.2.1"};
    agent_ = std::make_unique<Agent>(options, api_, *runtime_, *images_, network_, executor_, &poller_);
    agent_->start();
  }
  bool wait(const std::function<bool(const Pod&)>& done, const std::string& name, int ms = 15000) {
    for (int i = 0; i < ms / 10; ++i) {
      auto pod = api_.get<Pod>("default", name);
      if (pod && done(*pod)) return true;
      ::usleep(10'000);
    }
    auto pod = api_.get<Pod>("default", name);
    ADD_FAILURE() << (pod ? api::encode_json(*pod) : "no pod") << "\n" << api_.events();
    return false;
  }
  bool wait_for_node() {
    for (int i = 0; i < 1500; ++i, ::usleep(10'000)) {
      auto node = api_.get<Node>("", "n1");
      if (node && !node->status.conditions.empty()) return true;
    }
    return false;
  }
  static bool is_ready(const Pod& pod) {
    for (const auto& condition : pod.status.conditions) {
      if (condition.type == "Ready") return condition.status == "True";
    }
    return false;
  }

  ThreadExecutor executor_{6};
  Poller poller_;
  TestApi api_;
  NoNetwork network_;
  std::unique_ptr<FolderImages> images_;
  std::string dir_, layer_;
  std::unique_ptr<runtime::CrunRuntime> runtime_;
  std::unique_ptr<Agent> agent_;
};

TEST_F(AgentTest, RunsAPodAndDeletesItGracefully) {
  auto begun = system_clock().now();
  api_.put(api::Object::of(make_pod("p1", {"sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"})));
  ASSERT_TRUE(wait(is_ready, "p1"));
  printf("pod to ready: %ld ms\n", static_cast<long>((system_clock().now() - begun) / std::chrono::milliseconds(1)));
  auto pod = api_.get<Pod>("default", "p1");
  EXPECT_EQ("Running", pod->status.phase);
  EXPECT_EQ("192.0.2.1", pod->status.host_ip);
  EXPECT_EQ("10.9.0.1", pod->status.pod_ip);
  auto node = api_.get<Node>("", "n1");
  ASSERT_TRUE(node);
  EXPECT_EQ("True", node->status.conditions.back().status);
  Pod deleting = *pod;
  deleting.metadata.deletion_timestamp = api::Time(system_clock().wall());
  deleting.metadata.deletion_grace_period_seconds = 5;
  api_.put(api::Object::of(deleting));
  for (int i = 0; i < 1000 && api_.get<Pod>("default", "p1"); ++i) ::usleep(10'000);
  EXPECT_FALSE(api_.get<Pod>("default", "p1"));
  EXPECT_TRUE(runtime_->list_containers().empty());
  EXPECT_TRUE(runtime_->list_sandboxes().empty());
  EXPECT_NE(std::string::npos, api_.events().find("Killing: Stopping container main"));
}

TEST_F(AgentTest, RestartsWithBackOffAndTellsWhy) {
  api_.put(api::Object::of(make_pod("p1", {"sh", "-c", "echo because > /dev/termination-log; exit 3"})));
  ASSERT_TRUE(wait(
      [](const Pod& pod) {
        return !pod.status.container_statuses.empty() && pod.status.container_statuses[0].state.waiting &&
               pod.status.container_statuses[0].state.waiting->reason == "CrashLoopBackOff";
      },
      "p1"));
  auto status = api_.get<Pod>("default", "p1")->status.container_statuses[0];
  EXPECT_EQ(1, status.restart_count);
  EXPECT_EQ("because\n", status.last_state.terminated->message);
  EXPECT_EQ(3, status.last_state.terminated->exit_code);
}

TEST_F(AgentTest, InitContainersRunFirstAndAJobSucceeds) {
  Pod pod = make_pod("p1", {"sh", "-c", "test -f /data/made && test $GREETING = hello-p1"});
  pod.spec.restart_policy = "Never";
  Volume volume;
  volume.name = "data";
  volume.empty_dir.emplace();
  pod.spec.volumes.push_back(volume);
  VolumeMount mount;
  mount.name = "data";
  mount.mount_path = "/data";
  pod.spec.containers[0].volume_mounts.push_back(mount);
  auto& name = pod.spec.containers[0].env.emplace_back();
  name.name = "NAME";
  name.value_from.emplace().field_ref.emplace().field_path = "metadata.name";
  auto& greeting = pod.spec.containers[0].env.emplace_back();
  greeting.name = "GREETING";
  greeting.value = "hello-$(NAME)";
  auto init = pod.spec.containers[0];
  init.name = "init";
  init.command = {"touch", "/data/made"};
  pod.spec.init_containers.push_back(init);
  api_.put(api::Object::of(pod));
  ASSERT_TRUE(wait([](const Pod& p) { return p.status.phase == "Succeeded" || p.status.phase == "Failed"; }, "p1"));
  EXPECT_EQ("Succeeded", api_.get<Pod>("default", "p1")->status.phase);
}

TEST_F(AgentTest, AFailingLivenessProbeRestarts) {
  Pod pod = make_pod("p1", {"sh", "-c", "touch /tmp/ok; sleep 1; rm /tmp/ok; sleep 1000"});
  auto& probe = pod.spec.containers[0].liveness_probe.emplace();
  probe.exec.emplace().command = {"cat", "/tmp/ok"};
  probe.period_seconds = probe.timeout_seconds = probe.failure_threshold = probe.success_threshold = 1;
  api_.put(api::Object::of(pod));
  ASSERT_TRUE(wait([](const Pod& p) { return !p.status.container_statuses.empty() && p.status.container_statuses[0].restart_count == 1; }, "p1"));
  EXPECT_NE(std::string::npos, api_.events().find("Unhealthy: Liveness probe failed: "));
}

TEST_F(AgentTest, AProbeThatIsFasterThanTheProgramDoesNotCostAPeriod) {
  Pod pod = make_pod("p1", {"sh", "-c", "sleep 0.2; touch /tmp/ok; sleep 1000"});
  for (auto* probe : {&pod.spec.containers[0].readiness_probe.emplace(), &pod.spec.containers[0].liveness_probe.emplace()}) {
    probe->exec.emplace().command = {"cat", "/tmp/ok"};
    probe->period_seconds = 30;
    probe->timeout_seconds = probe->failure_threshold = probe->success_threshold = 1;
  }
  api_.put(api::Object::of(pod));
  ASSERT_TRUE(wait(is_ready, "p1", 5000));
  EXPECT_EQ(0, api_.get<Pod>("default", "p1")->status.container_statuses[0].restart_count);
  EXPECT_EQ(std::string::npos, api_.events().find("Unhealthy")) << api_.events();
}

TEST_F(AgentTest, ARestartedAgentAdoptsAndLaterSeesTheEnd) {
  api_.put(api::Object::of(make_pod("p1", {"sleep", "1000"})));
  ASSERT_TRUE(wait(is_ready, "p1"));
  auto before = api_.get<Pod>("default", "p1")->status.container_statuses[0].container_id;
  agent_.reset();
  runtime_.reset();
  start();
  for (int i = 0; i < 300 && !agent_->find_pod("default", "p1", ""); ++i) ::usleep(10'000);
  ::usleep(300'000);
  auto pod = api_.get<Pod>("default", "p1");
  EXPECT_EQ(before, pod->status.container_statuses[0].container_id);
  EXPECT_TRUE(is_ready(*pod));
  ASSERT_TRUE(runtime_->kill_container(before.substr(7), SIGKILL));
  ASSERT_TRUE(wait([&](const Pod& p) { return p.status.container_statuses[0].restart_count == 1 && is_ready(p); }, "p1"));
}

TEST_F(AgentTest, AfterARebootThePodComesBackWithItsVolume) {
  Pod pod = make_pod("p1", {"sh", "-c", "echo x >> /data/starts; sleep 1000"});
  Volume volume;
  volume.name = "data";
  volume.empty_dir.emplace();
  pod.spec.volumes.push_back(volume);
  VolumeMount mount;
  mount.name = "data";
  mount.mount_path = "/data";
  pod.spec.containers[0].volume_mounts.push_back(mount);
  api_.put(api::Object::of(pod));
  ASSERT_TRUE(wait(is_ready, "p1"));
  auto starts = [&](const std::string& wanted) {
    auto path = dir_ + "/data/pods/uid-p1/volumes/data/starts";
    for (int n = 0; n < 500 && read_file(path).value_or("") != wanted; ++n) ::usleep(10'000);
    return read_file(path).value_or("");
  };
  ASSERT_EQ("x\n", starts("x\n"));
  auto before = api_.get<Pod>("default", "p1")->status.container_statuses[0].container_id.substr(7);
  agent_.reset();
  int container = runtime_->container_status(before)->pid;
  int conmon = std::atoi(read_file(dir_ + "/run/c/" + before + "/conmon.pid").value().c_str());
  runtime_.reset();
  ::kill(conmon, SIGKILL);
  ::kill(container, SIGKILL);
  ::usleep(100'000);
  auto mounts = linux::mounts_below(dir_);
  for (const auto& point : *mounts) ASSERT_TRUE(linux::unmount(point));
  start();
  ASSERT_TRUE(wait([&](const Pod& p) { return is_ready(p) && p.status.container_statuses[0].restart_count == 1; }, "p1"));
  EXPECT_EQ("x\nx\n", starts("x\nx\n"));
  EXPECT_NE(std::string::npos, api_.events().find("SandboxChanged: "));
}

TEST_F(AgentTest, ConditionsOfOthersWrittenMeanwhileStay) {
  ASSERT_TRUE(wait_for_node());
  api_.meanwhile = [](api::Object& object) {
    ASSERT_TRUE(object.is<Pod>());
    auto& foreign = object.mut<Pod>().status.conditions.emplace_back();
    foreign.type = "DisruptionTarget";
    foreign.status = "True";
  };
  api_.put(api::Object::of(make_pod("p1", {"sleep", "1000"})));
  ASSERT_TRUE(wait(is_ready, "p1"));
  EXPECT_FALSE(api_.meanwhile);
  auto pod = api_.get<Pod>("default", "p1");
  EXPECT_TRUE(std::ranges::any_of(pod->status.conditions, [](const auto& c) { return c.type == "DisruptionTarget" && c.status == "True"; }))
      << api::encode_json(*pod);
}

TEST_F(AgentTest, AMissingImageBacksOff) {
  Pod pod = make_pod("p1", {});
  pod.spec.containers[0].image = "nosuch";
  api_.put(api::Object::of(pod));
  ASSERT_TRUE(wait(
      [](const Pod& p) {
        return !p.status.container_statuses.empty() && p.status.container_statuses[0].state.waiting &&
               p.status.container_statuses[0].state.waiting->reason == "ImagePullBackOff";
      },
      "p1"));
  EXPECT_NE(std::string::npos, api_.events().find("Failed: Failed to pull image \"nosuch\""));
}

}  // namespace
}  // namespace reigen::node
