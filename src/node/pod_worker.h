// PodWorker: everything that happens to one pod on this node, as a state machine on a strand.
//
// Every event (the API object changed, a container ended, an image came, a probe answered, a timer fired) leads to sync(), which compares
// what should be with what is, takes the next steps that do not wait, and writes the status when it changed. What takes long (pulls,
// hooks, probes, grace periods) calls back. A worker outlives its owner's map while events are pending; it then does nothing.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/corev1.h"
#include "base/executor.h"
#include "client/client.h"
#include "node/agent.h"
#include "node/environment.h"
#include "node/image_service.h"
#include "node/pod_files.h"
#include "node/pod_status.h"
#include "node/pod_volumes.h"
#include "node/storage_limits.h"
#include "runtime/runtime.h"

namespace reigen::client {
class EventRecorder;
}

namespace reigen::network {
class ContainerNetwork;
}

namespace reigen::node {

class ContainerPart;
class ContainerService;

struct Rejection {
  std::string reason, message;  // status.reason of the Failed pod, and the event's message
};

// What all workers of a node share, until `tasks` is stopped. A worker that a callback still holds then knows `tasks` alone.
struct NodeContext {
  const AgentOptions& options;
  client::Client client;
  runtime::Runtime& runtime;
  ImageService& images;
  network::PodNetwork& network;
  Executor& executor;
  client::EventRecorder& events;
  PodObjects& objects;
  NodeFacts facts;
  DnsSettings dns;
  std::function<std::optional<Rejection>(const api::corev1::Pod&)> admit;
  std::function<void(const std::string& uid)> finished;  // the pod is gone from API and node
  std::shared_ptr<TaskGroup> tasks;
  network::ContainerNetwork* docker_network = nullptr;  // both null: no Docker containers here
  ContainerService* docker = nullptr;
};

// What exec, attach and logs need to know of a container.
struct ContainerHandle {
  std::string id;  // "" when the runtime has none any more
  int attempt = 0;
  bool running = false, tty = false, stdin_open = false, has_previous = false;
  int previous_attempt = 0;
  std::string log_path, previous_log_path;
};

class PodWorker : public std::enable_shared_from_this<PodWorker> {
 public:
  PodWorker(NodeContext& context, std::shared_ptr<const api::corev1::Pod> pod);
  ~PodWorker();

  // Before the first update: what the runtime still has of this pod.
  void adopt(const runtime::SandboxStatus& sandbox);
  void adopt(const runtime::ContainerStatus& container);

  // Thread-safe, return at once.
  void update(std::shared_ptr<const api::corev1::Pod> pod);
  void removed();  // the API object is gone
  void container_exited(std::string id);
  void refresh();  // now and then: projected volumes, log rotation
  void rotate_docker_log();
  void check_storage();  // now and then: measures what has limits on the node's disk

  // Thread-safe.
  const std::string& uid() const { return uid_; }
  std::string name() const { return name_; }
  std::string namespace_() const { return namespace__; }
  // Empty name: the only container. kNotFound / kInvalidArgument as kubelet says it.
  Result<ContainerHandle> find_container(const std::string& name) const;
  std::vector<std::pair<std::string, ContainerHandle>> containers() const;
  std::string sandbox() const;
  std::string netns() const;
  std::string pod_ip() const;
  bool host_network() const;
  api::corev1::Pod pod() const;

 private:
  enum class ProbeKind : unsigned char { kStartup, kReadiness, kLiveness };
  struct ProbeState {
    int successes = 0, failures = 0;
    unsigned early = 0;  // failures that did not count
    TimePoint since{};
    bool passed = false, armed = false;
  };
  struct Slot {
    const api::corev1::Container* spec = nullptr;
    bool init = false, sidecar = false, ephemeral = false;
    std::string target;  // ephemeral: the container whose processes it sees
    std::optional<ContainerRun> run, previous;
    std::optional<api::corev1::ContainerStateWaiting> waiting;
    std::string stop_signal, started_image;
    Duration backoff{}, image_backoff{};
    std::optional<WallTime> backoff_at, image_backoff_at;
    std::string image_error;
    std::optional<Result<ImageInfo>> pulled;
    bool pulling = false, hook_running = false, stopping = false, signalled = false;
    TimerId kill_timer = 0;
    ProbeState probes[3];
    bool active() const { return run && run->state != ContainerRun::State::kExited; }
  };
  using ImageStep = std::optional<ImageInfo>;  // nothing: wait

  void post(std::function<void()> fn);
  void post_after(Duration delay, std::function<void()> fn);
  void retry_after(Duration delay);

