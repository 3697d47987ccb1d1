// The inside of CrunRuntime, shared by its source files.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "base/fd.h"
#include "base/process.h"
#include "runtime/crun_runtime.h"
#include "runtime/record.h"
#include "runtime/sealed_program.h"
#include "runtime/seccomp_cache.h"

namespace reigen::runtime {

struct CrunRuntime::Sandbox {
  SandboxStatus status;
  std::string cgroup;  // absolute, below the instance's
  bool host_network = false, host_ipc = false, host_pid = false, host_uts = false, no_shm = false;
  std::vector<std::string> late_sysctls;  // "name=value": of shared namespaces, so crun sets them from inside
  uint64_t init_start = 0;
  bool stale = false;    // its namespaces are gone (reboot)
  bool leaving = false;  // is being removed
};

struct CrunRuntime::Container {
  ContainerStatus status;
  std::string cgroup;
  std::string retained;
  bool holds_layer = false;         // counts in State::layer_uses
  linux::CgroupLimits late_limits;  // those crun is not asked to set
  std::string stop_signal;
  std::string cwd;
  std::vector<std::string> env;
  bool tty = false, stdin_open = false, stdin_once = false, own_pid_namespace = true;
  std::string new_profile;  // a seccomp profile that crun will compile
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
  std::set<std::string> leaving_cgroups;  // of sandboxes being removed; a new one with the same path waits
  std::function<void(const std::string&)> exit_handler;
  std::atomic<uint64_t> next_exec{1};
  std::shared_ptr<std::atomic<bool>> alive = std::make_shared<std::atomic<bool>>(true);
  std::mutex layer_mutex;
  std::map<std::string, int> layer_uses;  // of mounts at <run>/l, by the retained layer's id
  std::atomic<uint64_t> next_view{1};
  SeccompCache seccomp_filters;
  mutable SealedProgram crun_copy;
  std::atomic<bool> expecting_moves = false;
  TaskGroup tasks;

  std::string wrapper() const { return options.run_dir + "/wrapper"; }
  std::string bundle(const std::string& id) const { return options.run_dir + "/c/" + id; }
  std::string sandbox_dir(const std::string& id) const { return options.run_dir + "/s/" + id; }
  std::string container_dir(const std::string& id) const { return options.data_dir + "/containers/" + id; }
  std::string sandbox_data(const std::string& id) const { return options.data_dir + "/sandboxes/" + id; }
  std::string layer_dir(const Container& container) const {
    return container.retained.empty() ? container_dir(container.status.id) + "/layer" : retained_dir(container.retained);
  }
  std::string retained_dir(const std::string& retained) const { return options.data_dir + "/layers/" + retained; }
  std::string retained_root(const std::string& retained) const { return options.run_dir + "/l/" + retained; }
  std::string base_layer() const { return options.data_dir + "/base"; }
  std::string root_of(const Container& container) const {
    return container.retained.empty() ? bundle(container.status.id) + "/root" : retained_root(container.retained);
  }
  std::string crun_dir(const std::string& id) const { return options.run_dir + "/crun/" + id; }
  std::string exec_fifo(const std::string& id) const { return crun_dir(id) + "/exec.fifo"; }
  std::string exit_file(const std::string& id) const { return options.run_dir + "/exits/" + id; }

  // wrapper run crun --root … `arguments`
  std::vector<std::string> crun_argv(std::vector<std::string> arguments) const;

  Result<std::shared_ptr<Container>> find_container(const std::string& id);
  Result<std::shared_ptr<Sandbox>> find_sandbox(const std::string& id);
  Result<std::string> target_namespace(const std::string& target);

  void save_state(const Container& container);  // mutex held
  // A process will enter a new cgroup soon; returns at once.
  void expect_moves();
  // Watches both processes; calls check_exit when one ends.
  void watch(const std::shared_ptr<Container>& container);  // mutex held
  void unwatch(Container& container);
  // Finds out whether the container has ended, and if so records how and tells the handler.
  void check_exit(const std::string& id);
  Result<Command> conmon_command(const Container& container);
  Status launch(const std::shared_ptr<Container>& container);
  // The namespaces, /dev/shm and cgroup of a sandbox that is registered.
  Status make_sandbox(const SandboxSpec& spec, Sandbox& sandbox, Record& record);
  Result<std::string> share_namespace(const std::string& owner, const char* name, const std::string& folder);
  Status mount_fresh_root(const ContainerSpec& spec, const Container& container);
  Status write_bundle(const ContainerSpec& spec, Container& container, const Sandbox& sandbox, const std::string& target_namespace);

  // Mounts the retained layer unless it is mounted, and counts one more use of it.
  Status acquire_layer(const Root& root);
  void release_layer(const std::string& retained);
  std::vector<std::string> layers_below(const Root& root) const;  // lowest first
  void adopt();
  void adopt_sandbox(const std::string& id);
  void adopt_container(const std::string& id);
  void drop_stale_mounts();  // of layers and views nobody has any more
};

// [a-z0-9-]{1,64}; else kInvalidArgument.
Status check_id(const std::string& id);
linux::CgroupLimits limits_of(const Resources& resources);
ContainerStats stats_of(linux::CgroupUsage usage, WallTime at);

}  // namespace reigen::runtime
