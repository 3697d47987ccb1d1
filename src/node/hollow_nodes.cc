#include "node/hollow_nodes.h"

#include <fmt/core.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "api/errors.h"
#include "api/json.h"
#include "api/metav1.h"
#include "base/check.h"
#include "base/guarded.h"
#include "base/log.h"
#include "client/informer.h"
#include "network/address_pool.h"
#include "node/hollow_objects.h"
#include "node/pod_status.h"

namespace reigen::node {
namespace {

using api::coordinationv1::Lease;
using api::corev1::Node;
using api::corev1::Pod;
using PodPtr = std::shared_ptr<const Pod>;

constexpr size_t kMaxNodes = 16384;
constexpr auto kRetry = std::chrono::seconds(1);
constexpr auto kLostAfter = std::chrono::seconds(30);  // without a lease: the node may have been given up, so it says again that it is ready

enum class What : uint8_t { kRegister, kStatus, kRenew, kMakeLease, kPod };

struct Task {
  What what = What::kPod;
  size_t node = 0;
  std::string pod;  // key
};

struct NodeState {
  std::string name;
  bool registered = false;
  std::optional<TimePoint> renewed;
  std::unique_ptr<network::AddressPool> addresses;  // when it has pods
};

template <class T>
client::Request request_for(client::Verb verb, std::string namespace_, std::string name, std::string subresource = "") {
  client::Request request;
  request.verb = verb;
  request.kind = &api::kind_of<T>();
  request.namespace_ = std::move(namespace_);
  request.name = std::move(name);
  request.subresource = std::move(subresource);
  return request;
}

}  // namespace

struct HollowNodes::State : std::enable_shared_from_this<State> {
  State(HollowOptions options, client::Transport& transport, Executor& executor)
      : options(std::move(options)),
        transport(transport),
        executor(executor),
        strand(executor),
        pods(transport, executor, {.namespace_ = {}, .label_selector = {}, .field_selector = "spec.nodeName!=", .metadata_only = false}) {
    CHECK(this->options.count <= kMaxNodes);
    for (size_t i = 0; i < this->options.count; ++i) {
      nodes.emplace_back().name = hollow_name(this->options, i);
      by_name[nodes.back().name] = i;
    }
  }

  const HollowOptions options;
  client::Transport& transport;
  Executor& executor;
  Strand strand;
  client::Informer<Pod> pods;
  Guarded<Metrics> metrics;

  // On the strand only.
  std::vector<NodeState> nodes;
  std::unordered_map<std::string, size_t> by_name;
  std::unordered_map<std::string, IpAddress> addresses;  // by uid of the pod
  std::deque<Task> queue;
  std::set<std::string> queued_pods;
  size_t calls = 0;
  size_t next_renewal = 0;
  TaskGroup tasks;

  void post(Fn fn) { strand.post(tasks.wrap(std::move(fn))); }
  void later(Duration delay, Fn fn) { strand.after(delay, tasks.wrap(std::move(fn))); }

  void start() {
    for (size_t i = 0; i < nodes.size(); ++i) queue.push_back({.what = What::kRegister, .node = i});
    auto weak = weak_from_this();
    pods.on_change([weak](const PodPtr& previous, const PodPtr& current) {
      if (auto self = weak.lock()) self->post([state = self.get(), previous, current] { state->pod_changed(previous, current); });
    });
    pods.start();
    renew_some();
    pump();
  }

  // A hundredth of the nodes in a hundredth of the period.
  void renew_some() {
    if (nodes.empty()) return;
    size_t steps = std::min<size_t>(nodes.size(), 100);
    size_t some = (nodes.size() + steps - 1) / steps;
    for (size_t i = 0; i < some; ++i) {
      if (nodes[next_renewal].registered) queue.push_back({.what = What::kRenew, .node = next_renewal});
      next_renewal = (next_renewal + 1) % nodes.size();
    }
    pump();
    later(options.lease_period / static_cast<int64_t>(steps), [this] { renew_some(); });
  }

  void pod_changed(const PodPtr& previous, const PodPtr& current) {
    const Pod& pod = current ? *current : *previous;
    auto node = by_name.find(pod.spec.node_name);
    if (node == by_name.end()) return;
    if (previous && (!current || current->metadata.uid != previous->metadata.uid)) release(*previous, nodes[node->second]);
    if (!current) return;
    if (!pod.status.pod_ip.empty() && !pod.spec.host_network && !addresses.contains(pod.metadata.uid)) {
      // From before this process.
      auto known = IpAddress::parse(pod.status.pod_ip);
      if (known && pool(node->second).reserve(*known)) {
        addresses[pod.metadata.uid] = *known;
        ++metrics.lock()->running;
      }
    }
    if (!work_on(pod)) return;
    auto key = client::key_of(pod.metadata.namespace_, pod.metadata.name);
    if (!queued_pods.insert(key).second) return;
    queue.push_back({.what = What::kPod, .node = node->second, .pod = std::move(key)});
    pump();
  }

  static bool work_on(const Pod& pod) { return pod.metadata.deletion_timestamp || pod.status.phase == "Pending" || pod.status.phase.empty(); }

  void release(const Pod& pod, NodeState& node) {
    auto found = addresses.find(pod.metadata.uid);
    if (found == addresses.end()) return;
    if (node.addresses) node.addresses->release(found->second);
    addresses.erase(found);
    --metrics.lock()->running;
  }

  network::AddressPool& pool(size_t node) {
    auto& addresses = nodes[node].addresses;
    if (!addresses) addresses = std::make_unique<network::AddressPool>(*IpNetwork::parse(hollow_cidr(node)));
    return *addresses;
  }

