// Nodes that fall silent are marked, tainted, and lose their pods.
#include <algorithm>
#include <map>
#include <mutex>

#include "api/coordinationv1.h"
#include "api/errors.h"
#include "base/log.h"
#include "client/client.h"
#include "client/controller.h"
#include "client/event_recorder.h"
#include "controllers/controller.h"
#include "controllers/nodelifecycle/node_plan.h"
#include "controllers/pod_control.h"

namespace reigen::controllers {
namespace {

using api::coordinationv1::Lease;
using api::corev1::Node;
using api::corev1::Pod;
using NodePtr = std::shared_ptr<const Node>;

constexpr std::string_view kByNode = "pod-node";
constexpr std::string_view kLeaseNamespace = "kube-node-lease";
constexpr Duration kRound = std::chrono::seconds(5);

class NodeLifecycle final : public Controller, public client::Reconciler {
 public:
  explicit NodeLifecycle(Context& context)
      : clock_(context.executor.clock()),
        client_(context.transport_as("node-controller"), "kube-controller-manager"),
        nodes_(context.informers.of<Node>()),
        pods_(context.informers.of<Pod>()),
        leases_(context.informers.of<Lease>({.namespace_ = std::string(kLeaseNamespace)})),
        events_(client_.transport(), context.executor, {.component = "node-controller", .host = {}}),
        loop_(context.executor, {.name = "node-lifecycle-controller", .workers = 4}, *this) {
    pods_.untyped().add_index(std::string(kByNode), [](const api::Object& object) -> std::vector<std::string> {
      const auto& node = object.as<Pod>().spec.node_name;
      if (node.empty()) return {};
      return {node};
    });
    nodes_.on_change([this](const NodePtr& old, const NodePtr& now) {
      if (now) loop_.enqueue(now->metadata.name);
      else forget(old->metadata.name);
    });
    // A renewed lease is the heartbeat of a node that was lost.
    leases_.on_change([this](const auto&, const auto& now) {
      if (now && is_lost(now->metadata.name)) loop_.enqueue(now->metadata.name);
    });
    pods_.on_change([this](const PodPtr& old, const PodPtr& now) {
      if (now && !now->spec.node_name.empty() && (!old || old->spec.node_name.empty()) && is_lost(now->spec.node_name)) loop_.enqueue(now->spec.node_name);
    });
  }

  std::string_view name() const override { return "node-lifecycle-controller"; }
  void start() override { loop_.start({&nodes_.untyped(), &pods_.untyped(), &leases_.untyped()}); }
  void stop() override { loop_.stop(); }

  Result<client::Next> reconcile(const std::string& key) override {
    auto node = nodes_.get("", key);
    if (!node) return client::Next{};
    auto silent_since = last_heard(*node);
    auto silent_for = clock_.now() - silent_since;
    if (silent_for >= kNodeGrace) {
      TRY_ASSIGN(node, write_unknown(key, node));
      if (!node) return client::Next{};
    }
    TRY_ASSIGN(node, write_taints(key, node));
    if (!node) return client::Next{};
    Duration again = evict(*node);
    Duration next_look = silent_for >= kNodeGrace ? kRound : std::max<Duration>(kNodeGrace - silent_for, std::chrono::milliseconds(100));
    return client::Next{std::min(next_look, again)};
  }

 private:
  struct Heard {
    std::string sign;  // what the last heartbeat looked like
    TimePoint at;      // when we saw it: the node's own clock may be wrong
  };

  void forget(const std::string& name) {
    std::lock_guard lock(mutex_);
    heard_.erase(name);
  }

  bool is_lost(const std::string& name) {
    auto node = nodes_.get("", name);
    if (!node) return false;
    return std::any_of(node->spec.taints.begin(), node->spec.taints.end(),
                       [](const auto& taint) { return taint.key == kUnreachableTaint || taint.key == kNotReadyTaint; });
  }

  TimePoint last_heard(const Node& node) {
    std::string sign;
    for (const auto& condition : node.status.conditions) {
      if (condition.type == "Ready") sign = condition.last_heartbeat_time.to_string() + condition.status;
    }
    auto lease = leases_.get(kLeaseNamespace, node.metadata.name);
    if (lease && lease->spec.renew_time) sign += lease->spec.renew_time->to_string();
    std::lock_guard lock(mutex_);
    auto [slot, fresh] = heard_.try_emplace(node.metadata.name, Heard{sign, clock_.now()});
    if (!fresh && slot->second.sign != sign) {
      // Our own mark "Unknown" is no sign of life.
      bool ours = sign.find("Unknown") != std::string::npos && slot->second.sign.find("Unknown") == std::string::npos;
      slot->second.sign = sign;
      if (!ours) slot->second.at = clock_.now();
    }
    return slot->second.at;
  }

