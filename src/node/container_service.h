// ContainerService: Docker's side of one node. It answers Docker's calls (apiserver/node_containers.h) and keeps what outlives a pod:
// the entries of Containers, volumes, names; it removes what has no Container, Volume or Network any more.
//
// Thread-safe. Calls return at once; each container's run on its strand, which is not its worker's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "api/dockerv1.h"
#include "apiserver/node_containers.h"
#include "base/guarded.h"
#include "client/informer.h"
#include "network/container_network.h"
#include "network/sandbox_names.h"
#include "node/container_entry.h"
#include "node/docker_mounts.h"
#include "node/docker_view.h"
#include "node/image_service.h"

namespace reigen::node {

class PodWorker;
struct AgentOptions;

struct ContainerServiceParts {
  const AgentOptions& options;
  client::Transport& transport;
  runtime::Runtime& runtime;
  ImageService& images;
  network::ContainerNetwork& network;
  Executor& executor;
  // Null when the pod is not here.
  std::function<std::shared_ptr<PodWorker>(const apiserver::PodTarget&)> find_pod;
};

class ContainerService final : public apiserver::NodeContainers {
 public:
  explicit ContainerService(ContainerServiceParts parts);
  ~ContainerService() override;

  void start(Fn synced);  // informers; `synced` once all three have listed
  void stop();            // waits for what is in progress

  // --- for pod workers ---
  // The newest known; asked of the API when the informer has none, or one before `run`.
  Result<std::shared_ptr<const api::dockerv1::Container>> object(const std::string& id, int64_t run = 0);
  Result<std::shared_ptr<const api::dockerv1::Container>> fresh_object(const std::string& id);
  Result<std::shared_ptr<const api::dockerv1::Network>> network(const std::string& id);
  // By id, name, or the beginning of an id.
  std::shared_ptr<const api::dockerv1::Container> resolve(const std::string& reference) const;
  std::shared_ptr<ContainerEntry> entry(const std::string& id);
  std::shared_ptr<ContainerEntry> find_entry(const std::string& id) const;
  DockerVolumes& volumes() { return *volumes_; }
  network::SandboxNamesFile& names() { return *names_; }
  network::ContainerNetwork& container_network() { return parts_.network; }
  std::string container_dir(const std::string& id) const;
  using ProbeListener = Guarded<std::function<void(const apiserver::ProbeNotice&)>>;
  std::shared_ptr<ProbeListener> probes() const { return probes_; }
  std::string files_dir(const DockerView& view) const;             // of hosts, hostname, resolv.conf: another's whose network it shares
  std::string bridge_gateway() const;                              // what host-gateway means; "" when there is no network `bridge`
  void relink(const std::string& id, const std::string& address);  // tells the containers that link to this one on the default network
  void pod_finished(const std::string& id);                        // a run's pod is cleaned up: its Container may wait to be collected

  // Removes what has no object any more; once the workers have adopted what runs.
  void collect();

  // --- NodeContainers ---
  void details(apiserver::ContainerTarget target, apiserver::Done<apiserver::ContainerDetails> done) override;
  void kill(apiserver::ContainerTarget target, int signal, apiserver::Done<void> done) override;
  void pause(apiserver::ContainerTarget target, bool paused, apiserver::Done<void> done) override;
  void update(apiserver::ContainerTarget target, std::string host_config, apiserver::Done<void> done) override;
  void resize(apiserver::ContainerTarget target, int width, int height, apiserver::Done<void> done) override;
  void attach(apiserver::AttachRequest request, apiserver::Done<apiserver::ContainerStreams> done) override;
  void exec(apiserver::ContainerExec request, apiserver::Done<apiserver::ContainerStreams> done) override;
  void logs(apiserver::ContainerLogs request, apiserver::Done<std::shared_ptr<ByteStream>> done) override;
  void stats(apiserver::ContainerTarget target, apiserver::Done<std::string> done) override;
  void top(apiserver::ContainerTarget target, std::string ps_arguments, apiserver::Done<apiserver::TopResult> done) override;
  void size(apiserver::ContainerTarget target, apiserver::Done<apiserver::SizeResult> done) override;
  void changes(apiserver::ContainerTarget target, apiserver::Done<std::vector<std::pair<std::string, int>>> done) override;
  void stat_path(apiserver::ContainerTarget target, std::string path, apiserver::Done<std::string> done) override;
  void read_archive(apiserver::ContainerTarget target, std::string path, apiserver::Done<std::shared_ptr<ByteStream>> done) override;
  void write_archive(apiserver::ContainerTarget target, std::string path, bool keep_dir_kind, bool copy_owner, std::shared_ptr<ByteStream> tar,
                     apiserver::Done<void> done) override;
  void export_root(apiserver::ContainerTarget target, apiserver::Done<std::shared_ptr<ByteStream>> done) override;
  void copy_layer(apiserver::ContainerTarget target, bool pause, apiserver::Done<std::string> done) override;
  void take_layer(apiserver::ContainerTarget target, std::string directory, int exit_code, apiserver::Done<void> done) override;
  void volume_use(std::string node, apiserver::Done<std::vector<apiserver::VolumeUse>> done) override;
  void on_probe(std::function<void(const apiserver::ProbeNotice&)> told) override { *probes_->lock() = std::move(told); }
  void networks_in_use(std::string node, apiserver::Done<std::vector<IpNetwork>> done) override;

