// Deletion of one object: rules of registry Store.Delete and rest.BeforeDelete.

#include <algorithm>

#include "api/corev1.h"
#include "api/errors.h"
#include "api/metav1.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "apiserver/verb/write.h"

namespace reigen::apiserver {
namespace {

constexpr std::string_view kOrphan = "orphan";
constexpr std::string_view kForeground = "foregroundDeletion";
constexpr int kMaxAttempts = 100;

struct DeleteRun {
  CallPtr call;
  std::string key, name;
  DeleteOptions options;
  std::function<void(Result<DeleteResult>)> done;
  int attempts = 0;
  bool marked = false;  // the first of two writes is done: the object may be gone meanwhile
  api::Object last;     // as that write left it

  const Resource& resource() const { return *call->resource; }
  const Strategy& strategy() const { return *call->resource->strategy; }
  void fail(Error error) { done(reigen::fail(std::move(error))); }
};
using DeleteRunPtr = std::shared_ptr<DeleteRun>;

void attempt(const DeleteRunPtr& run);

Status check_preconditions(const DeleteRun& run, const api::metav1::ObjectMeta& meta) {
  const auto& options = run.options;
  bool is_namespace = run.resource().plural() == "namespaces";
  api::GroupName named{run.resource().kind->group, is_namespace ? run.resource().plural() : run.resource().kind->kind};
  if (options.uid && *options.uid != meta.uid) {
    std::string text = is_namespace ? "Precondition failed: UID in precondition: " + *options.uid + ", UID in object meta: " + meta.uid
                                    : "the UID in the precondition (" + *options.uid + ") does not match the UID in record (" + meta.uid +
                                          "). The object might have been deleted and then recreated";
    return reigen::fail(api::conflict(named, meta.name, text));
  }
  if (options.resource_version && *options.resource_version != meta.resource_version && !run.marked)
    return reigen::fail(api::conflict(named, meta.name,
                                      "the ResourceVersion in the precondition (" + *options.resource_version +
                                          ") does not match the ResourceVersion in record (" + meta.resource_version +
                                          "). The object might have been modified"));
  return {};
}

struct Grace {
  bool graceful = false, pending = false;
  int64_t seconds = 0;
};

// Marks the object when its kind is deleted with grace.
Grace before_delete(DeleteRun& run, StrategyContext& context, api::Object& object) {
  std::optional<int64_t> asked = run.options.grace_period_seconds;
  if (asked && *asked < 0) asked = 1;
  const auto& meta = object.meta();
  std::optional<int64_t> period = run.strategy().grace_period(context, object, asked);
  if (!period) return {};
  if (meta.deletion_timestamp) {
    int64_t current = meta.deletion_grace_period_seconds.value_or(0);
    if (current == 0) return {};
    if (!asked || *asked >= current) return {.graceful = false, .pending = true};
    auto& changed = object.mut_meta();
    changed.deletion_timestamp = api::Time(changed.deletion_timestamp->seconds - current + *asked);
    changed.deletion_grace_period_seconds = *asked;
    return {.graceful = true, .pending = false, .seconds = *asked};
  }
  auto& changed = object.mut_meta();
  changed.deletion_timestamp = api::Time(context.now + std::chrono::seconds(*period));
  changed.deletion_grace_period_seconds = *period;
  if (changed.generation > 0) ++changed.generation;
  run.strategy().prepare_graceful_delete(context, object);
  return {.graceful = true, .pending = false, .seconds = *period};
}

// metadata.finalizers with those of the garbage collector as the options ask; true when they changed.
bool set_policy_finalizers(const DeleteRun& run, api::Object& object) {
  const auto& options = run.options;
  const std::vector<std::string>& old = object.meta().finalizers;
  bool has_orphan = std::ranges::find(old, kOrphan) != old.end(), has_foreground = std::ranges::find(old, kForeground) != old.end();
  bool orphan = has_orphan, foreground = !has_orphan && has_foreground;
  if (!has_orphan && !has_foreground) orphan = run.strategy().orphans_by_default();
  if (options.orphan_dependents) {
    orphan = *options.orphan_dependents;
    foreground = false;
  } else if (options.propagation_policy) {
    orphan = *options.propagation_policy == "Orphan";
    foreground = *options.propagation_policy == "Foreground";
  }
  std::vector<std::string> wanted;
  for (const std::string& finalizer : old)
    if (finalizer != kOrphan && finalizer != kForeground) wanted.push_back(finalizer);
  if (orphan) wanted.emplace_back(kOrphan);
  if (foreground) wanted.emplace_back(kForeground);
  if (orphan == has_orphan && foreground == has_foreground) return false;
  object.mut_meta().finalizers = std::move(wanted);
  return true;
}

void mark_as_deleting(api::Object& object, WallTime now) {
  auto& meta = object.mut_meta();
  if (!meta.deletion_timestamp && meta.generation > 0) ++meta.generation;
  if (!meta.deletion_timestamp || meta.deletion_timestamp->wall() > now) meta.deletion_timestamp = api::Time(now);
  meta.deletion_grace_period_seconds = 0;
}

void answer(const DeleteRunPtr& run, const api::Object& object, bool deleted, bool always_object) {
  DeleteResult result;
  result.deleted = deleted;
  result.uid = object.meta().uid;
  if (always_object || run->strategy().returns_deleted_object()) {
    auto served = convert(object, *run->resource().kind);
    if (!served) return run->fail(std::move(served).error());
    result.object = std::move(*served);
  }
  run->done(std::move(result));
}

bool retry(const DeleteRunPtr& run, const Error& error) {
  if (error.code() != Code::kConflict && error.code() != Code::kNotFound) return false;
  if (++run->attempts >= kMaxAttempts) return false;
  attempt(run);
  return true;
}

void remove(const DeleteRunPtr& run, const store::EntryPtr& entry, api::Object object) {
  if (run->options.dry_run) return answer(run, object, true, false);
  store::Write write{.key = run->key, .value = nullptr, .expected = entry->mod_revision};
  StrategyContext context = strategy_context(*run->call, Part::kMain, false);
  run->call->core.store.write(std::move(write), [run, object, context](Result<store::Commit> commit) mutable {
    if (!commit) {
      if (!retry(run, commit.error())) run->fail(std::move(commit).error());
      return;
    }
    note_commit(*run->call);
    object.mut_meta().resource_version = std::to_string(commit->revision);
    run->strategy().after_delete(context, object);
    answer(run, object, true, false);
  });
}

// Writes the marked object; then answers it, or removes it when nothing holds it.
void mark(const DeleteRunPtr& run, const store::EntryPtr& entry, api::Object object, bool then_remove) {
  if (run->options.dry_run) return answer(run, object, then_remove, true);
  object.mut_meta().resource_version.clear();
  store::Write write{.key = run->key, .value = store::make_bytes(encode_stored(object)), .expected = entry->mod_revision};
  run->call->core.store.write(std::move(write), [run, object, then_remove](Result<store::Commit> commit) mutable {
    if (!commit) {
      if (!retry(run, commit.error())) run->fail(std::move(commit).error());
      return;
    }
    note_commit(*run->call);
    object.mut_meta().resource_version = std::to_string(commit->revision);
    if (!then_remove) return answer(run, object, false, true);
    run->marked = true;
    run->last = object;
    remove(run, commit->entry, std::move(object));
  });
}

Status admit_delete(DeleteRun& run, const api::Object& object) {
  AdmissionRequest request = admission_request(*run.call, Operation::kDelete, run.options.dry_run, nullptr, &object);
  request.name = run.name;
  TRY(admit(*run.call, request));
  return admit_validate(*run.call, request);
}

// Namespaces are first marked as terminating; who deletes their content empties spec.finalizers, and the second deletion removes.
bool delete_namespace(const DeleteRunPtr& run, const store::EntryPtr& entry, api::Object& object) {
  if (!object.is<api::corev1::Namespace>()) return false;
  if (object.meta().deletion_timestamp) {
    if (object.as<api::corev1::Namespace>().spec.finalizers.empty()) return false;
    answer(run, object, false, true);
    return true;
  }
  object.mut_meta().deletion_timestamp = api::Time(run->call->core.now());
  object.mut<api::corev1::Namespace>().status.phase = "Terminating";
  set_policy_finalizers(*run, object);
  mark(run, entry, std::move(object), false);
  return true;
}

void attempt(const DeleteRunPtr& run) {
  Core& core = run->call->core;
  auto entry = core.store.get_latest(run->key);
  if (!entry) return run->fail(std::move(entry).error());
  if (!*entry) {
    if (run->marked) return answer(run, run->last, true, false);
    return run->fail(api::not_found(run->resource().name(), run->name));
  }
  auto decoded = core.cache.stored(*entry, run->resource());
  if (!decoded) return run->fail(std::move(decoded).error());
  api::Object object = std::move(*decoded);
  if (auto status = check_preconditions(*run, object.meta()); !status) return run->fail(std::move(status).error());
  StrategyContext context = strategy_context(*run->call, Part::kMain, run->options.dry_run);
  if (auto status = run->strategy().check_delete(context, object); !status) return run->fail(std::move(status).error());
  if (auto status = admit_delete(*run, object); !status) return run->fail(std::move(status).error());
  if (delete_namespace(run, *entry, object)) return;
  Grace grace = before_delete(*run, context, object);
  if (grace.pending) return answer(run, object, false, false);
  set_policy_finalizers(*run, object);
  bool held = !object.meta().finalizers.empty();
  if (grace.graceful) return mark(run, *entry, std::move(object), !held && grace.seconds == 0);
  if (!held) return remove(run, *entry, std::move(object));
  mark_as_deleting(object, context.now);
  mark(run, *entry, std::move(object), false);
}

}  // namespace

void run_delete(const CallPtr& call, std::string namespace_, std::string name, DeleteOptions options, std::function<void(Result<DeleteResult>)> done) {
  auto run = std::make_shared<DeleteRun>();
  run->call = call;
  run->key = call->resource->key(namespace_, name);
  run->name = std::move(name);
  run->options = std::move(options);
  run->done = std::move(done);
  attempt(run);
}

}  // namespace reigen::apiserver
