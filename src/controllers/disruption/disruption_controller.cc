// PodDisruptionBudgets: how many of the pods they select may be evicted now. The eviction subresource takes from what the status allows.
#include <map>

#include "api/appsv1.h"
#include "api/errors.h"
#include "api/metav1.h"
#include "base/log.h"
#include "client/controller.h"
#include "client/event_recorder.h"
#include "controllers/controller.h"
#include "controllers/disruption/disruption_plan.h"

namespace reigen::controllers {
namespace {

using api::appsv1::Deployment;
using api::appsv1::ReplicaSet;
using api::appsv1::StatefulSet;
using api::corev1::Pod;
using api::corev1::ReplicationController;
using api::policyv1::PodDisruptionBudget;
using Budget = std::shared_ptr<const PodDisruptionBudget>;

std::string key(const PodDisruptionBudget& budget) { return client::key_of(budget.metadata.namespace_, budget.metadata.name); }

bool selects(const PodDisruptionBudget& budget, const Pod& pod) {
  auto selector = api::LabelSelector::from(budget.spec.selector.get());
  return selector && selector->matches(pod.metadata.labels);
}

struct Scale {
  std::string uid;
  int32_t replicas = 0;
};

// Takes DisruptionTarget back from pods that were to go and stayed.
class StaleConditions final : public client::Reconciler {
 public:
  StaleConditions(Context& context, client::Client& client, client::Informer<Pod> pods)
      : clock_(context.executor.clock()),
        client_(client),
        pods_(std::move(pods)),
        loop_(context.executor, {.name = "disruption-controller-stale", .workers = 1}, *this) {
    pods_.on_change([this](const PodPtr&, const PodPtr& now) {
      if (now && stale_disruption_in(*now, clock_.wall())) loop_.enqueue(client::key_of(now->metadata.namespace_, now->metadata.name));
    });
  }
  void start() { loop_.start({&pods_.untyped()}); }
  void stop() { loop_.stop(); }

  Result<client::Next> reconcile(const std::string& key) override {
    auto pod = pods_.get(key);
    auto left = pod ? stale_disruption_in(*pod, clock_.wall()) : std::nullopt;
    if (!left) return client::Next{};
    if (*left > Duration::zero()) return client::Next{*left};
    Pod changed = *pod;
    for (auto& condition : changed.status.conditions) {
      if (condition.type != "DisruptionTarget") continue;
      condition = {};
      condition.type = "DisruptionTarget";
      condition.status = "False";
      condition.last_transition_time = api::Time(clock_.wall());
    }
    auto written = client_.update_status(std::move(changed));
    if (!written) {
      if (api::is_not_found(written.error())) return client::Next{};
      return Fail(std::move(written).error());
    }
    loop_.wrote(key, pods_.untyped(), api::Object::of(*written));
    return client::Next{};
  }

 private:
  Clock& clock_;
  client::Client& client_;
  client::Informer<Pod> pods_;
  client::ControllerLoop loop_;
};

class Disruption final : public Controller, public client::PlannedReconciler<DisruptionObserved, DisruptionPlan> {
 public:
  explicit Disruption(Context& context)
      : PlannedReconciler(context.executor.clock()),
        client_(context.transport_as("disruption-controller"), "kube-controller-manager"),
        budgets_(context.informers.of<PodDisruptionBudget>()),
        pods_(context.informers.of<Pod>()),
        deployments_(context.informers.of<Deployment>()),
        replica_sets_(context.informers.of<ReplicaSet>()),
        stateful_sets_(context.informers.of<StatefulSet>()),
        replication_controllers_(context.informers.of<ReplicationController>()),
        events_(context.transport_as("disruption-controller"), context.executor, {"controllermanager", ""}),
        stale_(context, client_, pods_),
        loop_(context.executor, {.name = "disruption-controller", .workers = 1}, *this) {
    budgets_.on_change([this](const Budget& before, const Budget& now) { loop_.enqueue(key(now ? *now : *before)); });
    pods_.on_change([this](const PodPtr& before, const PodPtr& now) {
      if (budgets_.size() == 0) return;
      if (before) enqueue_budgets_of(*before);
      if (now) enqueue_budgets_of(*now);
    });
  }

  std::string_view name() const override { return "disruption-controller"; }
  void start() override {
    loop_.start({&budgets_.untyped(), &pods_.untyped(), &deployments_.untyped(), &replica_sets_.untyped(), &stateful_sets_.untyped(),
                 &replication_controllers_.untyped()});
    stale_.start();
  }
  void stop() override {
    loop_.stop();
    stale_.stop();
  }

