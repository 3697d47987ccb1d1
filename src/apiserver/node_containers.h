// NodeContainers: Docker's calls about containers, running or not, and about what is on the node. Got from NodeDialer::containers().
//
// As for NodeDialer: each call returns at once, `done` runs once on any thread and may block no I/O thread. Errors carry Docker's words
// and, as detail, the HTTP status where the code's own is not it (docker_error.h).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apiserver/node_dialer.h"
#include "base/byte_stream.h"
#include "base/clock.h"
#include "base/ip.h"
#include "base/result.h"

namespace reigen::apiserver {

// node and id: a Container; else one of a pod (`pod.node` is its node).
struct ContainerTarget {
  std::string node, id;
  PodTarget pod;
  std::string container;
  std::string runtime_id;  // of a pod's: which run of it; empty: the present one
};
template <class T>
using Done = std::move_only_function<void(Result<T>)>;

// What inspect shows and only the node knows.
struct ContainerDetails {
  std::string log_path, hosts_path, hostname_path, resolv_conf_path, sandbox_key;
  std::string health_log;  // JSON array of {Start, End, ExitCode, Output}, at most five; "" without checks
  int health_streak = 0;
  int pid = 0;                                       // of a pod's container; of others the status has it
  std::map<std::string, std::string> mount_sources;  // on the host, by destination
};

struct AttachRequest {
  ContainerTarget target;
  bool in = false, out = false, err = false;
  bool logs = false;    // what was written before comes first
  bool stream = false;  // what is written from now on
};

// What a session is to Docker: bytes both ways. `output` is framed (8-byte heads) without a tty, raw with one, and ends with the session.
// Closing `input` half-closes the program's standard input; closing `output` ends an attachment, while an exec's program goes on.
struct ContainerStreams {
  std::shared_ptr<ByteStream> input, output;
  std::function<void(int width, int height)> resize;
  std::move_only_function<void(Done<int>)> ended;  // asks for the exit code of an exec, which is told once it has ended
};

struct ContainerExec {
  ContainerTarget target;
  std::vector<std::string> command, env;  // env: name=value, added to the container's
  std::string user, working_dir;          // "" : the container's
  bool in = false, out = false, err = false, tty = false, privileged = false;
  bool framed = true;         // the output, also a terminal's
  int width = 0, height = 0;  // of the terminal's first moment; 0: unknown
  std::function<void(int pid)> started;
};

struct ContainerLogs {
  ContainerTarget target;
  bool out = false, err = false, follow = false, timestamps = false, details = false;
  int64_t tail = -1;          // lines; -1: all
  WallTime since{}, until{};  // the epoch: no bound
  bool gather = false;        // a frame may hold several lines
};

struct TopResult {
  std::vector<std::string> titles;
  std::vector<std::vector<std::string>> processes;
};

struct SizeResult {
  uint64_t writable = 0;  // bytes of the layer
};

struct VolumeUse {
  std::string uid;  // of the Volume
  uint64_t bytes = 0;
};

// A health check's command begins (no exit code) or has ended.
struct ProbeNotice {
  std::string container, exec_id;  // 64 digits each
  std::vector<std::string> command;
  std::optional<int> exit_code;
};

class NodeContainers {
 public:
  virtual ~NodeContainers() = default;
  virtual void details(ContainerTarget target, Done<ContainerDetails> done) = 0;
  virtual void kill(ContainerTarget target, int signal, Done<void> done) = 0;
  virtual void pause(ContainerTarget target, bool paused, Done<void> done) = 0;               // done after the status is stored
  virtual void update(ContainerTarget target, std::string host_config, Done<void> done) = 0;  // limits of a running one; HostConfig as JSON
  virtual void resize(ContainerTarget target, int width, int height, Done<void> done) = 0;
  virtual void attach(AttachRequest request, Done<ContainerStreams> done) = 0;  // parks when it does not run
  virtual void exec(ContainerExec request, Done<ContainerStreams> done) = 0;
  virtual void logs(ContainerLogs request, Done<std::shared_ptr<ByteStream>> done) = 0;  // framed as ContainerStreams::output
  virtual void stats(ContainerTarget target, Done<std::string> done) = 0;                // one sample, JSON of API 1.50
  virtual void top(ContainerTarget target, std::string ps_arguments, Done<TopResult> done) = 0;
  virtual void size(ContainerTarget target, Done<SizeResult> done) = 0;
  virtual void changes(ContainerTarget target,
                       Done<std::vector<std::pair<std::string, int>>> done) = 0;                 // path and Docker's kind: 0 modified, 1 added, 2 deleted
  virtual void stat_path(ContainerTarget target, std::string path, Done<std::string> done) = 0;  // JSON of the header
  virtual void read_archive(ContainerTarget target, std::string path, Done<std::shared_ptr<ByteStream>> done) = 0;
  virtual void write_archive(ContainerTarget target, std::string path, bool keep_dir_kind, bool copy_owner, std::shared_ptr<ByteStream> tar,
                             Done<void> done) = 0;
  virtual void export_root(ContainerTarget target, Done<std::shared_ptr<ByteStream>> done) = 0;
  // The writable layer as a folder of its own below the image store's tmp; the caller removes it.
  virtual void copy_layer(ContainerTarget target, bool pause, Done<std::string> done) = 0;
  // The other way, for a failed build step that stays: `directory` becomes the layer of a Container just made; its status exited with the code.
  virtual void take_layer(ContainerTarget target, std::string directory, int exit_code, Done<void> done) = 0;
  virtual void volume_use(std::string node, Done<std::vector<VolumeUse>> done) = 0;
  // Who is told of health checks; one at most, nothing ends it. Called on the node's threads, under a lock: be short.
  virtual void on_probe(std::function<void(const ProbeNotice&)> told) = 0;
  virtual void networks_in_use(std::string node, Done<std::vector<IpNetwork>> done) = 0;  // routes and addresses of the host
};

}  // namespace reigen::apiserver
