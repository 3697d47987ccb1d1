#include "node/agent.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <set>

#include "api/authenticationv1.h"
#include "api/coordinationv1.h"
#include "api/json.h"
#include "base/files.h"
#include "base/log.h"
#include "client/event_recorder.h"
#include "client/informer.h"
#include "network/pod_network.h"
#include "node/admission.h"
#include "node/api_objects.h"
#include "node/container_service.h"
#include "node/image_gc.h"
#include "node/node_status.h"
#include "node/pod_worker.h"
#include "node/stats_summary.h"

namespace reigen::node {

using namespace api::corev1;

namespace {
constexpr auto kRegisterRetry = std::chrono::milliseconds(500);
constexpr auto kImageCheckPeriod = std::chrono::seconds(60);
constexpr auto kRefreshPeriod = std::chrono::seconds(30);
constexpr auto kLogPeriod = std::chrono::seconds(1);
constexpr auto kStoragePeriod = std::chrono::seconds(10);
constexpr auto kImageGcPeriod = std::chrono::minutes(5);
constexpr int kLeaseSeconds = 40;

uint64_t version_of(const Node& node) {
  uint64_t version = 0;
  std::from_chars(node.metadata.resource_version.data(), node.metadata.resource_version.data() + node.metadata.resource_version.size(), version);
  return version;
}
}  // namespace

struct Agent::State {
  State(AgentOptions o, client::Transport& t, runtime::Runtime& r, ImageService& i, network::PodNetwork& n, Executor& e, network::ContainerNetwork* d)
      : options(std::move(o)),
        transport(t),
        client(t, "kubelet"),
        runtime(r),
        images(i),
        network(n),
        executor(e),
        strand(e),
        lease_strand(e),
        host(read_host_facts(options)),
        events(t, e, {"kubelet", options.node_name}),
        objects(t, e, options.hollow),
        pods(t, e, {.field_selector = "spec.nodeName=" + options.node_name}),
        self(t, e, {.field_selector = "metadata.name=" + options.node_name}),
        image_gc(i, {options.image_gc_high_percent, options.image_gc_low_percent}),
        stats(r, e.clock(), options.node_name, options.hollow ? "" : options.data_dir),
        context{options, client, runtime, images, network, executor, events, objects, facts(), dns(), nullptr, nullptr, tasks, d, nullptr} {
    if (d) {
      docker = std::make_unique<ContainerService>(ContainerServiceParts{
          options, transport, runtime, images, *d, executor, [this](const apiserver::PodTarget& pod) { return find_pod(pod.namespace_, pod.name, pod.uid); }});
      context.docker = docker.get();
    }
    context.admit = [this](const Pod& pod) { return admit(pod); };
    context.finished = [this](const std::string& uid) { forget(uid); };
  }

  AgentOptions options;
  client::Transport& transport;
  client::Client client;
  runtime::Runtime& runtime;
  ImageService& images;
  network::PodNetwork& network;
  Executor& executor;
  Strand strand, lease_strand;
  HostFacts host;
  client::EventRecorder events;
  ApiObjects objects;
  client::Informer<Pod> pods;
  client::Informer<Node> self;
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<PodWorker>> workers;  // by uid
  ImageGc image_gc;                                           // of the strand
  StatsSummary stats;
  std::string network_findings;                 // of the strand: what was said last
  std::map<std::string, std::string> admitted;  // key in `pods` by uid
  bool registered = false, stopped = false;
  Node node;                                                          // of the strand
  std::shared_ptr<const Node> shown_node = std::make_shared<Node>();  // the same for workers, under the mutex
  TimePoint status_sent{};
  std::shared_ptr<TaskGroup> tasks = std::make_shared<TaskGroup>();
  NodeContext context;
  std::unique_ptr<ContainerService> docker;

  // Pods name one address a family, the first.
  NodeFacts facts() const {
    std::vector<std::string> addresses;
    for (const auto& address : options.addresses) {
      bool v6 = address.find(':') != std::string::npos;
      bool known = std::ranges::any_of(addresses, [&](const std::string& other) { return (other.find(':') != std::string::npos) == v6; });
      if (!known) addresses.push_back(address);
    }
    return {options.node_name, std::move(addresses), host.cpus * 1000, host.memory};
  }
  DnsSettings dns() const { return {options.cluster_dns, options.cluster_domain, options.hollow ? "" : read_host_resolv_conf()}; }

  void post(std::function<void()> fn) {
    strand.post(tasks->wrap([fn = std::move(fn)] { fn(); }));
  }
  void after(Duration delay, std::function<void()> fn) {
    strand.after(delay, tasks->wrap([fn = std::move(fn)] { fn(); }));
  }