  void pump() {
    while (calls < options.max_calls && !queue.empty()) {
      auto task = std::move(queue.front());
      queue.pop_front();
      if (task.what == What::kPod) queued_pods.erase(task.pod);
      auto request = request_of(task);
      if (!request) continue;
      ++calls;
      ++metrics.lock()->calls;
      transport.call_async(std::move(*request), [weak = weak_from_this(), task = std::move(task)](Result<client::Response> answer) mutable {
        if (auto self = weak.lock())
          self->post([state = self.get(), task = std::move(task), answer = std::move(answer)]() mutable {
            --state->calls;
            state->done(std::move(task), answer);
            state->pump();
          });
      });
    }
  }

  std::optional<client::Request> request_of(const Task& task) {
    auto wall = executor.clock().wall();
    const auto& name = nodes[task.node].name;
    switch (task.what) {
      case What::kRegister: {
        auto request = request_for<Node>(client::Verb::kCreate, "", "");
        request.body = api::Object::of(hollow_node(options, task.node, api::Time(wall)));
        return request;
      }
      case What::kStatus: {
        auto request = request_for<Node>(client::Verb::kPatch, "", name, "status");
        request.patch_type = client::PatchType::kStrategic;
        request.patch = "{\"status\":" + api::encode_json(hollow_node(options, task.node, api::Time(wall)).status) + "}";
        return request;
      }
      case What::kRenew: {
        auto request = request_for<Lease>(client::Verb::kPatch, "kube-node-lease", name);
        request.patch_type = client::PatchType::kMerge;
        request.patch = fmt::format("{{\"spec\":{{\"renewTime\":\"{}\"}}}}", api::MicroTime(wall).to_string());
        return request;
      }
      case What::kMakeLease: {
        auto request = request_for<Lease>(client::Verb::kCreate, "kube-node-lease", "");
        request.body = api::Object::of(hollow_lease(name, options, wall));
        return request;
      }
      case What::kPod: return pod_request(task);
    }
    return std::nullopt;
  }

  std::optional<client::Request> pod_request(const Task& task) {
    auto pod = pods.get(task.pod);
    if (!pod || !work_on(*pod)) return std::nullopt;
    const auto& meta = pod->metadata;
    if (meta.deletion_timestamp) {
      auto request = request_for<Pod>(client::Verb::kDelete, meta.namespace_, meta.name);
      request.delete_options.grace_period_seconds = 0;
      request.delete_options.uid = meta.uid;
      return request;
    }
    auto [address, added] = addresses.try_emplace(meta.uid);
    if (added) {
      auto taken = pool(task.node).take();
      if (!taken) {
        addresses.erase(address);
        LOG(kWarning, "hollow", "no address left on {} for pod {}", nodes[task.node].name, task.pod);
        return std::nullopt;
      }
      address->second = *taken;
      ++metrics.lock()->running;
    }
    auto status = hollow_pod_status(*pod, hollow_address(task.node), address->second.str(), api::Time(executor.clock().wall()));
    auto patch = status_patch(*pod, pod->status, status);
    if (patch.empty()) return std::nullopt;
    auto request = request_for<Pod>(client::Verb::kPatch, meta.namespace_, meta.name, "status");
    request.patch_type = client::PatchType::kStrategic;
    request.patch = std::move(patch);
    return request;
  }

  void done(Task task, const Result<client::Response>& answer) {
    auto& node = nodes[task.node];
    if (answer) return succeeded(task, node);
    const auto& error = answer.error();
    if (task.what == What::kRegister && api::is_already_exists(error)) {
      queue.push_back({.what = What::kStatus, .node = task.node});
      return;
    }
    if (api::is_not_found(error)) {
      // A node that someone deleted comes back, as kubelet's does when it starts.
      if (task.what == What::kStatus) queue.push_back({.what = What::kRegister, .node = task.node});
      if (task.what == What::kRenew) queue.push_back({.what = What::kMakeLease, .node = task.node});
      return;
    }
    ++metrics.lock()->failures;
    if (task.what == What::kRenew) return;  // the next period does it
    if (task.what == What::kMakeLease && api::is_already_exists(error)) return;
    LOG(kDebug, "hollow", "{} {}: {}", node.name, task.pod, error.message());
    later(kRetry, [this, task = std::move(task)]() mutable {
      if (task.what == What::kPod && !queued_pods.insert(task.pod).second) return;
      queue.push_back(std::move(task));
      pump();
    });
  }

  void succeeded(const Task& task, NodeState& node) {
    auto now = executor.clock().now();
    switch (task.what) {
      case What::kRegister:
      case What::kStatus:
        if (node.registered) return;
        node.registered = true;
        ++metrics.lock()->registered;
        queue.push_back({.what = What::kRenew, .node = task.node});
        return;
      case What::kRenew:
      case What::kMakeLease:
        if (node.renewed && now - *node.renewed > kLostAfter) queue.push_back({.what = What::kStatus, .node = task.node});
        node.renewed = now;
        return;
      case What::kPod: return;
    }
  }
};

HollowNodes::HollowNodes(HollowOptions options, client::Transport& transport, Executor& executor)
    : state_(std::make_shared<State>(std::move(options), transport, executor)) {}

HollowNodes::~HollowNodes() { stop(); }

void HollowNodes::start() {
  state_->post([state = state_.get()] { state->start(); });
}

void HollowNodes::stop() {
  state_->pods.stop();
  state_->tasks.stop();
}

HollowNodes::Metrics HollowNodes::metrics() const { return *state_->metrics.lock(); }

}  // namespace reigen::node