 private:
  // What a call is about, of Docker's own containers and of pods' alike.
  struct Subject {
    std::shared_ptr<ContainerEntry> entry;                   // null: a pod's
    std::shared_ptr<const api::dockerv1::Container> object;  // null: a pod's
    std::string name;                                        // Docker's, or the pod's container's
    std::string runtime_id, sandbox, log_path;
    bool running = false, paused = false, tty = false, stdin_open = false;
    std::function<bool()> ended;  // for who follows the log
  };
  Result<Subject> subject(const apiserver::ContainerTarget& target);
  Result<Subject> running_subject(const apiserver::ContainerTarget& target);
  void run(const apiserver::ContainerTarget& target, Fn work);  // on the container's strand
  Result<apiserver::ContainerStreams> attach_now(const apiserver::AttachRequest& request);
  Result<std::unique_ptr<runtime::Session>> begin_exec(const apiserver::ContainerExec& request);
  void exec_now(const apiserver::ContainerExec& request, apiserver::Done<apiserver::ContainerStreams> done);
  Result<std::shared_ptr<ByteStream>> logs_now(const apiserver::ContainerLogs& request);
  Result<apiserver::ContainerDetails> details_now(const apiserver::ContainerTarget& target);
  Status pause_now(const apiserver::ContainerTarget& target, bool paused);
  Result<std::string> stats_now(const apiserver::ContainerTarget& target);

  // container_service_files.cc
  Result<runtime::Root> root_of(const Subject& subject);
  Result<std::shared_ptr<runtime::RootView>> view_of(const Subject& subject, bool with_volumes);
  using Sink = std::function<Status(std::string_view)>;
  void send_files(apiserver::ContainerTarget target, bool with_volumes, std::string path, std::function<Status(const runtime::RootView&, const Sink&)> produce,
                  apiserver::Done<std::shared_ptr<ByteStream>> done);

  // container_collector.cc
  void container_changed(const std::shared_ptr<const api::dockerv1::Container>& previous, const std::shared_ptr<const api::dockerv1::Container>& current);
  void collect_container(const std::string& id);
  Status remove_files(const std::string& id);  // layer, mounts, folder
  void network_gone(const std::string& id);
  void post(Duration delay, Fn fn);
  bool begin_transfer(const std::shared_ptr<ByteStream>& stream);  // false: stopped
  std::set<std::string> containers_on_disk() const;

  ContainerServiceParts parts_;
  client::Client client_;
  client::Informers informers_;
  client::Informer<api::dockerv1::Container> containers_;
  client::Informer<api::dockerv1::Network> networks_;
  client::Informer<api::dockerv1::Volume> objects_of_volumes_;
  std::unique_ptr<DockerVolumes> volumes_;
  std::unique_ptr<network::SandboxNamesFile> names_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<ContainerEntry>> entries_;
  std::vector<std::weak_ptr<ByteStream>> transferring_;  // what stop() must close, for threads wait for their clients
  bool stopped_ = false;
  const std::shared_ptr<ProbeListener> probes_ = std::make_shared<ProbeListener>();
  std::shared_ptr<TaskGroup> tasks_ = std::make_shared<TaskGroup>();
  // Archives, commits and sizes may wait long for their clients and disks: the pods' threads are not for that.
  static constexpr unsigned kTransfers = 8;
  ThreadExecutor transfers_;
};

}  // namespace reigen::node
