#include "cli/local_node.h"

#include <fmt/core.h>
#include <sys/wait.h>

#include "base/check.h"
#include "base/executor.h"
#include "base/files.h"
#include "base/ip.h"
#include "base/log.h"
#include "cli/control_plane.h"
#include "cli/host_facts.h"
#include "client/informer.h"
#include "dns/docker_publisher.h"
#include "dns/helper.h"
#include "dns/publisher.h"
#include "image/image_store.h"
#include "image/puller.h"
#include "linux/mount.h"
#include "linux/pidfd.h"
#include "network/container_network.h"
#include "network/helper_process.h"
#include "network/pod_network.h"
#include "network/port_table.h"
#include "node/agent.h"
#include "node/image_service.h"
#include "node/local_node_dialer.h"
#include "proxy/service_proxy.h"
#include "proxy/service_watch.h"
#include "runtime/crun_runtime.h"

namespace reigen::cli {
namespace {

constexpr const char* kVersion = "v1.32.0+reigen";
constexpr auto kHelperPause = std::chrono::milliseconds(200);
constexpr auto kHelperRetry = std::chrono::seconds(30);

// The first /24 of the cluster's range: the share of the only node.
std::string first_share(const std::string& range) { return range.substr(0, range.find('/')) + "/24"; }

// The flags were checked: these parse.
IpNetwork network_of(const std::string& text) {
  auto parsed = IpNetwork::parse(text);
  CHECK(parsed.has_value());
  return *parsed;
}

}  // namespace

struct LocalNode::State {
  State(const ServerOptions& options, const Instance& instance, Executor& executor, Poller& poller)
      : options(options), instance(instance), executor(executor), poller(poller) {}

  const ServerOptions options;
  const Instance instance;
  Executor& executor;
  Poller& poller;
  std::string name, pod_cidr;
  std::vector<IpNetwork> pods, services;
  IpAddress dns;

  std::unique_ptr<image::ImageStore> image_store;
  std::unique_ptr<image::Puller> puller;
  std::unique_ptr<node::ImageService> images;
  std::unique_ptr<network::PodNetwork> network;
  std::unique_ptr<network::ContainerNetwork> docker_network;
  std::unique_ptr<runtime::CrunRuntime> runtime;
  std::unique_ptr<node::LocalNodeDialer> dialer;
  std::unique_ptr<proxy::ServiceProxy> proxy;
  std::unique_ptr<node::Agent> agent;
  std::unique_ptr<client::Informers> proxy_informers, dns_informers;
  std::unique_ptr<proxy::ServiceWatch> service_watch;
  std::unique_ptr<dns::Publisher> publisher;
  std::unique_ptr<dns::DockerPublisher> docker_publisher;
  Fd helper_process;  // of the name server; guarded by running on helper_strand
  Poller::Handle helper_watch = 0;
  Strand helper_strand{executor};
  TaskGroup tasks;

