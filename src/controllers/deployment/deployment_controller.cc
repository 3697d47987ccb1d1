// Deployments: a ReplicaSet a template, and the rollout from one to the next.
#include <fmt/core.h>

#include <algorithm>

#include "api/errors.h"
#include "client/controller.h"
#include "client/event_recorder.h"
#include "controllers/controller.h"
#include "controllers/deployment/deployment_plan.h"
#include "controllers/pod_control.h"

namespace reigen::controllers {
namespace {

constexpr std::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

// Annotations of the deployment that its sets do not get.
bool stays_behind(std::string_view key) {
  return key == kLastApplied || key == kRevisionAnnotation || key == kRevisionHistoryAnnotation || key == kDesiredAnnotation || key == kMaxAnnotation ||
         key == "deprecated.deployment.rollback.to";
}

bool set_annotation(api::Map<std::string>& annotations, std::string_view key, const std::string& value) {
  auto& slot = annotations[std::string(key)];
  if (slot == value) return false;
  slot = value;
  return true;
}

class DeploymentController final : public Controller, public client::Reconciler {
 public:
  explicit DeploymentController(Context& context)
      : clock_(context.executor.clock()),
        client_(context.transport_as("deployment-controller"), "kube-controller-manager"),
        deployments_(context.informers.of<Deployment>()),
        sets_(context.informers.of<ReplicaSet>()),
        pods_(context.informers.of<api::corev1::Pod>()),
        events_(client_.transport(), context.executor, {.component = "deployment-controller", .host = {}}),
        loop_(context.executor, {.name = "deployment-controller", .workers = 4}, *this) {
    sets_.untyped().add_index(std::string(client::kByOwner), client::index_by_owner);
    sets_.untyped().add_index(std::string(kOrphans), index_orphans);
    pods_.untyped().add_index(std::string(client::kByOwner), client::index_by_owner);
    deployments_.on_change([this](const auto& old, const auto& now) { loop_.enqueue(client::key_of(api::Object::of(now ? now : old))); });
    sets_.on_change([this](const ReplicaSetPtr& old, const ReplicaSetPtr& now) {
      if (old) set_changed(*old);
      if (now) set_changed(*now);
    });
    // A Recreate waits for the last old pod to go.
    pods_.on_change([this](const PodPtr& old, const PodPtr& now) {
      if (!now) pod_gone(*old);
    });
  }

  std::string_view name() const override { return "deployment-controller"; }
  void start() override { loop_.start({&deployments_.untyped(), &sets_.untyped(), &pods_.untyped()}); }
  void stop() override { loop_.stop(); }

  Result<client::Next> reconcile(const std::string& key) override {
    auto deployment = deployments_.get(key);
    if (!deployment) return client::Next{};
    Work work{key, *deployment, api::Object::of(deployment), {}, {}, clock_.wall(), Duration::zero()};
    TRY(gather(work));
    TRY(roll(work));
    return client::Next{work.again_in};
  }

 private:
  // One look at one deployment.
  struct Work {
    const std::string& key;
    Deployment deployment;  // as read; status conditions change on the way
    api::Object object;
    ReplicaSetPtr new_set;
    std::vector<ReplicaSetPtr> old_sets;
    WallTime now;
    Duration again_in;

    std::vector<ReplicaSetPtr> all() const {
      auto sets = old_sets;
      if (new_set) sets.push_back(new_set);
      return sets;
    }
  };

  void set_changed(const ReplicaSet& set) {
    const auto* owner = controller_of(set.metadata);
    if (owner && owner->kind == "Deployment") return loop_.enqueue(client::key_of(set.metadata.namespace_, owner->name));
    if (owner) return;
    for (const auto& deployment : deployments_.list(set.metadata.namespace_)) {
      auto selector = api::LabelSelector::from(deployment->spec.selector.get());
      if (selector && !selector->empty() && selector->matches(set.metadata.labels)) loop_.enqueue(client::key_of(api::Object::of(deployment)));
    }
  }

  void pod_gone(const api::corev1::Pod& pod) {
    const auto* owner = controller_of(pod.metadata);
    if (!owner || owner->kind != "ReplicaSet") return;
    if (auto set = sets_.get(pod.metadata.namespace_, owner->name)) set_changed(*set);
  }

