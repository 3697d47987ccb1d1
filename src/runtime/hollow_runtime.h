// HollowRuntime: sandboxes and containers that only seem to run, so that thousands of nodes fit into one process. A container runs
// from start until it is stopped (exit code 0) or killed (137); it has no log, and exec answers with its command line.
#pragma once

#include <map>
#include <mutex>

#include "base/executor.h"
#include "runtime/runtime.h"

namespace reigen::runtime {

class HollowRuntime final : public Runtime {
 public:
  explicit HollowRuntime(Executor& executor) : executor_(executor) {}

  std::string name() const override { return "hollow"; }
  std::string version() const override { return "1.0"; }
  void on_exit(std::function<void(const std::string&)> handler) override;

  Result<SandboxStatus> create_sandbox(const SandboxSpec& spec) override;
  Result<SandboxStatus> sandbox_status(const std::string& id) override;
  std::vector<SandboxStatus> list_sandboxes() override;
  Status remove_sandbox(const std::string& id) override;
  Status update_sandbox(const std::string&, const Resources&) override { return {}; }
  Result<ContainerStats> sandbox_stats(const std::string& id) override;

  Status create_container(const ContainerSpec& spec) override;
  Status start_container(const std::string& id, StartOptions options = {}) override;
  Status stop_container(const std::string& id, const std::string& signal, Duration grace) override;
  Status kill_container(const std::string& id, int signal) override;
  Status pause_container(const std::string&, bool) override { return {}; }
  Status remove_container(const std::string& id) override;
  Status remove_layer(const std::string&) override { return {}; }
  Result<ContainerStatus> container_status(const std::string& id) override;
  std::vector<ContainerStatus> list_containers() override;
  Status update_container(const std::string&, const Resources&) override { return {}; }
  Result<ContainerStats> container_stats(const std::string& id, bool with_layer) override;
  Result<std::string> root_path(const std::string& id) override;
  Result<std::unique_ptr<RootView>> view_container(const std::string& id) override;
  Result<std::unique_ptr<RootView>> view_layer(const Root& root, const std::vector<Mount>& mounts) override;
  Result<std::vector<LayerChange>> layer_changes(const Root&) override { return std::vector<LayerChange>(); }
  Status copy_layer(const std::string&, const std::string&) override { return {}; }
  Status take_layer(const std::string&, const std::string&) override { return {}; }
  Result<uint64_t> layer_bytes(const std::string&) override { return 0; }
  std::vector<std::string> list_layers() override { return {}; }
  Result<std::vector<int>> processes(const std::string&) override { return std::vector<int>(); }
  Result<ExecResult> exec_sync(const std::string& id, const ExecSpec& spec, Duration timeout, size_t output_limit) override;
  Result<std::unique_ptr<Session>> exec(const std::string& id, const ExecSpec& spec) override;
  Result<std::unique_ptr<Session>> attach(const std::string& id, bool in) override;
  Status resize(const std::string& id, int width, int height) override;
  Status reopen_log(const std::string&) override { return {}; }

  // For tests: the container ends by itself.
  void end(const std::string& id, int exit_code);

 private:
  Executor& executor_;
  std::mutex mutex_;
  std::map<std::string, SandboxStatus> sandboxes_;
  std::map<std::string, ContainerStatus> containers_;
  std::function<void(const std::string&)> handler_;
  TaskGroup tasks_;
};

}  // namespace reigen::runtime