  Result<std::optional<DisruptionObserved>> observe(const std::string& key) override {
    DisruptionObserved observed;
    observed.budget = budgets_.get(key);
    if (!observed.budget) return std::nullopt;
    for (auto& pod : pods_.list(observed.budget->metadata.namespace_)) {
      if (selects(*observed.budget, *pod)) observed.pods.push_back(std::move(pod));
    }
    if (needs_scale(observed.budget->spec)) observed.scale = scale_of(observed);
    return observed;
  }

  DisruptionPlan plan(const DisruptionObserved& observed, WallTime now) const override { return plan_disruption(observed, now); }

  Result<client::Next> apply(const std::string& key, const DisruptionObserved& observed, DisruptionPlan plan) override {
    tell(observed, plan);
    client::Next next{plan.again_in.value_or(Duration::zero())};
    if (!plan.write) return next;
    PodDisruptionBudget changed = *observed.budget;
    changed.status = std::move(plan.status);
    auto written = client_.update_status(std::move(changed));
    if (!written) {
      if (api::is_not_found(written.error()) || is_namespace_terminating(written.error())) return client::Next{};
      return Fail(std::move(written).error());
    }
    loop_.wrote(key, budgets_.untyped(), api::Object::of(*written));
    return next;
  }

 private:
  void enqueue_budgets_of(const Pod& pod) {
    for (const auto& budget : budgets_.list(pod.metadata.namespace_)) {
      if (selects(*budget, pod)) loop_.enqueue(key(*budget));
    }
  }

  void tell(const DisruptionObserved& observed, const DisruptionPlan& plan) {
    const auto& budget = observed.budget;
    if (observed.pods.empty()) events_.event(budget, "Normal", "NoPods", "No matching pods found");
    if (!plan.failure.empty())
      events_.event(budget, "Warning", "CalculateExpectedPodCountFailed", "Failed to calculate the number of expected pods: " + plan.failure);
    bool unmanaged = needs_scale(budget->spec) && std::ranges::any_of(observed.pods, [](const PodPtr& pod) { return !controller_of(pod->metadata); });
    if (unmanaged)
      events_.event(budget, "Warning", "UnmanagedPods",
                    "Pods without a controller are selected: the status cannot be right. Set spec.minAvailable to a number for such pods.");
    for (const auto& pod : plan.not_deleted)
      events_.event(pod, "Warning", "NotDeleted",
                    "Pod was expected by PDB " + client::key_of(budget->metadata.namespace_, budget->metadata.name) + " to be deleted but it wasn't");
  }

  // What all controllers of the pods want, each counted once.
  Result<int32_t> scale_of(const DisruptionObserved& observed) {
    std::map<std::string, int32_t> by_owner;
    for (const auto& pod : observed.pods) {
      const auto* owner = controller_of(pod->metadata);
      if (!owner) continue;
      auto found = find_scale(*owner, pod->metadata.namespace_);
      if (!found) return fail(Code::kNotFound, "found no controllers for pod \"" + pod->metadata.name + "\"");
      by_owner[found->uid] = found->replicas;
    }
    int32_t sum = 0;
    for (const auto& [uid, replicas] : by_owner) sum += replicas;
    return sum;
  }

  template <class T>
  std::optional<Scale> scale_in(client::Informer<T>& informer, const api::metav1::OwnerReference& owner, const std::string& space) {
    auto found = informer.get(space, owner.name);
    if (!found || found->metadata.uid != owner.uid) return std::nullopt;
    return Scale{found->metadata.uid, found->spec.replicas.value_or(1)};
  }

  std::optional<Scale> find_scale(const api::metav1::OwnerReference& owner, const std::string& space) {
    std::string group = owner.api_version.substr(0, owner.api_version.find('/'));
    if (owner.kind == "ReplicationController" && owner.api_version == "v1") return scale_in(replication_controllers_, owner, space);
    if (group != "apps") return std::nullopt;
    if (owner.kind == "StatefulSet") return scale_in(stateful_sets_, owner, space);
    if (owner.kind != "ReplicaSet") return std::nullopt;
    auto set = replica_sets_.get(space, owner.name);
    if (!set || set->metadata.uid != owner.uid) return std::nullopt;
    const auto* above = controller_of(set->metadata);
    if (above && above->kind == "Deployment") return scale_in(deployments_, *above, space);
    return Scale{set->metadata.uid, set->spec.replicas.value_or(1)};
  }

  client::Client client_;
  client::Informer<PodDisruptionBudget> budgets_;
  client::Informer<Pod> pods_;
  client::Informer<Deployment> deployments_;
  client::Informer<ReplicaSet> replica_sets_;
  client::Informer<StatefulSet> stateful_sets_;
  client::Informer<ReplicationController> replication_controllers_;
  client::EventRecorder events_;
  StaleConditions stale_;
  client::ControllerLoop loop_;
};

}  // namespace

std::unique_ptr<Controller> make_disruption_controller(Context& context) { return std::make_unique<Disruption>(context); }

}  // namespace reigen::controllers