  Status gather(Work& work) {
    const auto& meta = work.deployment.metadata;
    TRY_ASSIGN(api::LabelSelector selector, api::LabelSelector::from(work.deployment.spec.selector.get()));
    auto candidates = sets_.untyped().by_index(client::kByOwner, meta.uid);
    auto orphans = sets_.untyped().by_index(kOrphans, meta.namespace_);
    candidates.insert(candidates.end(), orphans.begin(), orphans.end());
    auto claims = sort_claims(candidates, meta.uid, selector, meta.deletion_timestamp.has_value());
    TRY(apply_claims(client_, work.object, claims));
    std::vector<ReplicaSetPtr> sets;
    for (const api::Object& set : claims.owned) sets.push_back(set.share<ReplicaSet>());
    auto newest = find_new(work.deployment, sets);
    for (size_t i = 0; i < sets.size(); ++i) {
      if (newest && i == *newest) work.new_set = sets[i];
      else work.old_sets.push_back(sets[i]);
    }
    return {};
  }

  Status roll(Work& work) {
    auto& deployment = work.deployment;
    if (deployment.metadata.deletion_timestamp) return write_status(work);
    if (update_paused_condition(deployment, work.now)) TRY(write_status(work, false));
    if (deployment.spec.paused || is_scaling(deployment, work.all())) {
      TRY(sync_new_set(work, false));
      TRY(resize_all(work, plan_scaling(deployment, work.new_set, work.old_sets)));
      if (deployment.spec.paused) TRY(clean_up(work));
      return write_status(work);
    }
    if (deployment.spec.strategy.type == "Recreate") return recreate(work);
    TRY(sync_new_set(work, true));
    auto steps = plan_rolling_step(deployment, work.new_set, work.old_sets);
    TRY(resize_all(work, steps));
    auto status = plan_status(deployment, work.new_set, work.all(), work.now);
    if (steps.empty() && is_complete(deployment, status)) TRY(clean_up(work));
    return write_status(work);
  }

  Status recreate(Work& work) {
    TRY(sync_new_set(work, false));
    std::vector<Resize> steps;
    for (const auto& set : work.old_sets) {
      if (replicas_of(*set) > 0) steps.push_back({set, 0});
    }
    TRY(resize_all(work, steps));
    if (!steps.empty() || old_pods_run(work)) return write_status(work);
    TRY(sync_new_set(work, true));
    TRY(resize_all(work, {{work.new_set, work.deployment.spec.replicas.value_or(1)}}));
    if (is_complete(work.deployment, plan_status(work.deployment, work.new_set, work.all(), work.now))) TRY(clean_up(work));
    return write_status(work);
  }

  bool old_pods_run(const Work& work) {
    return std::any_of(work.old_sets.begin(), work.old_sets.end(), [&](const ReplicaSetPtr& set) {
      auto pods = pods_.by_index(client::kByOwner, set->metadata.uid);
      return std::any_of(pods.begin(), pods.end(), [](const PodPtr& pod) { return pod->status.phase != "Succeeded" && pod->status.phase != "Failed"; });
    });
  }

  // Finds, makes or refreshes the set of the current template, and numbers the revision.
  Status sync_new_set(Work& work, bool create) {
    int64_t last = 0;
    for (const auto& set : work.old_sets) last = std::max(last, revision_of_set(*set));
    std::string revision = std::to_string(last + 1);
    if (!work.new_set) return create ? create_set(work, revision) : Status();
    auto changed = *work.new_set;
    bool dirty = update_set_annotations(work.deployment, changed, revision) | update_min_ready(work.deployment, changed);
    if (dirty) TRY(update_set(work, work.new_set, std::move(changed)));
    TRY(update_revision(work, *work.new_set->metadata.annotations.get(kRevisionAnnotation)));
    if (!find_condition(work.deployment.status, "Progressing") && work.deployment.spec.progress_deadline_seconds) {
      set_condition(work.deployment.status, "Progressing", true, "FoundNewReplicaSet", fmt::format("Found new replica set \"{}\"", work.new_set->metadata.name),
                    work.now);
    }
    return {};
  }

  static bool update_min_ready(const Deployment& deployment, ReplicaSet& set) {
    return std::exchange(set.spec.min_ready_seconds, deployment.spec.min_ready_seconds) != deployment.spec.min_ready_seconds;
  }

