// Engine: everything the handlers share. Made by cli (docker_endpoint), lives longer than the server.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "api/corev1.h"
#include "api/dockerv1.h"
#include "base/executor.h"
#include "base/ip.h"
#include "base/random.h"
#include "client/client.h"
#include "client/informer.h"
#include "docker/container_events.h"
#include "docker/container_waits.h"
#include "docker/event_log.h"
#include "docker/exec_store.h"
#include "docker/starts_under_way.h"

namespace reigen::apiserver {
class NodeContainers;
}
namespace reigen::image {
class ImageStore;
}

namespace reigen::docker {

class ImageHost;  // image_host.h: the images of the node

struct Engine {
  // All outlive it. `work` and `slow` are the endpoint's own threads, for handlers of Pool::kWork and Pool::kSlow.
  Engine(client::Transport& transport, client::Informers& informers, apiserver::NodeContainers& nodes, Executor& work, Executor& slow);
  ~Engine();

  client::Client client;  // as system:reigen:docker
  client::Informers& informers;
  client::Informer<api::dockerv1::Container> containers;
  client::Informer<api::dockerv1::Network> networks;
  client::Informer<api::dockerv1::Volume> volumes;
  client::Informer<api::corev1::Pod> pods;
  apiserver::NodeContainers& nodes;
  ImageHost* images = nullptr;
  image::ImageStore* image_store = nullptr;  // what containers are made from; both are set before the first request
  Executor& work;
  Executor& slow;
  Clock& clock;
  Random& random = system_random();
  EventLog events{clock};
  ContainerEvents container_events{events};
  ContainerWaits waits;
  StartsUnderWay starts;
  ExecStore execs;
  std::string node_name;
  std::string data_dir;             // DockerRootDir
  std::string volumes_dir;          // a volume's data is below its uid there
  std::string pods_dir;             // a pod's likewise
  std::vector<IpNetwork> reserved;  // the cluster's own ranges: no Docker network lies there
  std::string instance;             // the id /info shows

  // Registers what follows the informers; before they start.
  void start();
  // Ends what `nodes` tells; before `nodes` goes.
  void stop();

  // Of wait_gone.
  std::mutex gone_mutex;
  std::condition_variable gone;
  bool started = false;
};

// The index of Engine::containers by Docker name.
inline constexpr const char* kByDockerName = "docker-name";
// Of Engine::pods by the container they are a run of.
inline constexpr const char* kByContainer = "docker-container";

// Waits until the informers have seen a write of ours, so that the next request finds it.
void wait_seen(Engine& engine, client::ObjectInformer& informer, std::string_view resource_version);
// The same for a removal of a network or volume.
void wait_gone(Engine& engine, client::ObjectInformer& informer, const std::string& name);

}  // namespace reigen::docker
