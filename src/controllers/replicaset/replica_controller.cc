// ReplicaSets and ReplicationControllers: one controller over two kinds.
#include <fmt/core.h>

#include "api/appsv1.h"
#include "api/errors.h"
#include "base/log.h"
#include "client/controller.h"
#include "client/event_recorder.h"
#include "controllers/controller.h"
#include "controllers/replicaset/replica_plan.h"

namespace reigen::controllers {
namespace {

using api::appsv1::ReplicaSet;
using api::corev1::Pod;
using api::corev1::ReplicationController;

// What differs between the two kinds.
template <class Kind>
struct Traits;

template <>
struct Traits<ReplicaSet> {
  static constexpr std::string_view kName = "replicaset-controller";
  static constexpr std::string_view kComponent = "replicaset-controller";
  using Condition = api::appsv1::ReplicaSetCondition;
  static Result<api::LabelSelector> selector(const ReplicaSet& set) { return api::LabelSelector::from(set.spec.selector.get()); }
  static const api::corev1::PodTemplateSpec& pod_template(const ReplicaSet& set) { return set.spec.template_; }
};

template <>
struct Traits<ReplicationController> {
  static constexpr std::string_view kName = "replication-controller";
  static constexpr std::string_view kComponent = "replication-controller";
  using Condition = api::corev1::ReplicationControllerCondition;
  static Result<api::LabelSelector> selector(const ReplicationController& controller) {
    // An empty selector of a ReplicationController selects nothing.
    return controller.spec.selector.empty() ? api::LabelSelector::nothing() : api::LabelSelector::from_map(controller.spec.selector);
  }
  static const api::corev1::PodTemplateSpec& pod_template(const ReplicationController& controller) { return *controller.spec.template_; }
};

template <class Kind>
class ReplicaController final : public Controller, public client::Reconciler {
 public:
  explicit ReplicaController(Context& context)
      : clock_(context.executor.clock()),
        client_(context.transport_as(Traits<Kind>::kName), std::string("kube-controller-manager")),
        owners_(context.informers.of<Kind>()),
        pods_(context.informers.of<Pod>()),
        events_(client_.transport(), context.executor, {.component = std::string(Traits<Kind>::kComponent), .host = {}}),
        loop_(context.executor, {.name = std::string(Traits<Kind>::kName), .workers = 4}, *this) {
    pods_.untyped().add_index(std::string(client::kByOwner), client::index_by_owner);
    pods_.untyped().add_index(std::string(kOrphans), index_orphans);
    owners_.on_change([this](const auto& old, const auto& now) { loop_.enqueue(client::key_of(api::Object::of(now ? now : old))); });
    pods_.on_change([this](const PodPtr& old, const PodPtr& now) { pod_changed(old, now); });
  }

  std::string_view name() const override { return Traits<Kind>::kName; }
  void start() override { loop_.start({&owners_.untyped(), &pods_.untyped()}); }
  void stop() override { loop_.stop(); }

  Result<client::Next> reconcile(const std::string& key) override {
    auto owner = owners_.get(key);
    if (!owner) return client::Next{};
    auto object = api::Object::of(owner);
    TRY_ASSIGN(ReplicaObserved observed, observe(*owner, object));
    auto plan = plan_replicas(observed, clock_.wall());
    auto done = apply(key, *owner, object, plan);
    TRY(write_status(key, owner, plan.status, observed.status, done));
    TRY(done);
    return client::Next{plan.again_in};
  }

 private:
  void pod_changed(const PodPtr& old, const PodPtr& now) {
    if (old) enqueue_owner(*old);
    if (!now) return;
    if (controller_of(now->metadata)) enqueue_owner(*now);
    else enqueue_matching(*now);
  }

  void enqueue_owner(const Pod& pod) {
    const auto* owner = controller_of(pod.metadata);
    const auto& kind = api::kind_of<Kind>();
    if (owner && owner->kind == kind.kind && owner->api_version == kind.api_version) loop_.enqueue(client::key_of(pod.metadata.namespace_, owner->name));
  }

  // An orphan may belong to anyone whose selector matches.
  void enqueue_matching(const Pod& pod) {
    for (const auto& owner : owners_.list(pod.metadata.namespace_)) {
      auto selector = Traits<Kind>::selector(*owner);
      if (selector && !selector->is_nothing() && selector->matches(pod.metadata.labels)) loop_.enqueue(client::key_of(api::Object::of(owner)));
    }
  }

