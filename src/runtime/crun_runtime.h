// CrunRuntime: containers started by crun and watched by conmon, so that they and their logs outlive this process.
//
// Folders of one instance:
//   <data>/containers/<id>/   record (what it is), state (pids, exit), layer/ (writable, unless retained)
//   <data>/sandboxes/<id>/    record
//   <data>/layers/<retained>/ writable layers that outlive their containers
//   <run>/wrapper             the wrapper program
//   <run>/c/<id>/             bundle: config.json, root, conmon's fifos and attach socket
//   <run>/s/<id>/             pinned namespaces net, ipc, uts, and shm
//   <run>/l/<retained>/       a retained layer's root, mounted once for all who have it
//   <run>/v/<n>/              the same with mounts of a view's own
//   <run>/exits/<id>          exit files of conmon
//   <run>/crun/               crun's own state
// <run> must be short: a socket's path holds 107 bytes. All cgroups are below /reigen-<instance>.
#pragma once

#include <memory>

#include "base/executor.h"
#include "base/poller.h"
#include "linux/cgroup.h"
#include "runtime/runtime.h"

namespace reigen::runtime {

struct OciContext;
struct CrunOptions {
  std::string data_dir;
  std::string run_dir;
  std::string instance;  // in every name on the host
  std::string crun = "crun";
  std::string conmon = "conmon";
  std::string cgroup_root = "/sys/fs/cgroup";
  bool conmon_cgroup = false;  // conmon into a cgroup of its own; needed where stopping our service kills its cgroup
};

class CrunRuntime final : public Runtime {
 public:
  // Finds the programs, writes the wrapper, adopts what is on disk: running containers are watched again, others are kExited.
  // kNotFound names a missing program and how to install it; kPermissionDenied: not root.
  static Result<std::unique_ptr<CrunRuntime>> open(CrunOptions options, Executor& executor, Poller& poller);
  ~CrunRuntime() override;

  std::string name() const override { return "crun"; }
  std::string version() const override;
  void on_exit(std::function<void(const std::string&)> handler) override;

  Result<SandboxStatus> create_sandbox(const SandboxSpec& spec) override;
  Result<SandboxStatus> sandbox_status(const std::string& id) override;
  std::vector<SandboxStatus> list_sandboxes() override;
  Status remove_sandbox(const std::string& id) override;
  Status update_sandbox(const std::string& id, const Resources& resources) override;
  Result<ContainerStats> sandbox_stats(const std::string& id) override;

  Status create_container(const ContainerSpec& spec) override;
  Status start_container(const std::string& id, StartOptions options = {}) override;
  Status stop_container(const std::string& id, const std::string& signal, Duration grace) override;
  Status kill_container(const std::string& id, int signal) override;
  Status pause_container(const std::string& id, bool paused) override;
  Status remove_container(const std::string& id) override;
  Status remove_layer(const std::string& retained) override;
  Result<ContainerStatus> container_status(const std::string& id) override;
  std::vector<ContainerStatus> list_containers() override;
  Status update_container(const std::string& id, const Resources& resources) override;
  Result<ContainerStats> container_stats(const std::string& id, bool with_layer) override;
  Result<std::string> root_path(const std::string& id) override;
  Result<std::unique_ptr<RootView>> view_container(const std::string& id) override;
  Result<std::unique_ptr<RootView>> view_layer(const Root& root, const std::vector<Mount>& mounts) override;
  Result<std::vector<LayerChange>> layer_changes(const Root& root) override;
  Status copy_layer(const std::string& retained, const std::string& directory) override;
  Status take_layer(const std::string& retained, const std::string& directory) override;
  Result<uint64_t> layer_bytes(const std::string& retained) override;
  std::vector<std::string> list_layers() override;
  Result<std::vector<int>> processes(const std::string& id) override;
  Result<ExecResult> exec_sync(const std::string& id, const ExecSpec& spec, Duration timeout, size_t output_limit) override;
  Result<std::unique_ptr<Session>> exec(const std::string& id, const ExecSpec& spec) override;
  Result<std::unique_ptr<Session>> attach(const std::string& id, bool in) override;
  Status resize(const std::string& id, int width, int height) override;
  Status reopen_log(const std::string& id) override;

  const std::string& wrapper_path() const;

  struct Container;
  struct Sandbox;

 private:
  struct State;
  explicit CrunRuntime(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace reigen::runtime
