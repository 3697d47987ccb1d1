// pods/eviction: a deletion that respects disruption budgets. Rules of pkg/registry/core/pod/storage EvictionREST: a budget that selects the
// pod is asked, and its status tells its controller at once that one pod less will be there.

#include <algorithm>

#include "api/corev1.h"
#include "api/errors.h"
#include "api/label_selector.h"
#include "api/metav1.h"
#include "api/policyv1.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "apiserver/verb/verbs.h"
#include "apiserver/verb/write.h"

namespace reigen::apiserver {
namespace {

using api::corev1::Pod;
using api::policyv1::Eviction;
using api::policyv1::PodDisruptionBudget;

constexpr int kMaxAttempts = 20;
constexpr size_t kMaxDisrupted = 2000;
constexpr int kRetrySeconds = 10;

struct EvictionRun {
  CallPtr call;
  DeleteOptions options;
  std::string name;
  int attempts = 0;
  std::string budget;  // a lost race is its refusal
};
using EvictionRunPtr = std::shared_ptr<EvictionRun>;

void attempt(const EvictionRunPtr& run);

Result<Eviction> read_eviction(Call& call, const WriteOptions& options) {
  TRY_ASSIGN(api::Object object, read_object(call, options, api::kind_of<Eviction>()));
  return object.as<Eviction>();
}

DeleteOptions delete_options(const Eviction& eviction, bool dry_run) {
  DeleteOptions options;
  if (eviction.delete_options) {
    const auto& in = *eviction.delete_options;
    options.grace_period_seconds = in.grace_period_seconds;
    options.orphan_dependents = in.orphan_dependents;
    if (in.propagation_policy) options.propagation_policy = std::string(*in.propagation_policy);
    if (in.preconditions) options.uid = in.preconditions->uid, options.resource_version = in.preconditions->resource_version;
    options.dry_run_values = in.dry_run;
  }
  if (dry_run) options.dry_run_values = {"All"};
  return options;
}

// A write to another object that the eviction makes on the way.
CallPtr side_call(const EvictionRun& run, const Resource* resource) {
  auto side = std::make_shared<Call>(run.call->core);
  side->request = run.call->request;
  side->info = run.call->info;
  side->info.subresource = "status";
  side->user = run.call->user;
  side->resource = resource;
  side->started = run.call->started;
  return side;
}

// Ended, ending, or never begun: nobody loses anything.
bool ignores_budgets(const Pod& pod) {
  const auto& phase = pod.status.phase;
  return phase == "Succeeded" || phase == "Failed" || phase == "Pending" || pod.metadata.deletion_timestamp;
}

bool is_ready(const Pod& pod) {
  return std::ranges::any_of(pod.status.conditions, [](const auto& condition) { return condition.type == "Ready" && condition.status == "True"; });
}

Fail refuse(int retry_after, std::string why) {
  api::ApiStatus status;
  status.code = 429;
  status.reason = "TooManyRequests";
  status.message = "Cannot evict pod as it would violate the pod's disruption budget.";
  status.has_details = true;
  status.retry_after_seconds = retry_after;
  status.causes.push_back({"DisruptionBudget", std::move(why), ""});
  return api::fail(std::move(status));
}

Fail still_processed(const std::string& budget) {
  return refuse(kRetrySeconds, "The disruption budget " + budget + " is still being processed by the server.");
}

void note_condition(PodDisruptionBudget& budget, WallTime now) {
  if (budget.status.disruptions_allowed > 0) return;
  auto& conditions = budget.status.conditions;
  auto it = std::ranges::find(conditions, "DisruptionAllowed", &api::metav1::Condition::type);
  if (it == conditions.end()) {
    it = conditions.emplace(conditions.end());
    it->type = "DisruptionAllowed";
  }
  if (it->status != "False") it->last_transition_time = api::Time(now);
  it->status = "False";
  it->reason = "InsufficientPods";
  it->message.clear();
  it->observed_generation = budget.status.observed_generation;
}

// The budget with one disruption less, or why there is none.
Result<api::Object> take_one(const EvictionRun& run, const api::Object& current) {
  const auto& old = current.as<PodDisruptionBudget>();
  const auto& status = old.status;
  api::GroupName named{"policy", "poddisruptionbudget"};
  if (status.observed_generation < old.metadata.generation) return still_processed(old.metadata.name);
  if (status.disruptions_allowed < 0) return reigen::fail(api::forbidden(named, old.metadata.name, "pdb disruptions allowed is negative"));
  if (status.disrupted_pods.size() > kMaxDisrupted)
    return reigen::fail(api::forbidden(named, old.metadata.name, "DisruptedPods map too big - too many evictions not confirmed by PDB controller"));
  if (status.disruptions_allowed == 0)
    return refuse(0, "The disruption budget " + old.metadata.name + " needs " + std::to_string(status.desired_healthy) + " healthy pods and has " +
                         std::to_string(status.current_healthy) + " currently");
  api::Object object = current;
  auto& budget = object.mut<PodDisruptionBudget>();
  --budget.status.disruptions_allowed;
  WallTime now = run.call->core.now();
  note_condition(budget, now);
  budget.status.disrupted_pods[run.name] = api::Time(now);
  return object;
}

void finish(const EvictionRunPtr& run, Result<DeleteResult> result, bool guarded) {
  if (!result) {
    bool lost = guarded && !run->options.resource_version && result.error().code() == Code::kConflict;
    if (lost && !run->budget.empty()) return run->call->fail(still_processed(run->budget).error());
    if (lost && ++run->attempts < kMaxAttempts) return attempt(run);
    return run->call->fail(result.error());
  }
  api::metav1::Status status;
  status.status = "Success";
  status.code = 201;
  run->call->succeed(201, api::Object::of(std::move(status)));
}

Status check_preconditions(const DeleteOptions& options, const api::metav1::ObjectMeta& meta) {
  api::GroupName pods{"", "Pod"};
  if (options.uid && *options.uid != meta.uid)
    return reigen::fail(api::conflict(pods, meta.name,
                                      "the UID in the precondition (" + *options.uid + ") does not match the UID in record (" + meta.uid +
                                          "). The object might have been deleted and then recreated"));
  if (options.resource_version && *options.resource_version != meta.resource_version)
    return reigen::fail(api::conflict(pods, meta.name,
                                      "the ResourceVersion in the precondition (" + *options.resource_version +
                                          ") does not match the ResourceVersion in record (" + meta.resource_version +
                                          "). The object might have been modified"));
  return {};
}

Result<api::Object> mark_disrupted(const EvictionRun& run, const DeleteOptions& options, const api::Object& current) {
  if (!current) return reigen::fail(api::not_found({"", "pods"}, run.name));
  TRY(check_preconditions(options, current.meta()));
  api::Object object = current;
  auto& conditions = object.mut<Pod>().status.conditions;
  auto it = std::ranges::find(conditions, "DisruptionTarget", &api::corev1::PodCondition::type);
  if (it == conditions.end()) {
    it = conditions.emplace(conditions.end());
    it->type = "DisruptionTarget";
  }
  if (it->status != "True") it->last_transition_time = api::Time(run.call->core.now());
  it->status = "True";
  it->reason = "EvictionByEvictionAPI";
  it->message = "Eviction API: evicting";
  return object;
}

// `guard`: only the pod as it was judged, of this resourceVersion.
void evict(const EvictionRunPtr& run, const std::string& guard) {
  DeleteOptions options = run->options;
  bool guarded = !guard.empty();
  if (guarded && !options.resource_version) options.resource_version = guard;
  auto remove = [run, guarded](const DeleteOptions& options) {
    run_delete(run->call, std::string(run->call->ns()), run->name, options,
               [run, guarded](Result<DeleteResult> result) { finish(run, std::move(result), guarded); });
  };
  if (options.dry_run) return remove(options);
  UpdatePlan plan;
  plan.namespace_ = run->call->ns();
  plan.name = run->name;
  plan.part = Part::kStatus;
  plan.make = [run, options](const api::Object& current) { return mark_disrupted(*run, options, current); };
  plan.done = [run, options, guarded, remove](Result<WriteResult> written) mutable {
    if (!written) return finish(run, reigen::fail(std::move(written).error()), guarded);
    if (options.resource_version && written->entry) options.resource_version = std::to_string(written->entry->mod_revision);
    remove(options);
  };
  run_update(side_call(*run, run->call->resource), std::move(plan));
}

std::vector<std::shared_ptr<const PodDisruptionBudget>> budgets_of(const EvictionRun& run, const Pod& pod) {
  std::vector<std::shared_ptr<const PodDisruptionBudget>> out;
  run.call->core.reader.for_each("policy", "poddisruptionbudgets", pod.metadata.namespace_, [&](const api::Object& object) {
    auto budget = object.share<PodDisruptionBudget>();
    auto selector = api::LabelSelector::from(budget->spec.selector.get());
    if (selector && selector->matches(pod.metadata.labels)) out.push_back(std::move(budget));
    return true;
  });
  return out;
}

// A pod that is not ready counts for nobody: it may go where the budget says so, or where the application has enough without it.
bool may_go_unready(const PodDisruptionBudget& budget) {
  if (budget.spec.unhealthy_pod_eviction_policy.value_or("") == "AlwaysAllow") return true;
  return budget.status.desired_healthy > 0 && budget.status.current_healthy >= budget.status.desired_healthy;
}

void attempt(const EvictionRunPtr& run) {
  auto found = run->call->core.reader.get("", "pods", run->call->ns(), run->name);
  if (!found) return run->call->fail(found.error());
  const Pod& pod = found->as<Pod>();
  const std::string& version = pod.metadata.resource_version;
  bool over = pod.status.phase == "Succeeded" || pod.status.phase == "Failed" || pod.metadata.deletion_timestamp;
  if (ignores_budgets(pod)) return evict(run, over ? "" : version);
  auto budgets = budgets_of(*run, pod);
  if (budgets.empty()) return evict(run, "");
  if (budgets.size() > 1) {
    api::ApiStatus status;
    status.message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
    return run->call->fail(api::to_error(std::move(status)));
  }
  const PodDisruptionBudget& budget = *budgets.front();
  if (!is_ready(pod) && may_go_unready(budget)) {
    run->budget = budget.metadata.name;
    return evict(run, version);
  }
  UpdatePlan plan;
  plan.namespace_ = budget.metadata.namespace_;
  plan.name = budget.metadata.name;
  plan.part = Part::kStatus;
  plan.dry_run = run->options.dry_run;
  plan.make = [run](const api::Object& current) { return take_one(*run, current); };
  plan.done = [run](Result<WriteResult> taken) {
    if (!taken) return run->call->fail(taken.error());
    evict(run, "");
  };
  run_update(side_call(*run, run->call->core.registry.find("policy", "v1", "poddisruptionbudgets")), std::move(plan));
}

}  // namespace

void do_eviction(const CallPtr& call) {
  auto options = parse_write_options(call->request->query, WriteVerb::kCreate);
  if (!options) return call->fail(options.error());
  auto eviction = read_eviction(*call, *options);
  if (!eviction) return call->fail(eviction.error());
  if (eviction->metadata.name != call->name() && !eviction->metadata.name.empty())
    return call->fail(api::bad_request("name in URL does not match name in Eviction object"));
  DeleteOptions wanted = delete_options(*eviction, options->dry_run);
  if (auto status = check_delete_options(wanted); !status) return call->fail(status.error());
  api::Object object = api::Object::of(*eviction);
  AdmissionRequest request = admission_request(*call, Operation::kCreate, wanted.dry_run, &object, nullptr);
  if (auto status = admit(*call, request); !status) return call->fail(status.error());
  if (auto status = admit_validate(*call, request); !status) return call->fail(status.error());
  auto run = std::make_shared<EvictionRun>();
  run->call = call;
  run->options = std::move(wanted);
  run->name = call->name();
  attempt(run);
}

}  // namespace reigen::apiserver