  std::shared_ptr<PodWorker> find_pod(const std::string& namespace_, const std::string& name, const std::string& uid) {
    std::lock_guard lock(mutex);
    for (const auto& [id, worker] : workers) {
      if (worker->namespace_() == namespace_ && worker->name() == name && (uid.empty() || uid == id)) return worker;
    }
    return nullptr;
  }

  std::shared_ptr<PodWorker> worker(const std::string& uid) {
    std::lock_guard lock(mutex);
    auto it = workers.find(uid);
    return it == workers.end() ? nullptr : it->second;
  }

  // On a pod's strand. One after the other, so that of two pods that exclude each other just one is rejected.
  std::optional<Rejection> admit(const Pod& pod) {
    std::shared_ptr<const Node> now;
    if (auto got = options.hollow ? Result<std::shared_ptr<const Node>>(fail(Code::kNotFound, "")) : client.get<Node>("", options.node_name)) now = *got;
    std::lock_guard lock(mutex);
    std::vector<std::shared_ptr<const Pod>> others;
    for (const auto& [uid, key] : admitted) {
      auto other = uid == pod.metadata.uid ? nullptr : pods.get(key);
      if (other && other->metadata.uid == uid) others.push_back(std::move(other));
    }
    auto rejection = admit_pod(pod, others, now ? *now : *shown_node, options.max_pods);
    if (!rejection) admitted[pod.metadata.uid] = client::key_of(pod.metadata.namespace_, pod.metadata.name);
    return rejection;
  }

  void show_node() {
    auto shown = std::make_shared<const Node>(node);
    std::lock_guard lock(mutex);
    shown_node = std::move(shown);
  }

  void forget(const std::string& uid) {
    std::shared_ptr<PodWorker> gone;
    std::lock_guard lock(mutex);
    auto it = workers.find(uid);
    if (it == workers.end()) return;
    gone = it->second;
    workers.erase(it);
    admitted.erase(uid);
    // Not from the worker's own task: its last reference may be the one that runs now.
    executor.post([gone] {});
  }

  void register_node() {
    Node wanted = make_node(options, host, runtime);
    update_node_status(wanted, options, host, runtime, images.list(), api::Time(executor.clock().wall()));
    auto made = client.create(wanted);
    if (!made && made.error().code() == Code::kAlreadyExists) {
      auto there = client.get<Node>("", options.node_name);
      if (there) {
        node = **there;
        for (const auto& [name, value] : wanted.metadata.labels) node.metadata.labels[name] = value;
        if (node.spec.pod_cidrs.empty()) {
          node.spec.pod_cidr = wanted.spec.pod_cidr;
          node.spec.pod_cidrs = wanted.spec.pod_cidrs;
        }
        bool same = node.metadata.labels == (*there)->metadata.labels && node.spec == (*there)->spec;
        if (!same) {
          if (auto updated = client.update(node)) node = **updated;
        }
        return registration_done(send_status(true));
      }
    }
    if (made) node = **made;
    registration_done(made ? send_status(true) : Status(fail(made.error())));
  }

  void registration_done(Status done) {
    if (!done) {
      LOG(kWarning, "node", "register node {}: {}", options.node_name, done.error().message());
      after(kRegisterRetry, [this] { register_node(); });
      return;
    }
    {
      std::lock_guard lock(mutex);
      registered = true;
    }
    LOG(kInfo, "node", "node {} is ready", options.node_name);
    node_event("Normal", "Starting", "Starting kubelet.");
    renew_lease();
    after(options.hollow ? options.status_period : Duration(kImageCheckPeriod), [this] { heartbeat(); });
    start_pods();
    if (!options.hollow) watch_self();
  }

  // Whoever gives this node up (it may have been suspended) is contradicted at once, not with the next heartbeat.
  void watch_self() {
    self.on_change([this](const auto&, const std::shared_ptr<const Node>& current) {
      if (!current) return;
      post([this, current] {
        if (version_of(*current) <= version_of(node)) return;
        node = *current;
        if (auto sent = send_status(false); !sent) LOG(kWarning, "node", "status of node {}: {}", options.node_name, sent.error().message());
      });
    });
    self.start();
  }

  void node_event(const char* type, const char* reason, std::string message) {
    ObjectReference about;
    about.kind = "Node";
    about.name = about.uid = options.node_name;
    events.event(about, type, reason, std::move(message));
  }

  Status send_status(bool force) {
    bool changed = update_node_status(node, options, host, runtime, images.list(), api::Time(executor.clock().wall()));
    show_node();
    TimePoint now = executor.clock().now();
    if (!force && !changed && now - status_sent < options.status_period) return {};
    auto sent = client.patch<Node>("", options.node_name, client::PatchType::kStrategic, node_status_patch(node.status), "status");
    if (!sent) return fail(sent.error());
    node = **sent;
    status_sent = now;
    show_node();
    return {};
  }