  Result<NodePtr> written(const std::string& key, Result<NodePtr> answer) {
    if (answer) {
      loop_.wrote(key, nodes_.untyped(), api::Object::of(*answer));
      return answer;
    }
    if (api::is_not_found(answer.error())) return NodePtr();
    return answer;
  }

  Result<NodePtr> write_unknown(const std::string& key, const NodePtr& node) {
    auto changed = *node;
    if (!mark_unknown(changed, clock_.wall())) return node;
    events_.event(api::Object::of(node), "Normal", "NodeNotReady", "Node " + key + " status is now: NodeNotReady");
    auto answer = written(key, client_.update_status(std::move(changed)));
    if (answer && *answer) mark_pods_not_ready(key);
    return answer;
  }

  Result<NodePtr> write_taints(const std::string& key, const NodePtr& node) {
    auto changed = *node;
    if (!update_taints(changed, clock_.wall())) return node;
    return written(key, client_.update(std::move(changed)));
  }

  // Nobody should be sent to pods of a node that does not answer.
  void mark_pods_not_ready(const std::string& node) {
    for (const auto& pod : pods_.by_index(kByNode, node)) {
      auto changed = *pod;
      for (auto& condition : changed.status.conditions) {
        if (condition.type != "Ready" || condition.status != "True") continue;
        condition.status = "False";
        condition.last_transition_time = api::Time(clock_.wall());
        events_.event(api::Object::of(pod), "Warning", "NodeNotReady", "Node is not ready");
        auto answer = client_.update_status(std::move(changed));
        if (!answer) LOG(kWarning, "node-lifecycle", "{}/{}: {}", pod->metadata.namespace_, pod->metadata.name, answer.error().message());
        break;
      }
    }
  }

  // Deletes the pods whose tolerance is over; returns when to look again.
  Duration evict(const Node& node) {
    Duration next = Duration::max();
    bool any = std::any_of(node.spec.taints.begin(), node.spec.taints.end(), [](const auto& taint) { return taint.effect == "NoExecute"; });
    if (!any) return next;
    auto now = clock_.wall();
    for (const auto& pod : pods_.by_index(kByNode, node.metadata.name)) {
      if (pod->metadata.deletion_timestamp) continue;
      auto left = tolerated_for(*pod, node, now);
      if (left == Duration::zero()) evict(*pod);
      else next = std::min(next, left);
    }
    return next;
  }

  // The pod's status tells why it goes, before it goes.
  void mark_disrupted(const Pod& pod) {
    api::corev1::PodCondition condition;
    condition.type = "DisruptionTarget";
    condition.status = "True";
    condition.reason = "DeletionByTaintManager";
    condition.message = "Taint manager: deleting due to NoExecute taint";
    condition.last_transition_time = api::Time(clock_.wall());
    Pod changed = pod;
    auto known = std::ranges::find(changed.status.conditions, condition.type, &api::corev1::PodCondition::type);
    if (known == changed.status.conditions.end()) changed.status.conditions.push_back(condition);
    else if (known->status == "True") return;
    else *known = condition;
    auto written = client_.update_status(std::move(changed));
    if (!written && !api::is_not_found(written.error()))
      LOG(kWarning, "node-lifecycle", "mark {}/{}: {}", pod.metadata.namespace_, pod.metadata.name, written.error().message());
  }

  void evict(const Pod& pod) {
    mark_disrupted(pod);
    auto object = api::Object::of(std::make_shared<Pod>(pod));
    events_.event(object, "Normal", "TaintManagerEviction", "Marking for deletion Pod " + pod.metadata.namespace_ + "/" + pod.metadata.name);
    auto removed = client_.remove<Pod>(pod.metadata.namespace_, pod.metadata.name, client::DeleteOptions{.uid = pod.metadata.uid});
    if (!removed && !api::is_not_found(removed.error()))
      LOG(kWarning, "node-lifecycle", "evict {}/{}: {}", pod.metadata.namespace_, pod.metadata.name, removed.error().message());
  }

  Clock& clock_;
  client::Client client_;
  client::Informer<Node> nodes_;
  client::Informer<Pod> pods_;
  client::Informer<Lease> leases_;
  client::EventRecorder events_;
  std::mutex mutex_;
  std::map<std::string, Heard> heard_;
  client::ControllerLoop loop_;
};

}  // namespace

std::unique_ptr<Controller> make_nodelifecycle_controller(Context& context) { return std::make_unique<NodeLifecycle>(context); }

}  // namespace reigen::controllers
