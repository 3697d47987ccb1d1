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
  uint64_t cpu_user_ns = 0, cpu_system_ns = 0;
  uint64_t periods = 0, throttled_periods = 0, throttled_ns = 0;
  uint64_t memory_max = 0;                                        // the most ever used, bytes; 0: unknown
  uint64_t pids_limit = 0;                                        // 0: none
  std::vector<uint64_t> per_cpu_ns;                               // v1 only
  std::vector<std::pair<std::string, uint64_t>> memory_counters;  // memory.stat as it is
  struct Block {
    int64_t major = 0, minor = 0;
    std::string op;  // v1: "Read", "Write", "Sync", …; v2: "read", "write"
    uint64_t value = 0;
  };
  std::vector<Block> block_bytes, block_operations;
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
  // Of an exec's program, as the host counts; 0 before it runs, and for attachments.
  virtual int pid() const { return 0; }
};

struct ExecResult {
  int exit_code = 0;
  std::string out, err;  // cut at the limit
};

struct StartOptions {
  // Called while conmon holds the container and before its program runs: what attach() gives then misses nothing. It runs on the
  // caller's thread. An error ends the start.
  std::move_only_function<Status()> before_run;
};

// A container's files: a descriptor (O_PATH) below which every path is opened with openat2 and RESOLVE_IN_ROOT, so that a link the
// container swaps meanwhile leads nowhere else. Dropping it ends the mounts made for it; it may outlive the container, not the
// Runtime.
class RootView {
 public:
  virtual ~RootView() = default;
  virtual int fd() const = 0;
};

struct LayerChange {
  enum class Kind : unsigned char { kModified, kAdded, kDeleted };  // Docker's numbers
  Kind kind = Kind::kModified;
  std::string path;  // absolute
  bool operator==(const LayerChange&) const = default;
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
  virtual Status start_container(const std::string& id, StartOptions options = {}) = 0;
  // Sends `signal` (empty: the spec's stop signal), waits up to `grace` for the end, then SIGKILLs all its processes and waits.
  virtual Status stop_container(const std::string& id, const std::string& signal, Duration grace) = 0;
  virtual Status kill_container(const std::string& id, int signal) = 0;
  virtual Status pause_container(const std::string& id, bool paused) = 0;
  // Ends what still runs. Removes all but a retained layer and the log.
  virtual Status remove_container(const std::string& id) = 0;
  // kConflict while a container or a view has it. A missing one is fine.
  virtual Status remove_layer(const std::string& retained) = 0;
  virtual Result<ContainerStatus> container_status(const std::string& id) = 0;
  virtual std::vector<ContainerStatus> list_containers() = 0;
  virtual Status update_container(const std::string& id, const Resources& resources) = 0;
  virtual Result<ContainerStats> container_stats(const std::string& id, bool with_layer) = 0;
  // The container's root as seen on the host, mounted for as long as the container exists.
  virtual Result<std::string> root_path(const std::string& id) = 0;
  // What a running container sees, its mounts too; what is written goes where its own writes go. kUnavailable: it does not run.
  virtual Result<std::unique_ptr<RootView>> view_container(const std::string& id) = 0;
  // A retained layer with what lies below it (made when it is not there yet). It is mounted once, whoever has it, so a view beside the
  // running container shows the same files without its mounts. `mounts` (binds and tmpfs) stand in the view while it lives; their
  // destinations are resolved in the root, and made when missing.
  virtual Result<std::unique_ptr<RootView>> view_layer(const Root& root, const std::vector<Mount>& mounts) = 0;
  // What the retained layer changes in the ones below: sorted by path, with folders whose contents changed.
  virtual Result<std::vector<LayerChange>> layer_changes(const Root& root) = 0;
  // The retained layer as overlayfs keeps it (whiteouts, opaque folders), into a new folder; reflinks where the disk can.
  virtual Status copy_layer(const std::string& retained, const std::string& directory) = 0;
  // The other way: the folder's contents, as copy_layer() or a build left them, become a layer that does not exist yet
  // (kAlreadyExists). The folder is on the same disk and gone afterwards.
  virtual Status take_layer(const std::string& retained, const std::string& directory) = 0;
  virtual Result<uint64_t> layer_bytes(const std::string& retained) = 0;  // of files, each counted once; 0 for a missing one
  virtual std::vector<std::string> list_layers() = 0;
  virtual Result<std::vector<int>> processes(const std::string& id) = 0;  // pids on the host, ascending; kUnavailable: it does not run

  // Runs to its end; kDeadlineExceeded (and killed) after `timeout`. Each output is cut after `output_limit` bytes.
  virtual Result<ExecResult> exec_sync(const std::string& id, const ExecSpec& spec, Duration timeout, size_t output_limit) = 0;
  virtual Result<std::unique_ptr<Session>> exec(const std::string& id, const ExecSpec& spec) = 0;
  // `in` needs a container made with stdin_open.
  virtual Result<std::unique_ptr<Session>> attach(const std::string& id, bool in) = 0;
  virtual Status resize(const std::string& id, int width, int height) = 0;  // of its terminal; does nothing to one without
  // Makes the log's writer open log_path anew, after it has been renamed.
  virtual Status reopen_log(const std::string& id) = 0;
};

}  // namespace reigen::runtime