  Status open();
  Status open_network();
  node::AgentOptions agent_options() const;
  void start_services(ControlPlane& plane);
  void keep_name_server();
  void forget_name_server();
};

Status LocalNode::State::open_network() {
  network::PodNetworkOptions network_options;
  network_options.instance = instance.id;
  network_options.run_directory = instance.run_dir;
  network_options.cluster_cidrs = pods;
  network_options.pod_cidrs = {network_of(pod_cidr)};
  TRY_ASSIGN(network_options.ports, network::PortTable::open(instance.run_dir));
  TRY_ASSIGN(network, network::PodNetwork::open(network_options));
  TRY_ASSIGN(docker_network, network::ContainerNetwork::open(std::move(network_options)));
  proxy::ProxyOptions proxy_options;
  proxy_options.instance = instance.id;
  proxy_options.cluster_cidrs = pods;
  proxy_options.service_cidrs = services;
  TRY_ASSIGN(proxy, proxy::ServiceProxy::open(std::move(proxy_options)));
  return {};
}

Status LocalNode::State::open() {
  name = options.node_name.empty() ? host_name() : options.node_name;
  pod_cidr = first_share(options.cluster_cidr);
  pods = {network_of(options.cluster_cidr)};
  services = {network_of(options.service_cidr)};
  dns = IpAddress::parse(options.cluster_dns).value_or(IpAddress());
  TRY(linux::make_run_folder(instance.run_dir));
  TRY(make_directories(instance.node_dir(), 0700));
  TRY_ASSIGN(image_store, image::ImageStore::open(instance.image_dir()));
  puller = std::make_unique<image::Puller>(*image_store);
  images = node::make_image_service(*image_store, *puller);
  TRY(open_network());
  runtime::CrunOptions crun;
  crun.data_dir = instance.node_dir() + "/runtime";
  crun.run_dir = instance.run_dir;
  crun.instance = instance.id;
  TRY_ASSIGN(runtime, runtime::CrunRuntime::open(std::move(crun), executor, poller));
  dialer = std::make_unique<node::LocalNodeDialer>(executor, poller, *runtime, runtime->wrapper_path());
  return {};
}

node::AgentOptions LocalNode::State::agent_options() const {
  node::AgentOptions agent_options;
  agent_options.node_name = name;
  agent_options.data_dir = instance.node_dir();
  agent_options.run_dir = instance.run_dir;
  agent_options.instance = instance.id;
  agent_options.addresses = host_addresses();
  if (agent_options.addresses.empty()) agent_options.addresses = {"127.0.0.1"};
  agent_options.cluster_dns = options.cluster_dns;
  agent_options.version = kVersion;
  agent_options.pod_cidrs = {pod_cidr};
  agent_options.max_pods = options.max_pods;
  agent_options.seccomp_default = options.seccomp_default;
  agent_options.publish_names = [publisher = docker_publisher.get()](const api::dockerv1::Container& container) { publisher->put(container); };
  return agent_options;
}

// Names and services follow the API; the helper answers names also while this process is gone.
void LocalNode::State::start_services(ControlPlane& plane) {
  proxy_informers = std::make_unique<client::Informers>(plane.transport_as("system:kube-proxy", {}), executor);
  service_watch = std::make_unique<proxy::ServiceWatch>(*proxy_informers, executor, *proxy, name);
  service_watch->start();
  proxy_informers->start();
  dns_informers = std::make_unique<client::Informers>(plane.transport_as("system:kube-controller-manager", {}), executor);
  dns::PublisherOptions publisher_options;
  publisher_options.run_directory = instance.run_dir;
  publisher_options.cidrs = {pods[0], services[0]};
  publisher_options.name_servers = {dns};
  publisher = std::make_unique<dns::Publisher>(*dns_informers, executor, std::move(publisher_options));
  publisher->start();
  docker_publisher = std::make_unique<dns::DockerPublisher>(*dns_informers, executor, dns::DockerPublisherOptions{instance.run_dir});
  docker_publisher->start();
  dns_informers->start();
}

// Starts the name server when none lives, and again when it has ended. Pods can run without names: what is wrong is said, and tried again.
void LocalNode::State::keep_name_server() {
  forget_name_server();
  dns::HelperOptions options;
  options.instance = instance.id;
  options.run_directory = instance.run_dir;
  options.listen = dns;
  auto again = [this](Duration delay) { helper_strand.after(delay, tasks.wrap([this] { keep_name_server(); })); };
  if (auto started = dns::ensure_helper(options); !started) {
    LOG(kError, "dns", "the name server does not run: {}", started.error().message());
    return again(kHelperRetry);
  }
  auto helper = network::living_helper(instance.run_dir);
  auto process = helper ? linux::open_process(helper->pid, helper->start_time) : Result<Fd>(fail(Code::kNotFound, "it has ended"));
  if (!process) return again(kHelperPause);
  helper_process = std::move(*process);
  auto watch = poller.on_exit(helper_process.get(), tasks.wrap([this, again] {
    LOG(kWarning, "dns", "the name server has ended; another one is started");
    again(kHelperPause);
  }));
  if (watch) helper_watch = *watch;
}

void LocalNode::State::forget_name_server() {
  if (helper_watch) poller.remove(std::exchange(helper_watch, 0));
  siginfo_t info{};
  if (helper_process) (void)::waitid(P_PIDFD, static_cast<id_t>(helper_process.get()), &info, WEXITED | WNOHANG);  // ours when this process started it
  helper_process.reset();
}

LocalNode::LocalNode(std::unique_ptr<State> state) : state_(std::move(state)) {}
LocalNode::~LocalNode() { stop(); }

Result<std::unique_ptr<LocalNode>> LocalNode::open(const ServerOptions& options, const Instance& instance, Executor& executor, Poller& poller) {
  auto state = std::make_unique<State>(options, instance, executor, poller);
  TRY(state->open());
  return std::unique_ptr<LocalNode>(new LocalNode(std::move(state)));
}

apiserver::NodeDialer& LocalNode::dialer() { return *state_->dialer; }
image::ImageStore& LocalNode::image_store() { return *state_->image_store; }

Status LocalNode::start(ControlPlane& plane) {
  state_->start_services(plane);
  state_->agent = std::make_unique<node::Agent>(state_->agent_options(), plane.transport_as("system:node:" + state_->name, {"system:nodes"}), *state_->runtime,
                                                *state_->images, *state_->network, state_->executor, &state_->poller, state_->docker_network.get());
  state_->dialer->add(*state_->agent);
  state_->agent->start();
  state_->helper_strand.post(state_->tasks.wrap([state = state_.get()] { state->keep_name_server(); }));
  return {};
}

void LocalNode::stop() {
  state_->tasks.stop();
  state_->forget_name_server();
  if (state_->agent) {
    state_->dialer->remove(*state_->agent);
    state_->agent->stop();
    state_->agent.reset();
  }
  if (state_->service_watch) state_->service_watch->stop();
  if (state_->publisher) state_->publisher->stop();
  if (state_->docker_publisher) state_->docker_publisher->stop();
  for (auto* informers : {state_->proxy_informers.get(), state_->dns_informers.get()}) {
    if (informers) informers->stop();
  }
}

}  // namespace reigen::cli
