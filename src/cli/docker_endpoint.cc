#include "cli/docker_endpoint.h"

#include "apiserver/docker_users.h"
#include "apiserver/node_containers.h"
#include "base/ip.h"
#include "base/log.h"
#include "cli/control_plane.h"
#include "cli/docker_endpoint_tls.h"
#include "cli/host_facts.h"
#include "cli/local_node.h"
#include "client/informer.h"
#include "docker/engine.h"
#include "docker/image_host.h"
#include "docker/server.h"

namespace reigen::cli {

namespace {

constexpr unsigned kWorkThreads = 8;  // handlers wait for commits
constexpr unsigned kSlowThreads = 8;  // pulls, loads and builds at once
constexpr Duration kSyncLimit = std::chrono::seconds(30);

}  // namespace

struct DockerEndpoint::State {
  State(Executor& executor, client::Transport& transport, apiserver::NodeContainers& nodes, image::ImageStore& store)
      : images(store, {}),
        work(kWorkThreads, "docker"),
        slow(kSlowThreads, "docker-slow"),
        informers(transport, executor),
        engine(transport, informers, nodes, work, slow) {}

  docker::ImageHost images;
  ThreadExecutor work, slow;
  client::Informers informers;
  docker::Engine engine;
  std::unique_ptr<docker::Server> server;
  bool stopped = false;

  Status listen(const ServerOptions& options, const Instance& instance, const Executor& executor);
};

Status DockerEndpoint::State::listen(const ServerOptions& options, const Instance& instance, const Executor&) {
  docker::ServerOptions server_options;
  server_options.socket_path = options.docker_socket;
  if (!options.docker_group.empty()) server_options.group = options.docker_group;
  if (!options.docker_tcp.empty()) {
    TRY_ASSIGN(auto address, parse_docker_address(options.docker_tcp));
    server_options.tcp_address = address.address;
    server_options.tcp_port = address.port;
    TRY_ASSIGN(server_options.tls, open_docker_tls(options.docker_tls_dir, instance.pki_dir() + "/docker", engine.clock));
  }
  TRY_ASSIGN(server, docker::Server::open(engine, server_options));
  if (!options.docker_socket.empty()) LOG(kInfo, "docker", "serving Docker's API on {}", options.docker_socket);
  if (!options.docker_tcp.empty()) LOG(kInfo, "docker", "serving Docker's API with TLS on {} port {}", server_options.tcp_address, server->tcp_port());
  return {};
}

DockerEndpoint::DockerEndpoint(std::unique_ptr<State> state) : state_(std::move(state)) {}
DockerEndpoint::~DockerEndpoint() { stop(); }

Result<std::unique_ptr<DockerEndpoint>> DockerEndpoint::open(const ServerOptions& options, const Instance& instance, Executor& executor, ControlPlane& plane,
                                                             LocalNode& node) {
  auto* nodes = node.dialer().containers();
  if (!nodes) return fail(Code::kUnavailable, "Docker's API: this node has no service for containers");
  auto& transport = plane.transport_as(apiserver::kDockerEndpointUser, {"system:authenticated"});
  auto state = std::make_unique<State>(executor, transport, *nodes, node.image_store());
  auto& engine = state->engine;
  engine.image_store = &node.image_store();
  engine.images = &state->images;
  engine.node_name = options.node_name.empty() ? host_name() : options.node_name;
  engine.data_dir = instance.data_dir;
  engine.volumes_dir = instance.node_dir() + "/volumes";
  engine.pods_dir = instance.node_dir() + "/pods";
  engine.instance = instance.id;
  for (const auto& range : {options.cluster_cidr, options.service_cidr}) {
    if (auto network = IpNetwork::parse(range)) engine.reserved.push_back(*network);
  }
  engine.start();
  state->informers.start();
  TRY(state->informers.wait_synced(kSyncLimit));
  TRY(state->listen(options, instance, executor));
  return std::unique_ptr<DockerEndpoint>(new DockerEndpoint(std::move(state)));
}

void DockerEndpoint::stop() {
  if (std::exchange(state_->stopped, true)) return;
  if (state_->server) state_->server->stop();
  state_->engine.stop();
  state_->informers.stop();
  state_->work.stop();
  state_->slow.stop();
}

}  // namespace reigen::cli
