// Runtime: sandboxes and containers of one node. Behind it stand crun with conmon (crun_runtime.h) and one that pretends
// (hollow_runtime.h).
//
// Threads: every method is thread-safe and may block (milliseconds; stop_container up to its grace), so it is called from an
// executor's thread, never from the Poller's. Calls about the same container must not overlap, but for status, stats, exec,
// attach, and kill while stop waits.
// Errors: kNotFound: no such sandbox, container or program to start; kAlreadyExists; kInvalidArgument: a spec the kernel or
// crun refuses; kUnavailable: the container does not run.
// Ownership: what create_* makes (mounts, namespaces, cgroups, processes, files) goes with remove_*. It all outlives this object:
// a new Runtime over the same folders finds it through list_*.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_stream.h"
#include "base/clock.h"
#include "base/result.h"
#include "runtime/spec.h"

namespace reigen::runtime {

enum class ContainerState : unsigned char { kCreated, kRunning, kExited, kUnknown };

struct ContainerStatus {
  std::string id;
  std::string sandbox_id;
  Labels labels;
  ContainerState state = ContainerState::kUnknown;
  int pid = 0;
  uint64_t start_time = 0;  // of the process, clock ticks since boot: with pid an identity
  int exit_code = 0;        // 128+n when ended by signal n; 255 when it could not be learned
  bool oom_killed = false;
  std::string message;  // why it never started
  WallTime created_at{}, started_at{}, finished_at{};
  std::string log_path;
};

struct SandboxStatus {
  std::string id;
  Labels labels;
  bool ready = false;      // its namespaces (and init) are there; false after a reboot
  std::string netns_path;  // pinned; empty with host_network
  int init_pid = 0;        // 0 but with shared_pid
  WallTime created_at{};
};

struct ContainerStats {
  WallTime at{};
  uint64_t cpu_ns = 0;
  uint64_t memory_usage = 0, memory_working_set = 0, memory_rss = 0, memory_limit = 0;  // bytes
  uint64_t page_faults = 0, major_page_faults = 0;
  uint64_t pids = 0;
  uint64_t layer_bytes = 0, layer_inodes = 0;  // of the writable layer; only when asked for
};

// A running exec or an attachment. Dropping it ends an exec's process and detaches an attachment.
class Session {
 public:
  virtual ~Session() = default;
  // Null when not asked for. With a tty, output() carries both outputs and errors() is null.
  virtual std::shared_ptr<ByteStream> input() = 0;   // written to; close_write() ends the program's standard input
  virtual std::shared_ptr<ByteStream> output() = 0;  // read from
  virtual std::shared_ptr<ByteStream> errors() = 0;
  virtual void resize(int width, int height) = 0;
  // Calls done once, on any thread: the exit code of an exec (after its outputs have ended), or 0 when an attachment is over.
  virtual void wait(std::move_only_function<void(Result<int>)> done) = 0;
};

struct ExecResult {
  int exit_code = 0;
  std::string out, err;  // cut at the limit
};

class Runtime {
 public:
  virtual ~Runtime() = default;

  virtual std::string name() const = 0;     // for nodeInfo: "crun"
  virtual std::string version() const = 0;  // "1.8.1"

  // Called with a container's id whenever one ends, on any thread, also for adopted ones. Set once, before any container is
  // created; the handler posts to a strand and returns.
  virtual void on_exit(std::function<void(const std::string& id)> handler) = 0;

  virtual Result<SandboxStatus> create_sandbox(const SandboxSpec& spec) = 0;
  virtual Result<SandboxStatus> sandbox_status(const std::string& id) = 0;
  virtual std::vector<SandboxStatus> list_sandboxes() = 0;
  // Frees namespaces, shared memory and the pod's cgroup; its containers must be removed before. A missing one is fine.
  virtual Status remove_sandbox(const std::string& id) = 0;
  virtual Status update_sandbox(const std::string& id, const Resources& resources) = 0;
  // Usage of the pod's whole cgroup.
  virtual Result<ContainerStats> sandbox_stats(const std::string& id) = 0;

  virtual Status create_container(const ContainerSpec& spec) = 0;
  // An error is what crun says when the program cannot be started; the status then is kExited with 128 (or 127, 126).
  virtual Status start_container(const std::string& id) = 0;
  // Sends `signal` (empty: the spec's stop signal), waits up to `grace` for the end, then SIGKILLs all its processes and waits.
  virtual Status stop_container(const std::string& id, const std::string& signal, Duration grace) = 0;
  virtual Status kill_container(const std::string& id, int signal) = 0;
  virtual Status pause_container(const std::string& id, bool paused) = 0;
  // Ends what still runs. Removes all but a retained layer and the log.
  virtual Status remove_container(const std::string& id) = 0;
  virtual Status remove_layer(const std::string& retained) = 0;
  virtual Result<ContainerStatus> container_status(const std::string& id) = 0;
  virtual std::vector<ContainerStatus> list_containers() = 0;
  virtual Status update_container(const std::string& id, const Resources& resources) = 0;
  virtual Result<ContainerStats> container_stats(const std::string& id, bool with_layer) = 0;
  // The container's root as seen on the host, mounted for as long as the container exists.
  virtual Result<std::string> root_path(const std::string& id) = 0;

  // Runs to its end; kDeadlineExceeded (and killed) after `timeout`. Each output is cut after `output_limit` bytes.
  virtual Result<ExecResult> exec_sync(const std::string& id, const ExecSpec& spec, Duration timeout, size_t output_limit) = 0;
  virtual Result<std::unique_ptr<Session>> exec(const std::string& id, const ExecSpec& spec) = 0;
  // `in` needs a container made with stdin_open.
  virtual Result<std::unique_ptr<Session>> attach(const std::string& id, bool in) = 0;
  // Makes the log's writer open log_path anew, after it has been renamed.
  virtual Status reopen_log(const std::string& id) = 0;
};

}  // namespace reigen::runtime
