// The inside of CrunRuntime, shared by its source files.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>

#include "base/fd.h"
#include "base/process.h"
#include "runtime/crun_runtime.h"
#include "runtime/record.h"

namespace reigen::runtime {

struct CrunRuntime::Sandbox {
  SandboxStatus status;
  std::string cgroup;  // absolute, below the instance's
  bool host_network = false, host_ipc = false, host_pid = false;
  uint64_t init_start = 0;
  bool stale = false;  // its namespaces are gone (reboot)
};

struct CrunRuntime::Container {
  ContainerStatus status;
  std::string cgroup;
  std::string retained;
  std::string stop_signal;
  std::string cwd;
  std::vector<std::string> env;
  bool tty = false, stdin_open = false, stdin_once = false, own_pid_namespace = true;
  int conmon_pid = 0;
  uint64_t conmon_start = 0;
  Fd process, conmon;  // pidfds; empty when ended
  Poller::Handle process_watch = 0, conmon_watch = 0;
  uint64_t oom_kills_before = 0;
};

struct CrunRuntime::State {
  State(CrunOptions o, Executor& e, Poller& p, linux::Cgroups c) : options(std::move(o)), executor(e), poller(p), cgroups(std::move(c)) {}

  CrunOptions options;
  Executor& executor;
  Poller& poller;
  linux::Cgroups cgroups;
  std::string version, crun_path, conmon_path;
  std::mutex mutex;
  std::condition_variable changed;  // a container's state did
  std::map<std::string, std::shared_ptr<Container>> containers;
  std::map<std::string, std::shared_ptr<Sandbox>> sandboxes;
  std::function<void(const std::string&)> exit_handler;
  std::atomic<uint64_t> next_exec{1};
  std::shared_ptr<std::atomic<bool>> alive = std::make_shared<std::atomic<bool>>(true);
  TaskGroup tasks;

  std::string wrapper() const { return options.run_dir + "/wrapper"; }
  std::string bundle(const std::string& id) const { return options.run_dir + "/c/" + id; }
  std::string sandbox_dir(const std::string& id) const { return options.run_dir + "/s/" + id; }
  std::string container_dir(const std::string& id) const { return options.data_dir + "/containers/" + id; }
  std::string sandbox_data(const std::string& id) const { return options.data_dir + "/sandboxes/" + id; }
  std::string layer_dir(const Container& container) const {
    return container.retained.empty() ? container_dir(container.status.id) + "/layer" : options.data_dir + "/layers/" + container.retained;
  }
  std::string exec_fifo(const std::string& id) const { return options.run_dir + "/crun/" + id + "/exec.fifo"; }
  std::string exit_file(const std::string& id) const { return options.run_dir + "/exits/" + id; }

  // wrapper run crun --root … `arguments`
  std::vector<std::string> crun_argv(std::vector<std::string> arguments) const;

  Result<std::shared_ptr<Container>> find_container(const std::string& id);
  Result<std::shared_ptr<Sandbox>> find_sandbox(const std::string& id);
  Result<std::string> target_namespace(const std::string& target);

  void save_state(const Container& container);  // mutex held
  // Watches both processes; calls check_exit when one ends.
  void watch(const std::shared_ptr<Container>& container);  // mutex held
  void unwatch(Container& container);
  // Finds out whether the container has ended, and if so records how and tells the handler.
  void check_exit(const std::string& id);
  Status launch(const std::shared_ptr<Container>& container);
  void adopt();
  void adopt_sandbox(const std::string& id);
  void adopt_container(const std::string& id);
};

std::string read_pid_file_error(const std::string& text);

}  // namespace reigen::runtime
