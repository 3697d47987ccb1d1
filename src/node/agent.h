// Agent: one node of the cluster. It registers the Node, runs the pods bound to it, reports their status, and serves exec, logs and
// port-forward through a NodeDialer (local_node_dialer.h).
//
// One worker per pod (pod_worker.h), each on a strand of the executor. What runs outlives the agent: the next one over the same
// folders adopts it. Workers make blocking calls (API, runtime, disk) on the executor's threads; give it at least four.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/poller.h"
#include "base/result.h"

namespace reigen::api::dockerv1 {
struct Container;
}
namespace reigen::client {
class Transport;
}
namespace reigen::network {
class ContainerNetwork;
class PodNetwork;
}  // namespace reigen::network
namespace reigen::runtime {
class Runtime;
}

namespace reigen::node {

class ContainerService;
class ImageService;
class PodWorker;

struct AgentOptions {
  std::string node_name;
  std::string data_dir;  // pods' volumes, logs, checkpoints; kept over reboots
  std::string run_dir;   // short; gone after a reboot
  std::string instance;
  std::vector<std::string> addresses;  // the node's own IPs, the first is hostIP
  std::string cluster_dns;             // "" : pods get the host's resolv.conf
  std::string cluster_domain = "cluster.local";
  std::string version = "v1.32.0";     // nodeInfo.kubeletVersion
  std::vector<std::string> pod_cidrs;  // put into spec.podCIDRs at registration when not empty
  int kubelet_port = 10250;            // status.daemonEndpoints
  int max_pods = 110;
  bool seccomp_default = false;  // RuntimeDefault where a pod says nothing
  bool hollow = false;           // no volumes, files, probes and host facts: HollowRuntime
  int64_t hollow_cpu = 32;       // cores
  int64_t hollow_memory = int64_t{256} << 30;
  std::map<std::string, std::string> labels;
  Duration lease_period = std::chrono::seconds(10);
  Duration status_period = std::chrono::minutes(5);  // without changes
  int64_t log_max_bytes = 10 << 20;
  int log_max_files = 5;
  // Tells name servers of the names a container of this node has at once (dns::DockerPublisher::put); empty: they follow the API alone.
  std::function<void(const api::dockerv1::Container&)> publish_names;
  int image_gc_high_percent = 85, image_gc_low_percent = 80;  // used space of the images' disk
};

class Agent {
 public:
  // `docker_network`: null for a node without Docker's containers.
  Agent(AgentOptions options, client::Transport& transport, runtime::Runtime& runtime, ImageService& images, network::PodNetwork& network, Executor& executor,
        Poller* poller, network::ContainerNetwork* docker_network = nullptr);
  ~Agent();  // stops; pods keep running
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Registers the node (again and again until the API answers) and starts watching pods. Returns at once.
  void start();
  // Waits for what is in progress. Containers are left alone. Not from one of its own tasks.
  void stop();

  bool registered() const;
  const AgentOptions& options() const;

  // Thread-safe; null when the pod is not here. An empty uid matches any.
  std::shared_ptr<PodWorker> find_pod(const std::string& namespace_, const std::string& name, const std::string& uid) const;
  // Docker's calls; null without Docker's containers.
  ContainerService* docker() const;
  // The Summary of /stats/summary as JSON. Blocks (reads cgroups).
  std::string stats_summary() const;
  // The PodList of /pods as JSON, or of /runningpods: only what has a running container.
  std::string pods_json(bool running) const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace reigen::node