  static bool update_set_annotations(const Deployment& deployment, ReplicaSet& set, const std::string& revision) {
    auto& annotations = set.metadata.annotations;
    bool dirty = false;
    for (const auto& [key, value] : deployment.metadata.annotations) {
      if (!stays_behind(key)) dirty |= set_annotation(annotations, key, value);
    }
    int64_t old = revision_of_set(set), now = std::stoll(revision);
    if (old < now) {
      // A set that comes back keeps the numbers it had.
      if (old > 0) {
        auto& history = annotations[std::string(kRevisionHistoryAnnotation)];
        history += (history.empty() ? "" : ",") + std::to_string(old);
      }
      annotations[std::string(kRevisionAnnotation)] = revision;
      dirty = true;
    }
    return dirty;
  }

  static bool update_size_annotations(const Deployment& deployment, ReplicaSet& set) {
    bool desired = set_annotation(set.metadata.annotations, kDesiredAnnotation, std::to_string(deployment.spec.replicas.value_or(1)));
    bool most = set_annotation(set.metadata.annotations, kMaxAnnotation, std::to_string(max_replicas(deployment)));
    return desired || most;
  }

  ReplicaSet make_set(const Work& work, const std::string& hash, const std::string& revision) const {
    const auto& deployment = work.deployment;
    ReplicaSet set;
    set.metadata.namespace_ = deployment.metadata.namespace_;
    set.metadata.name = deployment.metadata.name + "-" + hash;
    set.metadata.owner_references.push_back(controller_reference(work.object));
    set.spec.template_ = deployment.spec.template_;
    set.spec.template_.metadata.labels[std::string(kHashLabel)] = hash;
    set.metadata.labels = set.spec.template_.metadata.labels;
    set.spec.selector = deployment.spec.selector;
    set.spec.selector.ensure().match_labels[std::string(kHashLabel)] = hash;
    set.spec.min_ready_seconds = deployment.spec.min_ready_seconds;
    int32_t total = 0;
    for (const auto& old : work.old_sets) total += replicas_of(*old);
    set.spec.replicas = new_set_size(deployment, nullptr, total);
    update_set_annotations(deployment, set, revision);
    update_size_annotations(deployment, set);
    return set;
  }

  Status create_set(Work& work, const std::string& revision) {
    auto& deployment = work.deployment;
    auto set = make_set(work, template_hash(deployment.spec.template_, deployment.status.collision_count), revision);
    auto created = client_.create(set);
    if (!created && api::is_already_exists(created.error())) return resolve_collision(work, set, revision);
    if (!created) {
      if (is_namespace_terminating(created.error())) return {};
      auto text = fmt::format("Failed to create new replica set \"{}\": {}", set.metadata.name, created.error().message());
      set_condition(deployment.status, "Progressing", false, "ReplicaSetCreateError", text, work.now);
      events_.event(work.object, "Warning", "ReplicaSetCreateError", text);
      (void)write_status(work);
      return Fail(std::move(created).error());
    }
    loop_.wrote(work.key, sets_.untyped(), api::Object::of(*created));
    work.new_set = *created;
    if (replicas_of(*work.new_set) > 0) {
      events_.event(work.object, "Normal", "ScalingReplicaSet",
                    fmt::format("Scaled up replica set {} from 0 to {}", set.metadata.name, replicas_of(*work.new_set)));
    }
    set_condition(deployment.status, "Progressing", true, "NewReplicaSetCreated", fmt::format("Created new replica set \"{}\"", set.metadata.name), work.now);
    return update_revision(work, revision);
  }

  // The name is taken: by our own set that the informer has not seen yet, or by another template with the same hash.
  Status resolve_collision(Work& work, const ReplicaSet& wanted, const std::string& revision) {
    TRY_ASSIGN(auto existing, client_.get<ReplicaSet>(wanted.metadata.namespace_, wanted.metadata.name));
    const auto* owner = controller_of(existing->metadata);
    if (owner && owner->uid == work.deployment.metadata.uid && same_template(existing->spec.template_, work.deployment.spec.template_)) {
      work.new_set = existing;
      return update_revision(work, revision);
    }
    auto changed = work.deployment;
    changed.status.collision_count = changed.status.collision_count.value_or(0) + 1;
    TRY_ASSIGN(auto written, client_.update_status(std::move(changed)));
    loop_.wrote(work.key, deployments_.untyped(), api::Object::of(written));
    return fail(Code::kConflict, "a replica set of another template has the name " + wanted.metadata.name);
  }

