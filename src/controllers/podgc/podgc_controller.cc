// Pods nobody will ever clean up: of nodes that are gone, ended ones beyond a bound, and ending ones that never had a node.
#include <algorithm>
#include <map>

#include "api/errors.h"
#include "base/log.h"
#include "client/controller.h"
#include "controllers/controller.h"
#include "controllers/pod_control.h"

namespace reigen::controllers {
namespace {

using api::corev1::Node;
using api::corev1::Pod;

constexpr size_t kMaxEnded = 12500;
constexpr Duration kRound = std::chrono::seconds(20);
// A node must be missing this long before its pods count as lost.
constexpr Duration kQuarantine = std::chrono::seconds(40);

class PodGc final : public Controller, public client::Reconciler {
 public:
  explicit PodGc(Context& context)
      : clock_(context.executor.clock()),
        client_(context.transport_as("pod-garbage-collector"), "kube-controller-manager"),
        pods_(context.informers.of<Pod>()),
        nodes_(context.informers.of<Node>()),
        loop_(context.executor, {.name = "pod-garbage-collector", .workers = 1}, *this) {
    nodes_.on_change([this](const auto&, const auto& now) {
      if (!now) loop_.enqueue("round");
    });
  }

  std::string_view name() const override { return "pod-garbage-collector"; }
  void start() override {
    loop_.start({&pods_.untyped(), &nodes_.untyped()});
    loop_.enqueue("round");
  }
  void stop() override { loop_.stop(); }

  // One round over all pods; there is only this key.
  Result<client::Next> reconcile(const std::string&) override {
    auto pods = pods_.list();
    collect_ended(pods);
    collect_orphaned(pods);
    collect_unscheduled(pods);
    return client::Next{kRound};
  }

 private:
  void remove(const PodPtr& pod, const char* why) {
    LOG(kInfo, "podgc", "removing pod {}/{}: {}", pod->metadata.namespace_, pod->metadata.name, why);
    auto removed =
        client_.remove<Pod>(pod->metadata.namespace_, pod->metadata.name, client::DeleteOptions{.grace_period_seconds = 0, .uid = pod->metadata.uid});
    if (!removed && !api::is_not_found(removed.error()))
      LOG(kWarning, "podgc", "{}/{}: {}", pod->metadata.namespace_, pod->metadata.name, removed.error().message());
  }

  void collect_ended(const std::vector<PodPtr>& pods) {
    std::vector<PodPtr> ended;
    std::copy_if(pods.begin(), pods.end(), std::back_inserter(ended),
                 [](const PodPtr& pod) { return pod->status.phase == "Succeeded" || pod->status.phase == "Failed"; });
    if (ended.size() <= kMaxEnded) return;
    std::sort(ended.begin(), ended.end(), [](const PodPtr& a, const PodPtr& b) { return a->metadata.creation_timestamp < b->metadata.creation_timestamp; });
    for (size_t i = 0; i < ended.size() - kMaxEnded; ++i) remove(ended[i], "there are too many ended pods");
  }

  void collect_orphaned(const std::vector<PodPtr>& pods) {
    auto now = clock_.now();
    std::map<std::string, TimePoint> missing;
    for (const auto& pod : pods) {
      const auto& node = pod->spec.node_name;
      if (node.empty() || nodes_.get("", node)) continue;
      auto known = missing_since_.find(node);
      auto since = known == missing_since_.end() ? now : known->second;
      missing.emplace(node, since);
      if (now - since >= kQuarantine && !client_.get<Node>("", node)) fail_and_remove(pod);
    }
    missing_since_ = std::move(missing);
  }

  void fail_and_remove(const PodPtr& pod) {
    if (pod->status.phase != "Succeeded" && pod->status.phase != "Failed") {
      auto changed = *pod;
      changed.status.phase = "Failed";
      std::erase_if(changed.status.conditions, [](const auto& old) { return old.type == "DisruptionTarget"; });
      auto& condition = changed.status.conditions.emplace_back();
      condition.type = "DisruptionTarget";
      condition.status = "True";
      condition.reason = "DeletionByPodGC";
      condition.message = "PodGC: node no longer exists";
      condition.last_transition_time = api::Time(clock_.wall());
      (void)client_.update_status(std::move(changed));
    }
    remove(pod, "its node is gone");
  }

  void collect_unscheduled(const std::vector<PodPtr>& pods) {
    for (const auto& pod : pods) {
      if (pod->metadata.deletion_timestamp && pod->spec.node_name.empty()) remove(pod, "it ends and never had a node");
    }
  }

  Clock& clock_;
  client::Client client_;
  client::Informer<Pod> pods_;
  client::Informer<Node> nodes_;
  std::map<std::string, TimePoint> missing_since_;  // one worker
  client::ControllerLoop loop_;
};

}  // namespace

std::unique_ptr<Controller> make_podgc_controller(Context& context) { return std::make_unique<PodGc>(context); }

}  // namespace reigen::controllers
