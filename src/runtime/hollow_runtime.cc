#include "runtime/hollow_runtime.h"

#include <signal.h>

namespace reigen::runtime {
namespace {

Fail missing(const std::string& id) { return fail(Code::kNotFound, "no container " + id); }
Fail not_real() { return fail(Code::kUnimplemented, "a hollow node runs no programs"); }

}  // namespace

void HollowRuntime::on_exit(std::function<void(const std::string&)> handler) {
  std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
}

Result<SandboxStatus> HollowRuntime::create_sandbox(const SandboxSpec& spec) {
  std::lock_guard lock(mutex_);
  SandboxStatus status{.id = spec.id, .labels = spec.labels, .ready = true, .created_at = executor_.clock().wall()};
  auto [it, made] = sandboxes_.emplace(spec.id, std::move(status));
  if (!made) return fail(Code::kAlreadyExists, "sandbox " + spec.id + " exists");
  return it->second;
}

Result<SandboxStatus> HollowRuntime::sandbox_status(const std::string& id) {
  std::lock_guard lock(mutex_);
  auto it = sandboxes_.find(id);
  if (it == sandboxes_.end()) return fail(Code::kNotFound, "no sandbox " + id);
  return it->second;
}

std::vector<SandboxStatus> HollowRuntime::list_sandboxes() {
  std::lock_guard lock(mutex_);
  std::vector<SandboxStatus> out;
  for (const auto& [id, status] : sandboxes_) out.push_back(status);
  return out;
}

Status HollowRuntime::remove_sandbox(const std::string& id) {
  std::lock_guard lock(mutex_);
  sandboxes_.erase(id);
  return {};
}

Result<ContainerStats> HollowRuntime::sandbox_stats(const std::string&) {
  ContainerStats stats;
  stats.at = executor_.clock().wall();
  return stats;
}

Result<ContainerStats> HollowRuntime::container_stats(const std::string& id, bool) { return sandbox_stats(id); }

Status HollowRuntime::create_container(const ContainerSpec& spec) {
  std::lock_guard lock(mutex_);
  ContainerStatus status;
  status.id = spec.id;
  status.sandbox_id = spec.sandbox_id;
  status.labels = spec.labels;
  status.state = ContainerState::kCreated;
  status.created_at = executor_.clock().wall();
  if (!containers_.emplace(spec.id, std::move(status)).second) return fail(Code::kAlreadyExists, "container " + spec.id + " exists");
  return {};
}

Status HollowRuntime::start_container(const std::string& id, StartOptions options) {
  if (options.before_run) TRY(options.before_run());
  std::lock_guard lock(mutex_);
  auto it = containers_.find(id);
  if (it == containers_.end()) return missing(id);
  it->second.state = ContainerState::kRunning;
  it->second.pid = 1;
  it->second.started_at = executor_.clock().wall();
  return {};
}

void HollowRuntime::end(const std::string& id, int exit_code) {
  std::lock_guard lock(mutex_);
  auto it = containers_.find(id);
  if (it == containers_.end() || it->second.state != ContainerState::kRunning) return;
  it->second.state = ContainerState::kExited;
  it->second.exit_code = exit_code;
  it->second.pid = 0;
  it->second.finished_at = executor_.clock().wall();
  if (!handler_) return;
  executor_.post(tasks_.wrap([handler = handler_, id] { handler(id); }));
}

Status HollowRuntime::stop_container(const std::string& id, const std::string&, Duration) {
  end(id, 0);
  return {};
}

Status HollowRuntime::kill_container(const std::string& id, int signal) {
  end(id, signal == SIGKILL ? 137 : 0);
  return {};
}

Status HollowRuntime::remove_container(const std::string& id) {
  end(id, 137);
  std::lock_guard lock(mutex_);
  containers_.erase(id);
  return {};
}

Result<ContainerStatus> HollowRuntime::container_status(const std::string& id) {
  std::lock_guard lock(mutex_);
  auto it = containers_.find(id);
  if (it == containers_.end()) return missing(id);
  return it->second;
}

std::vector<ContainerStatus> HollowRuntime::list_containers() {
  std::lock_guard lock(mutex_);
  std::vector<ContainerStatus> out;
  for (const auto& [id, status] : containers_) out.push_back(status);
  return out;
}

Result<std::string> HollowRuntime::root_path(const std::string&) { return not_real(); }
Result<std::unique_ptr<RootView>> HollowRuntime::view_container(const std::string&) { return not_real(); }
Result<std::unique_ptr<RootView>> HollowRuntime::view_layer(const Root&, const std::vector<Mount>&) { return not_real(); }

Result<ExecResult> HollowRuntime::exec_sync(const std::string&, const ExecSpec& spec, Duration, size_t) {
  ExecResult result;
  for (const auto& word : spec.argv) result.out += word + " ";
  return result;
}

Result<std::unique_ptr<Session>> HollowRuntime::exec(const std::string&, const ExecSpec&) { return not_real(); }
Result<std::unique_ptr<Session>> HollowRuntime::attach(const std::string&, bool) { return not_real(); }
Status HollowRuntime::resize(const std::string&, int, int) { return not_real(); }

}  // namespace reigen::runtime
