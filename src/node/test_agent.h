// The agent with real containers over a small API in memory, for the tests of this module.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
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
#include "node/agent.h"
#include "node/image_service.h"
#include "node/pod_worker.h"
#include "runtime/crun_runtime.h"
#include "runtime/hollow_runtime.h"

namespace reigen::node {

// Enough of an API: any kind, patches, watches that begin where a list ended.
class TestApi final : public client::Transport {
 public:
  // Done once to the next pod that is patched, as by a write that came between what the patch's sender read and the patch. Set before there is a pod.
  std::function<void(api::Object&)> pod_meanwhile;

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
        if (kind == "Pod") {
          if (auto write = std::exchange(pod_meanwhile, nullptr)) write(it->second);
        }
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
    std::unique_lock lock(mutex_);
    size_t next = 0;
    auto version = std::strtoull(request.resource_version.c_str(), nullptr, 10);
    while (next < told_.size() && told_[next].version <= version) ++next;
    watchers_.push_back({std::string(request.kind->kind), std::move(sink), next});
    deliver(lock);
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
      if (object.is<api::corev1::Event>()) out += object.as<api::corev1::Event>().reason + ": " + object.as<api::corev1::Event>().message + "\n";
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
    if (type == client::WatchType::kDeleted) ++version_;
    told_.push_back({version_, type, object});
    deliver(lock);
  }
  // In the order of the writes, whoever made them: who tells already goes on with what comes meanwhile.
  void deliver(std::unique_lock<std::mutex>& lock) {
    if (std::exchange(telling_, true)) return;
    while (true) {
      auto behind = std::ranges::min_element(watchers_, {}, &Watcher::next);
      if (behind == watchers_.end() || behind->next == told_.size()) break;
      Told told = told_[behind->next++];
      if (behind->kind != told.object.kind().kind) continue;
      auto sink = behind->sink;
      lock.unlock();
      sink->event(told.type, told.object);
      lock.lock();
    }
    telling_ = false;
  }

  struct Watcher {
    std::string kind;
    std::shared_ptr<client::WatchSink> sink;
    size_t next;  // in told_
  };
  struct Told {
    uint64_t version;
    client::WatchType type;
    api::Object object;
  };
  std::mutex mutex_;
  std::map<std::string, api::Object> objects_;
  std::vector<Watcher> watchers_;
  std::vector<Told> told_;  // all there ever was
  bool telling_ = false;
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
  Result<ImageInfo> find_id(const std::string&) override { return find("busybox"); }
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

inline api::corev1::Pod make_pod(const std::string& name, std::vector<std::string> command) {
  api::corev1::Pod pod;
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
    agent_ = std::make_unique<Agent>(options, api_, *runtime_, *images_, network_, executor_, &poller_, docker_network());
    agent_->start();
  }
  virtual network::ContainerNetwork* docker_network() { return nullptr; }
  bool wait(const std::function<bool(const api::corev1::Pod&)>& done, const std::string& name, int ms = 120000) {
    for (int i = 0; i < ms / 10; ++i) {
      auto pod = api_.get<api::corev1::Pod>("default", name);
      if (pod && done(*pod)) return true;
      ::usleep(10'000);
    }
    auto pod = api_.get<api::corev1::Pod>("default", name);
    ADD_FAILURE() << (pod ? api::encode_json(*pod) : "no pod") << "\n" << api_.events();
    return false;
  }
  bool wait_for_node() {
    for (int i = 0; i < 12000; ++i, ::usleep(10'000)) {
      auto node = api_.get<api::corev1::Node>("", "n1");
      if (node && !node->status.conditions.empty()) return true;
    }
    return false;
  }
  static bool is_ready(const api::corev1::Pod& pod) {
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

}  // namespace reigen::node