  Status update_revision(Work& work, const std::string& revision) {
    const auto* old = work.deployment.metadata.annotations.get(kRevisionAnnotation);
    if (old && *old == revision) return {};
    auto changed = work.deployment;
    changed.metadata.annotations[std::string(kRevisionAnnotation)] = revision;
    // Through the status, because an annotation of the main part counts as a new generation.
    TRY_ASSIGN(auto written, client_.update_status(std::move(changed)));
    loop_.wrote(work.key, deployments_.untyped(), api::Object::of(written));
    work.deployment = *written;
    return {};
  }

  Status update_set(Work& work, ReplicaSetPtr& slot, ReplicaSet changed) {
    TRY_ASSIGN(auto written, client_.update(std::move(changed)));
    loop_.wrote(work.key, sets_.untyped(), api::Object::of(written));
    slot = written;
    return {};
  }

  Status resize_all(Work& work, const std::vector<Resize>& steps) {
    for (const auto& step : steps) TRY(resize(work, step));
    return {};
  }

  Status resize(Work& work, const Resize& step) {
    int32_t before = replicas_of(*step.set);
    auto changed = *step.set;
    changed.spec.replicas = step.replicas;
    bool annotated = update_size_annotations(work.deployment, changed);
    if (before == step.replicas && !annotated) return {};
    auto& slot = work.new_set && work.new_set->metadata.uid == step.set->metadata.uid
                     ? work.new_set
                     : *std::find_if(work.old_sets.begin(), work.old_sets.end(), [&](const auto& set) { return set->metadata.uid == step.set->metadata.uid; });
    TRY(update_set(work, slot, std::move(changed)));
    if (before != step.replicas) {
      events_.event(work.object, "Normal", "ScalingReplicaSet",
                    fmt::format("Scaled {} replica set {} from {} to {}", step.replicas > before ? "up" : "down", slot->metadata.name, before, step.replicas));
    }
    return {};
  }

  Status clean_up(Work& work) {
    for (const auto& set : plan_cleanup(work.deployment, work.old_sets)) {
      auto removed = client_.remove<ReplicaSet>(set->metadata.namespace_, set->metadata.name, client::DeleteOptions{.uid = set->metadata.uid});
      if (!removed && !api::is_not_found(removed.error())) return removed;
    }
    return {};
  }

  static bool update_paused_condition(Deployment& deployment, WallTime now) {
    if (!deployment.spec.progress_deadline_seconds) return false;
    const auto* progressing = find_condition(deployment.status, "Progressing");
    if (progressing && progressing->reason == "ProgressDeadlineExceeded") return false;
    bool paused = progressing && progressing->reason == "DeploymentPaused";
    if (deployment.spec.paused == paused) return false;
    set_condition(deployment.status, "Progressing", true, paused ? "DeploymentResumed" : "DeploymentPaused",
                  paused ? "Deployment is resumed" : "Deployment is paused", now);
    // Neither is true or false: nothing moves.
    for (auto& condition : deployment.status.conditions) {
      if (condition.type == "Progressing") condition.status = "Unknown";
    }
    return true;
  }

  Status write_status(Work& work, bool progress = true) {
    auto status = plan_status(work.deployment, work.new_set, work.all(), work.now);
    if (progress && !work.deployment.spec.paused) update_progress(work.deployment, work.new_set, work.all(), work.now, status, work.again_in);
    auto stored = deployments_.get(work.key);
    if (stored && stored->status == status && stored->metadata.resource_version == work.deployment.metadata.resource_version) return {};
    auto changed = work.deployment;
    changed.status = std::move(status);
    auto written = client_.update_status(std::move(changed));
    if (!written) {
      if (api::is_not_found(written.error())) return {};
      return Fail(std::move(written).error());
    }
    loop_.wrote(work.key, deployments_.untyped(), api::Object::of(*written));
    work.deployment = **written;
    return {};
  }

  Clock& clock_;
  client::Client client_;
  client::Informer<Deployment> deployments_;
  client::Informer<ReplicaSet> sets_;
  client::Informer<api::corev1::Pod> pods_;
  client::EventRecorder events_;
  client::ControllerLoop loop_;
};

}  // namespace

std::unique_ptr<Controller> make_deployment_controller(Context& context) { return std::make_unique<DeploymentController>(context); }

}  // namespace reigen::controllers