  void heartbeat() {
    if (!options.hollow) check_network();
    if (auto sent = send_status(false); !sent) {
      LOG(kWarning, "node", "status of node {}: {}", options.node_name, sent.error().message());
      if (sent.error().code() == Code::kNotFound) return register_again();
    }
    after(options.hollow ? options.status_period : Duration(kImageCheckPeriod), [this] { heartbeat(); });
  }

  void register_again() {
    Node wanted = make_node(options, host, runtime);
    if (auto made = client.create(wanted)) node = **made;
    (void)send_status(true);
    after(kImageCheckPeriod, [this] { heartbeat(); });
  }

  void renew_lease() {
    lease_strand.post(tasks->wrap([this] {
      api::MicroTime now(executor.clock().wall());
      std::string patch = fmt::format("{{\"spec\":{{\"renewTime\":\"{}\"}}}}", now.to_string());
      auto renewed = client.patch<api::coordinationv1::Lease>("kube-node-lease", options.node_name, client::PatchType::kMerge, patch);
      if (!renewed && renewed.error().code() == Code::kNotFound) create_lease(now);
      lease_strand.after(options.lease_period, tasks->wrap([this] { renew_lease(); }));
    }));
  }

  void create_lease(api::MicroTime now) {
    api::coordinationv1::Lease lease;
    lease.metadata.namespace_ = "kube-node-lease";
    lease.metadata.name = options.node_name;
    auto& owner = lease.metadata.owner_references.emplace_back();
    owner.api_version = "v1";
    owner.kind = "Node";
    owner.name = options.node_name;
    owner.uid = node.metadata.uid;
    lease.spec.holder_identity = options.node_name;
    lease.spec.lease_duration_seconds = kLeaseSeconds;
    lease.spec.renew_time = now;
    (void)client.create(std::move(lease));
  }

  void start_pods() {
    runtime.on_exit([this](const std::string& id) {
      auto status = runtime.container_status(id);
      if (!status) return;
      auto label = status->labels.find("pod_uid");
      if (label == status->labels.end()) return;
      if (auto found = worker(label->second)) found->container_exited(id);
    });
    pods.on_change(
        [this](const std::shared_ptr<const Pod>& previous, const std::shared_ptr<const Pod>& current) {
          // Another pod of the same name may have taken the place between two events.
          if (previous && (!current || previous->metadata.uid != current->metadata.uid)) gone(previous);
          if (current) changed(current);
        },
        tasks->wrap([this] { remove_orphans(); }));
    // Workers of Docker's containers ask for their objects: those come first.
    auto start = tasks->wrap([this] { objects.start(tasks->wrap([this] { pods.start(); })); });
    if (docker) docker->start(std::move(start));
    else start();
    if (options.hollow) return;
    after(kRefreshPeriod, [this] { refresh(); });
    after(kStoragePeriod, [this] { check_storage(); });
    if (docker) after(kLogPeriod, [this] { rotate_docker_logs(); });
    after(kImageGcPeriod, [this] { collect_images(); });
  }

  void changed(std::shared_ptr<const Pod> pod) {
    auto found = worker(pod->metadata.uid);
    if (!found) {
      found = std::make_shared<PodWorker>(context, pod);
      bool ran = adopt(*found);
      std::lock_guard lock(mutex);
      workers[pod->metadata.uid] = found;
      if (ran) admitted[pod->metadata.uid] = client::key_of(pod->metadata.namespace_, pod->metadata.name);
    }
    found->update(std::move(pod));
  }

  // True when something of the pod was here already.
  bool adopt(PodWorker& worker) {
    auto mine = [&](const runtime::Labels& labels) {
      auto it = labels.find("pod_uid");
      return it != labels.end() && it->second == worker.uid();
    };
    if (options.hollow) return false;
    bool found = false;
    for (const auto& sandbox : runtime.list_sandboxes()) {
      if (!mine(sandbox.labels)) continue;
      worker.adopt(sandbox);
      found = true;
    }
    for (const auto& container : runtime.list_containers()) {
      if (mine(container.labels)) worker.adopt(container);
    }
    return found;
  }

  void gone(const std::shared_ptr<const Pod>& pod) {
    if (auto found = worker(pod->metadata.uid)) found->removed();
  }

