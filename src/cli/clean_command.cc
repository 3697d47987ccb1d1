#include <fmt/core.h>

#include "base/files.h"
#include "base/log.h"
#include "base/poller.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "linux/cgroup.h"
#include "linux/mount.h"
#include "network/clean.h"
#include "runtime/crun_runtime.h"

namespace reigen::cli {
namespace {

// Ends every container of the instance and takes its sandboxes apart.
Status remove_pods(const Instance& instance) {
  ThreadExecutor executor(4, "clean");
  Poller poller;
  runtime::CrunOptions options;
  options.data_dir = instance.node_dir() + "/runtime";
  options.run_dir = instance.run_dir;
  options.instance = instance.id;
  TRY_ASSIGN(auto runtime, runtime::CrunRuntime::open(std::move(options), executor, poller));
  Status first;
  auto note = [&](Status done) {
    if (!done && first && done.error().code() != Code::kNotFound) first = std::move(done);
  };
  for (const auto& container : runtime->list_containers()) {
    if (container.state == runtime::ContainerState::kRunning) note(runtime->kill_container(container.id, 9));
    if (container.state == runtime::ContainerState::kRunning) note(runtime->stop_container(container.id, "KILL", std::chrono::seconds(0)));
    note(runtime->remove_container(container.id));
  }
  for (const auto& sandbox : runtime->list_sandboxes()) note(runtime->remove_sandbox(sandbox.id));
  return first;
}

Status unmount_all(const std::string& folder) {
  TRY_ASSIGN(auto mounts, linux::mounts_below(folder));
  for (const auto& mount : mounts) TRY(linux::unmount(mount));
  return {};
}

Status remove_cgroups(const Instance& instance) {
  TRY_ASSIGN(auto cgroups, linux::Cgroups::open());
  auto group = "/reigen-" + instance.id;
  cgroups.kill_all(group);
  return cgroups.remove(group);
}

// What a server and `reigen image` make in a data folder. Whatever else lies there is somebody's, and stays.
constexpr const char* kOwn[] = {"store", "pki", "node", "images", "kubeconfig", "instance"};

// The files of the instance last, its id at the very end: a clean that was cut short can be repeated.
Status remove_files(const std::string& data_dir, bool keep_images) {
  for (std::string name : kOwn) {
    if (keep_images && name == "images") continue;
    TRY(remove_tree(data_dir + "/" + name));
  }
  TRY_ASSIGN(auto left, list_directory(data_dir));
  if (left.empty()) return remove_tree(data_dir);
  if (keep_images && left == std::vector<std::string>{"images"}) return {};
  LOG(kInfo, "clean", "{} stays: it holds {}, which is not the instance's", data_dir, left.front());
  return {};
}

// `reigen image` alone makes a folder without an instance.
bool only_images(const std::string& data_dir) {
  return !path_exists(data_dir + "/instance") && path_exists(data_dir + "/images/index") && path_exists(data_dir + "/images/blobs");
}

}  // namespace

Status run_clean(const CleanOptions& options) {
  if (!path_exists(options.data_dir)) return {};
  if (only_images(options.data_dir)) {
    TRY(unmount_all(options.data_dir + "/images"));
    return remove_files(options.data_dir, options.keep_images);
  }
  TRY_ASSIGN(Instance instance, find_instance(options.data_dir));
  if (path_exists(instance.store_dir())) {
    auto lock = FileLock::acquire(instance.store_dir() + "/lock");
    if (!lock && lock.error().code() == Code::kAlreadyExists) {
      return fail(Code::kUnavailable, fmt::format("the server of {} is running; stop it first", instance.data_dir));
    }
  }
  Status first;
  auto note = [&](Status done) {
    if (!done && first) first = std::move(done);
  };
  if (path_exists(instance.node_dir())) {
    note(remove_pods(instance));
    note(network::remove_network(instance.id, instance.run_dir));
    for (const auto& folder : {instance.node_dir(), instance.run_dir, instance.image_dir()}) note(unmount_all(folder));
    note(remove_cgroups(instance));
  }
  note(remove_tree(instance.run_dir));
  TRY(first);
  return remove_files(instance.data_dir, options.keep_images);
}

}  // namespace reigen::cli