  // pod_worker.cc
  void set_pod(std::shared_ptr<const api::corev1::Pod> pod);
  void seed_from_status();
  void sync();
  void admit();
  bool wants_end();
  void advance();
  bool advance_init();
  void advance_ephemeral();
  void on_exit(const std::string& id);
  void note_exit(Slot& slot, const runtime::ContainerStatus& status);
  void write_status(bool terminal = false);
  void publish_handles();
  PodView view(bool terminal) const;
  void event(bool warning, const char* reason, std::string message);
  void event(const Slot& slot, bool warning, const char* reason, std::string message);
  Slot* find_slot(const std::string& name);
  Slot* slot_of(const std::string& id);

  // pod_docker.cc: a pod that is a run of a Docker container
  bool open_docker();
  void adopt_docker();
  void advance_docker();
  void launch_docker(Slot& slot, const ImageInfo& image);
  bool prepare_docker();
  Status make_docker_sandbox();
  void docker_lost(std::optional<int> exit_code = std::nullopt);
  void docker_start_failed(const Error& error, bool from_runtime);

  // pod_end.cc
  void terminate();
  void stop(Slot& slot, Duration grace, std::string message);
  void signal(const std::string& id, Duration grace);
  bool clean_up(bool with_volumes);
  void delete_object();
  std::string termination_message(const Slot& slot, const runtime::ContainerStatus& status) const;

  // pod_start.cc
  bool ensure_sandbox();
  Status make_sandbox();
  Status check_runtime_class();
  Status write_files();
  bool ensure_volumes();
  void try_start(Slot& slot);
  bool in_backoff(Slot& slot);
  ImageStep ensure_image(Slot& slot);
  void begin_pull(Slot& slot, const std::string& policy);
  void launch(Slot& slot, const ImageInfo& image);
  Result<runtime::ContainerSpec> spec_for(Slot& slot, const ImageInfo& image, int attempt);
  void wait_with(Slot& slot, const char* reason, std::string message);
  void post_start(Slot& slot);
  std::string log_path(const std::string& container, int attempt) const;
  std::string log_root() const;
  std::string pod_dir() const;
  std::string termination_file(const std::string& container, int attempt) const;
  void rotate_logs();
  VolumeContext volume_context();

  // pod_storage.cc
  struct StoragePlaces;
  StoragePlaces storage_places() const;
  StorageUsage measure(const StoragePlaces& places);
  void judge_storage(const StorageUsage& usage);

  // pod_probes.cc
  void start_probes(Slot& slot);
  void arm_probe(Slot& slot, ProbeKind kind, Duration delay);
  void fire_probe(const std::string& id, ProbeKind kind);
  void probe_done(const std::string& id, ProbeKind kind, struct ActionResult result);
  bool is_early(const api::corev1::Probe& probe, const ProbeState& state) const;

  NodeContext& context_;
  const std::shared_ptr<TaskGroup> tasks_;
  const std::string uid_, name_, namespace__;
  Strand strand_;
  // All of the strand.
  std::shared_ptr<const api::corev1::Pod> pod_;
  api::corev1::Pod base_;                          // pod_ with the status as we know it
  std::vector<api::corev1::Container> ephemeral_;  // those of base_, as slots_ need them
  std::vector<Slot> slots_;
  std::string sandbox_id_, netns_;
  int sandbox_attempt_ = 0;
  bool sandbox_ready_ = false, admitted_ = false, removed_ = false, finished_ = false, cleaned_ = false, volumes_ready_ = false, files_ready_ = false;
  bool terminating_ = false, dirty_status_ = true, unsupported_ = false, rejected_ = false, deleted_object_ = false;
  Duration setup_backoff_{};
  std::vector<std::string> pod_ips_;
  std::optional<api::Time> start_time_;
  std::string failed_reason_, failed_message_;
  int64_t grace_seconds_ = -1;
  uint64_t generation_ = 0;
  uint64_t written_version_ = 0;  // of the pod, by our last write of its status
  TimePoint retry_at_{};
  bool measuring_ = false;
  TimePoint measure_at_{};                 // not before
  std::optional<int64_t> grace_limit_;     // seconds, for a pod that is evicted
  const bool is_docker_;                   // a run of a Docker container
  std::unique_ptr<ContainerPart> docker_;  // null until it is opened
  std::optional<WallTime> docker_restart_at_;

  std::atomic<bool> storage_limited_ = false;
  std::atomic<bool> rotates_docker_log_ = false;
  mutable std::mutex mutex_;  // of what follows
  std::map<std::string, ContainerHandle> handles_;
  std::vector<std::string> main_names_;
  std::string shown_sandbox_, shown_netns_, shown_ip_;
  std::shared_ptr<const api::corev1::Pod> shown_pod_;
};

}  // namespace reigen::node