  // What runs here without a pod in the API: its pod was deleted while we were down.
  void remove_orphans() {
    std::set<std::string> known, sandboxes;
    {
      std::lock_guard lock(mutex);
      for (const auto& [uid, worker] : workers) known.insert(uid);
    }
    auto orphan = [&](const runtime::Labels& labels) {
      auto it = labels.find("pod_uid");
      return it != labels.end() && !known.contains(it->second);
    };
    for (const auto& container : runtime.list_containers()) {
      if (!orphan(container.labels)) continue;
      LOG(kInfo, "node", "container {} belongs to no pod any more", container.id);
      (void)runtime.remove_container(container.id);
      (void)images.unpin("container-" + container.id);
    }
    for (const auto& sandbox : runtime.list_sandboxes()) {
      if (orphan(sandbox.labels)) {
        (void)network.detach(sandbox.id);
        if (context.docker_network) (void)context.docker_network->detach(sandbox.id);
        (void)runtime.remove_sandbox(sandbox.id);
      } else {
        sandboxes.insert(sandbox.id);
      }
    }
    if (options.hollow) return;
    remove_stale_folders(known);
    if (docker) docker->collect();
  }

  void remove_stale_folders(const std::set<std::string>& known) {
    for (const auto& uid : list_directory(options.data_dir + "/pods").value_or(std::vector<std::string>())) {
      if (!known.contains(uid)) (void)remove_pod_dir(options.data_dir + "/pods/" + uid);
    }
    for (const auto& name : list_directory(options.data_dir + "/logs").value_or(std::vector<std::string>())) {
      auto at = name.rfind('_');
      if (at != std::string::npos && !known.contains(name.substr(at + 1))) (void)remove_tree(options.data_dir + "/logs/" + name);
    }
  }

  void collect_images() {
    auto result = image_gc.collect(executor.clock().wall());
    if (!result) {
      node_event("Warning", "ImageGCFailed", result.error().message());
    } else if (result->freed < result->wanted) {
      node_event("Warning", "FreeDiskSpaceFailed",
                 fmt::format("Failed to garbage collect required amount of images. Attempted to free {} bytes, but only found {} bytes eligible to free.",
                             result->wanted, result->freed));
    }
    after(kImageGcPeriod, [this] { collect_images(); });
  }

  // A finding is said once, not every minute.
  void check_network() {
    std::string said;
    auto findings = network.check();
    if (context.docker_network)
      for (auto& finding : context.docker_network->check()) findings.push_back(std::move(finding));
    for (const auto& finding : findings) {
      said += finding.what + "\n";
      if (network_findings.find(finding.what) == std::string::npos) LOG(kWarning, "network", "{} ({})", finding.what, finding.remedy);
    }
    network_findings = std::move(said);
  }

  std::vector<std::shared_ptr<PodWorker>> all_workers() {
    std::vector<std::shared_ptr<PodWorker>> all;
    std::lock_guard lock(mutex);
    for (const auto& [uid, worker] : workers) all.push_back(worker);
    return all;
  }

  void refresh() {
    for (const auto& worker : all_workers()) worker->refresh();
    after(kRefreshPeriod, [this] { refresh(); });
  }

  // Docker's max-size is often small: a minute's output may be many times that.
  void rotate_docker_logs() {
    for (const auto& worker : all_workers()) worker->rotate_docker_log();
    after(kLogPeriod, [this] { rotate_docker_logs(); });
  }

  void check_storage() {
    for (const auto& worker : all_workers()) worker->check_storage();
    after(kStoragePeriod, [this] { check_storage(); });
  }
};

Agent::Agent(AgentOptions options, client::Transport& transport, runtime::Runtime& runtime, ImageService& images, network::PodNetwork& network,
             Executor& executor, Poller*, network::ContainerNetwork* docker_network)
    : state_(std::make_unique<State>(std::move(options), transport, runtime, images, network, executor, docker_network)) {}

Agent::~Agent() { stop(); }

void Agent::start() {
  state_->post([state = state_.get()] { state->register_node(); });
}

void Agent::stop() {
  {
    std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->stopped, true)) return;
  }
  state_->runtime.on_exit(nullptr);
  state_->pods.stop();
  state_->self.stop();
  state_->objects.stop();
  if (state_->docker) state_->docker->stop();
  state_->tasks->stop();
}

bool Agent::registered() const {
  std::lock_guard lock(state_->mutex);
  return state_->registered;
}

const AgentOptions& Agent::options() const { return state_->options; }

std::shared_ptr<PodWorker> Agent::find_pod(const std::string& namespace_, const std::string& name, const std::string& uid) const {
  return state_->find_pod(namespace_, name, uid);
}

ContainerService* Agent::docker() const { return state_->docker.get(); }

std::string Agent::stats_summary() const { return state_->stats.build(state_->all_workers()); }

std::string Agent::pods_json(bool running) const {
  PodList list;
  for (const auto& worker : state_->all_workers()) {
    auto containers = worker->containers();
    bool runs = std::any_of(containers.begin(), containers.end(), [](const auto& entry) { return entry.second.running; });
    if (runs || !running) list.items.push_back(worker->pod());
  }
  return api::encode_json(api::Object::of(std::move(list)));
}

}  // namespace reigen::node