  Result<ReplicaObserved> observe(const Kind& owner, const api::Object& object) {
    TRY_ASSIGN(api::LabelSelector selector, Traits<Kind>::selector(owner));
    auto claims = sort_claims(candidates(owner), owner.metadata.uid, selector, owner.metadata.deletion_timestamp.has_value());
    TRY(apply_claims(client_, object, claims));
    ReplicaObserved observed;
    observed.wanted = owner.spec.replicas.value_or(1);
    observed.min_ready_seconds = owner.spec.min_ready_seconds;
    observed.generation = owner.metadata.generation;
    observed.deleting = owner.metadata.deletion_timestamp.has_value();
    observed.template_labels = Traits<Kind>::pod_template(owner).metadata.labels;
    for (const api::Object& pod : claims.owned) observed.pods.push_back(pod.share<Pod>());
    const auto& status = owner.status;
    observed.status = {status.replicas, status.fully_labeled_replicas, status.ready_replicas, status.available_replicas, status.observed_generation};
    return observed;
  }

  // Own pods, and the orphans of the namespace.
  std::vector<api::Object> candidates(const Kind& owner) {
    auto objects = pods_.untyped().by_index(client::kByOwner, owner.metadata.uid);
    auto orphans = pods_.untyped().by_index(kOrphans, owner.metadata.namespace_);
    objects.insert(objects.end(), orphans.begin(), orphans.end());
    return objects;
  }

  Status apply(const std::string& key, const Kind& owner, const api::Object& object, const ReplicaPlan& plan) {
    TRY(create_pods(key, owner, object, plan.create));
    for (const auto& pod : plan.remove) {
      auto removed = client_.remove<Pod>(pod->metadata.namespace_, pod->metadata.name, client::DeleteOptions{.uid = pod->metadata.uid});
      if (!removed && !api::is_not_found(removed.error())) {
        events_.event(object, "Warning", "FailedDelete", "Error deleting: " + removed.error().message());
        return removed;
      }
      if (removed) events_.event(object, "Normal", "SuccessfulDelete", "Deleted pod: " + pod->metadata.name);
    }
    return {};
  }

  Status create_pods(const std::string& key, const Kind& owner, const api::Object& object, int count) {
    if (count == 0) return {};
    auto pod = pod_from_template(Traits<Kind>::pod_template(owner), object);
    for (int i = 0; i < count; ++i) {
      auto created = client_.create(pod);
      if (!created) {
        // A namespace that is going takes nothing more; that is no failure.
        if (is_namespace_terminating(created.error())) return {};
        events_.event(object, "Warning", "FailedCreate", "Error creating: " + created.error().message());
        return Fail(std::move(created).error());
      }
      loop_.wrote(key, pods_.untyped(), api::Object::of(*created));
      events_.event(object, "Normal", "SuccessfulCreate", "Created pod: " + (*created)->metadata.name);
    }
    return {};
  }

  // The condition ReplicaFailure says why pods could not be made or removed.
  static bool set_failure(Kind& owner, const Status& done, bool creating, WallTime now) {
    auto& conditions = owner.status.conditions;
    auto found = std::find_if(conditions.begin(), conditions.end(), [](const auto& condition) { return condition.type == "ReplicaFailure"; });
    if (done) {
      if (found == conditions.end()) return false;
      conditions.erase(found);
      return true;
    }
    if (found != conditions.end()) return false;
    auto& condition = conditions.emplace_back();
    condition.type = "ReplicaFailure";
    condition.status = "True";
    condition.reason = creating ? "FailedCreate" : "FailedDelete";
    condition.message = done.error().message();
    condition.last_transition_time = api::Time(now);
    return true;
  }

  Status write_status(const std::string& key, const std::shared_ptr<const Kind>& owner, const ReplicaStatus& now, const ReplicaStatus& before,
                      const Status& done) {
    Kind changed = *owner;
    bool condition_changed = set_failure(changed, done, now.replicas < owner->spec.replicas.value_or(1), clock_.wall());
    if (now == before && !condition_changed) return {};
    changed.status.replicas = now.replicas;
    changed.status.fully_labeled_replicas = now.fully_labeled;
    changed.status.ready_replicas = now.ready;
    changed.status.available_replicas = now.available;
    changed.status.observed_generation = now.observed_generation;
    auto written = client_.update_status(std::move(changed));
    if (!written) {
      if (api::is_not_found(written.error())) return {};
      return Fail(std::move(written).error());
    }
    loop_.wrote(key, owners_.untyped(), api::Object::of(*written));
    return {};
  }

  Clock& clock_;
  client::Client client_;
  client::Informer<Kind> owners_;
  client::Informer<Pod> pods_;
  client::EventRecorder events_;
  client::ControllerLoop loop_;
};

}  // namespace

std::unique_ptr<Controller> make_replicaset_controller(Context& context) { return std::make_unique<ReplicaController<ReplicaSet>>(context); }
std::unique_ptr<Controller> make_replication_controller(Context& context) { return std::make_unique<ReplicaController<ReplicationController>>(context); }

}  // namespace reigen::controllers
