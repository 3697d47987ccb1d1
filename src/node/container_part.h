// ContainerPart: what a PodWorker does differently for a pod of a Docker container: one run of it.
//
// On the worker's strand; calls block (runtime, network, the API). started, start_failed, ended and lost write the Container's status and
// return when that is committed: whoever waits for the container then sees it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/corev1.h"
#include "base/early_task.h"
#include "network/container_network.h"
#include "node/container_entry.h"
#include "node/docker_files.h"
#include "node/docker_mounts.h"
#include "node/docker_view.h"
#include "node/image_service.h"
#include "runtime/runtime.h"

namespace reigen::node {

class ContainerService;
struct NodeContext;

class ContainerPart {
 public:
  // kNotFound: no such Container here, or not this pod's.
  static Result<std::unique_ptr<ContainerPart>> open(NodeContext& context, const api::corev1::Pod& pod);
  ~ContainerPart();

  // Nothing of this run is to be started any more: it has ended, or a newer one was told of.
  bool over() const { return over_; }
  // The status says that it runs (or ran when the node went away).
  bool was_running() const;
  bool begun() const;  // the status tells of this run

  void update(std::shared_ptr<const api::dockerv1::Container> object);  // limits, policy
  void update(const api::corev1::Pod& pod);                             // networks to join or leave
  void relink(const std::string& id, const std::string& address);       // of a linked container that runs anew
  std::string run_label() const { return std::to_string(run_); }

  // An error ends the run before it began: start_failed().
  Status prepare(const ImageInfo& image);  // volumes, copy-up; hosts, hostname, resolv.conf
  Status fill_sandbox(runtime::SandboxSpec& spec);
  Status begin_network(const std::string& sandbox, const std::string& netns);  // made beside what follows; start_options' before_run waits for it
  Result<ImageInfo> image();
  Result<runtime::ContainerSpec> container_spec(const ImageInfo& image, const std::string& sandbox);  // its id is of a new attempt
  runtime::StartOptions start_options(const std::string& runtime_id);
  bool network_failed() const { return network_error_.has_value(); }

  // What an agent before this one left.
  void adopt_sandbox(const std::string& sandbox, const std::string& netns);
  void adopt(const runtime::ContainerStatus& status);

  // After an end: start again after this long, or nothing.
  std::optional<Duration> restart_after(const runtime::ContainerStatus& status, bool ended_by_us);
  void started(const runtime::ContainerStatus& status);
  void start_failed(const Error& error, bool from_runtime);
  void ended(const runtime::ContainerStatus& status, bool restarts);
  void give_up();                           // what was to be started again is not: it was stopped in between
  void lost(std::optional<int> exit_code);  // with the host, or with the runtime's knowledge of it; the code if its end was seen

  // After the pod's sandbox is gone. Layer, log and files stay.
  void clean_up();

  bool rotates_log() const;                              // Docker's option max-size is set
  void rotate_log(const std::string& runtime_id) const;  // empty: it has ended

  std::vector<std::string> addresses() const;
  std::string log_path() const;
  std::string stop_signal();
  std::optional<Duration> grace();  // how long a stop may take; nothing: as the pod says
  int restart_count() const;

 private:
  struct Target {
    std::shared_ptr<const api::dockerv1::Container> object;
    LiveContainer live;
  };
  Result<Target> running_target(const std::string& reference, const char* stopped);
  ContainerPart(NodeContext& context, ContainerService& service, std::shared_ptr<ContainerEntry> entry, DockerView view, const api::corev1::Pod& pod,
                int64_t run);

  // container_part_network.cc
  Status read_record(const api::corev1::Pod& pod);
  Result<std::vector<std::pair<network::BridgeSpec, network::Endpoint>>> legs();
  Result<std::pair<network::BridgeSpec, network::Endpoint>> leg(const api::dockerv1::EndpointStatus& endpoint);
  Result<std::vector<network::Publication>> publications() const;
  Status finish_network();  // before anything else uses or changes what is here
  void write_names();
  void publish_names(bool present);
  void sync_names() const;
  void leave_network();
  std::vector<api::dockerv1::EndpointStatus> endpoint_status() const;
  std::vector<api::dockerv1::PublishedPort> port_status() const;
  Status find_links(bool must_run);
  DockerFilesInput files_input();
  Status write_files();
  Status update_files();
  const api::dockerv1::NetworkRequest* request_of(const api::dockerv1::EndpointStatus& endpoint) const;

  void refresh_object();
  std::string container_dir() const;
  std::string hostname();
  void start_health(const runtime::ContainerStatus& status, HealthState state);
  void stop_health();
  void forget_run();
  std::string mount_user() const;

  NodeContext& context_;
  ContainerService& service_;
  const std::shared_ptr<ContainerEntry> entry_;
  DockerView view_;
  const std::string pod_uid_;
  const int64_t run_;
  bool over_ = false;
  api::dockerv1::EndpointsRecord record_;
  std::string sandbox_, netns_;
  std::optional<EarlyTask<Result<network::ContainerAttachment>>> network_;  // being made
  std::optional<Error> network_error_;
  std::optional<network::ContainerAttachment> attachment_;
  std::vector<std::pair<std::string, std::vector<std::string>>> links_;  // for hosts
  std::vector<std::string> link_env_;
  std::string hosts_, resolv_conf_;  // as last made by us: what else stands in the files is the container's own
  DockerMounts mounts_;
  Duration restart_delay_{};
  std::shared_ptr<ContainerHealth> health_;
  std::string shared_hostname_;  // of the container whose network this one has
};

}  // namespace reigen::node
