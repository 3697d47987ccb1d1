// Finding again what an earlier process left: sandboxes by their pinned namespaces, containers by pid and start time.
#include "base/files.h"
#include "base/log.h"
#include "linux/mount.h"
#include "linux/pidfd.h"
#include "runtime/crun_state.h"

namespace reigen::runtime {

void CrunRuntime::State::adopt() {
  for (const auto& id : list_directory(options.data_dir + "/sandboxes").value_or(std::vector<std::string>())) adopt_sandbox(id);
  for (const auto& id : list_directory(options.data_dir + "/containers").value_or(std::vector<std::string>())) adopt_container(id);
  drop_stale_mounts();
}

void CrunRuntime::State::adopt_sandbox(const std::string& id) {
  auto record = Record::load(sandbox_data(id) + "/record");
  auto sandbox = std::make_shared<Sandbox>();
  sandbox->status.id = id;
  sandbox->stale = true;
  if (record) {
    auto& status = sandbox->status;
    status.labels = record->labels();
    status.created_at = WallTime(Duration(record->number("created")));
    status.init_pid = static_cast<int>(record->number("init_pid"));
    sandbox->init_start = static_cast<uint64_t>(record->number("init_start"));
    sandbox->cgroup = record->get("cgroup");
    sandbox->host_network = record->number("host_network");
    sandbox->host_ipc = record->number("host_ipc");
    sandbox->host_pid = record->number("host_pid");
    sandbox->host_uts = record->get("host_uts").empty() ? sandbox->host_network : record->number("host_uts");
    sandbox->no_shm = record->number("no_shm");
    sandbox->late_sysctls = record->all("sysctls");
    if (!sandbox->host_network) status.netns_path = sandbox_dir(id) + "/net";
    bool namespaces = (sandbox->host_network || linux::is_pinned_namespace(sandbox_dir(id) + "/net")) &&
                      (sandbox->host_ipc || linux::is_pinned_namespace(sandbox_dir(id) + "/ipc"));
    bool init = status.init_pid == 0 || linux::open_process(status.init_pid, sandbox->init_start).has_value();
    // All on the host's namespaces: the run folder tells whether this is still the boot it was made in.
    bool folder = path_exists(sandbox_dir(id)) && (sandbox->host_ipc || sandbox->no_shm || linux::is_mount_point(sandbox_dir(id) + "/shm"));
    sandbox->stale = !(namespaces && init && folder);
    status.ready = !sandbox->stale;
  } else {
    LOG(kWarning, "runtime", "sandbox {}: {}", id, record.error().message());
    sandbox->cgroup = "/reigen-" + options.instance + "/lost-" + id;
  }
  std::lock_guard lock(mutex);
  sandboxes[id] = sandbox;
}

void CrunRuntime::State::adopt_container(const std::string& id) {
  auto record = Record::load(container_dir(id) + "/record");
  auto container = std::make_shared<Container>();
  auto& status = container->status;
  status.id = id;
  status.state = ContainerState::kExited;
  status.exit_code = 255;
  container->cgroup = "/reigen-" + options.instance + "/lost-" + id;
  if (record) {
    status.labels = record->labels();
    status.sandbox_id = record->get("sandbox");
    status.log_path = record->get("log_path");
    status.created_at = WallTime(Duration(record->number("created")));
    container->cgroup = record->get("cgroup");
    container->retained = record->get("retained");
    container->stop_signal = record->get("stop_signal");
    container->cwd = record->get("cwd");
    container->env = record->all("env");
    container->tty = record->number("tty");
    container->stdin_open = record->number("stdin_open");
    container->stdin_once = record->number("stdin_once");
    container->own_pid_namespace = record->number("own_pid_namespace");
    if (!container->retained.empty() && linux::is_mount_point(retained_root(container->retained))) {
      container->holds_layer = true;
      ++layer_uses[container->retained];
    }
  }
  auto saved = Record::load(container_dir(id) + "/state");
  if (record && saved) {
    status.state = static_cast<ContainerState>(saved->number("state"));
    status.pid = static_cast<int>(saved->number("pid"));
    status.start_time = static_cast<uint64_t>(saved->number("start"));
    status.exit_code = static_cast<int>(saved->number("exit_code"));
    status.oom_killed = saved->number("oom_killed");
    status.message = saved->get("message");
    status.started_at = WallTime(Duration(saved->number("started")));
    status.finished_at = WallTime(Duration(saved->number("finished")));
    container->conmon_pid = static_cast<int>(saved->number("conmon_pid"));
    container->conmon_start = static_cast<uint64_t>(saved->number("conmon_start"));
  }
  if (auto fd = linux::open_process(status.pid, status.start_time)) container->process = std::move(*fd);
  if (auto fd = linux::open_process(container->conmon_pid, container->conmon_start)) container->conmon = std::move(*fd);
  bool held = path_exists(exec_fifo(id));  // its init was not released yet
  bool created_with_process = (status.state == ContainerState::kCreated || held) && container->process;
  bool created_without_root = status.state == ContainerState::kCreated && !linux::is_mount_point(root_of(*container));
  if (created_with_process || created_without_root) {
    // We died while it was being started.
    if (container->process) (void)linux::signal_process(container->process.get(), 9);
    status.state = ContainerState::kExited;
    status.exit_code = 255;
    status.finished_at = executor.clock().wall();
  }
  {
    std::lock_guard lock(mutex);
    containers[id] = container;
    if (status.state == ContainerState::kRunning) watch(container);
  }
  check_exit(id);  // ended while nobody looked
}

}  // namespace reigen::runtime
