// The loop of an update: rules of registry Store.Update, rest.BeforeUpdate and etcd3's GuaranteedUpdate.

#include <utility>

#include "api/errors.h"
#include "api/metav1.h"
#include "apiserver/authorizer.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "apiserver/metadata.h"
#include "apiserver/verb/write.h"

namespace reigen::apiserver {
namespace {

// Beyond this many lost races something is wrong with the writers.
constexpr int kMaxAttempts = 100;

struct UpdateRun {
  CallPtr call;
  UpdatePlan plan;
  std::string key;
  int attempts = 0;
  size_t warnings_before = 0;

  const Resource& resource() const { return *call->resource; }
  const Strategy& strategy() const { return *call->resource->strategy; }
  void done(Error error) { plan.done(reigen::fail(std::move(error))); }
};
using UpdateRunPtr = std::shared_ptr<UpdateRun>;

void attempt(const UpdateRunPtr& run);

Error uid_conflict(const UpdateRun& run, std::string_view found) {
  std::string text = "StorageError: invalid object, Code: 4, Key: " + run.key +
                     ", ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: " + *run.plan.uid +
                     ", UID in object meta: " + std::string(found);
  return api::conflict(run.resource().name(), run.plan.name, text);
}

Result<uint64_t> version_of(const api::Object& object) {
  const std::string& text = object.meta().resource_version;
  if (text.empty()) return 0;
  auto version = parse_go_uint(text);
  if (version) return version;
  api::ApiStatus status;
  status.message = version.error().message();
  return reigen::fail(api::to_error(std::move(status)));
}

// Kubernetes shows the unset version as the number it is inside.
Error version_required(const UpdateRun& run) {
  api::FieldErrors errors;
  api::FieldPath metadata("metadata");
  errors.push_back(api::FieldError::invalid(metadata.child("resourceVersion"), api::BadValue::raw("0x0"), "must be specified for an update"));
  return api::invalid(run.resource().name(), run.plan.name, errors);
}

// Sets the version that the object replaces, or says why it does not fit.
Status check_version(const UpdateRun& run, api::Object& object, const store::Entry& entry) {
  TRY_ASSIGN(uint64_t version, version_of(object));
  if (version == 0) {
    if (!run.strategy().allow_unconditional_update()) return reigen::fail(version_required(run));
    object.mut_meta().resource_version = std::to_string(entry.mod_revision);
  } else if (version != static_cast<uint64_t>(entry.mod_revision)) {
    return reigen::fail(api::conflict(run.resource().name(), run.plan.name, api::kModified));
  }
  return {};
}

Status before_update(UpdateRun& run, StrategyContext& context, api::Object& object, const api::Object& old, Begun& begun) {
  const Strategy& strategy = run.strategy();
  const Resource& resource = run.resource();
  TRY(match_namespace(object.mut_meta(), resource.info->namespaced ? std::string_view(run.plan.namespace_) : std::string_view()));
  object.mut_meta().generation = old.meta().generation;
  TRY_ASSIGN(begun.rollback, strategy.begin_update(context, object, old));
  strategy.prepare_update(context, object, old);
  if (strategy.counts_generation() && context.part != Part::kStatus && strategy.spec_changed(object, old))
    object.mut_meta().generation = old.meta().generation + 1;
  keep_system_fields(object.mut_meta(), old.meta());
  api::FieldErrors errors;
  validate_meta(object.meta(), resource.info->namespaced, path_segment_strategy(), errors);
  size_t common = errors.size();
  validate_meta_update(object.meta(), old.meta(), errors);
  if (strategy.repeats_metadata_errors()) {
    api::FieldErrors again(errors.begin() + static_cast<std::ptrdiff_t>(common), errors.end());
    api::append(errors, std::move(again));
  }
  strategy.validate_update(context, object, old, errors);
  if (!errors.empty()) return reigen::fail(api::invalid(resource.kind_name(), object.meta().name, errors));
  std::vector<std::string> warnings;
  strategy.warnings_on_update(context, object, old, warnings);
  run.call->warn(std::move(warnings));
  strategy.canonicalize(object);
  AdmissionRequest request = admission_request(*run.call, Operation::kUpdate, run.plan.dry_run, &object, &old);
  return admit_validate(*run.call, request);
}

bool removed_by_update(const UpdateRun& run, const api::Object& object, const api::Object& old) {
  return object.meta().finalizers.empty() && old.meta().deletion_timestamp && old.meta().deletion_grace_period_seconds.value_or(0) == 0 &&
         run.strategy().may_be_removed(object);
}

bool retry(const UpdateRunPtr& run, const Error& error) {
  if (error.code() != Code::kConflict && error.code() != Code::kNotFound && error.code() != Code::kAlreadyExists) return false;
  if (++run->attempts >= kMaxAttempts) return false;
  run->call->warnings.resize(run->warnings_before);
  attempt(run);
  return true;
}

// An answer that comes from an entry which is still being written has to wait for it: who is told of a conflict reads again, and would read what he had;
// and what was not written again is not durable yet.
void when_durable(const UpdateRunPtr& run, const store::EntryPtr& entry, std::move_only_function<void()> answer) {
  store::Store& store = run->call->core.store;
  if (entry->mod_revision <= store.current_revision()) return answer();
  auto nothing = [](const store::EntryPtr&) -> Result<store::Update> { return store::Update{.value = nullptr, .unchanged = true}; };
  store.update(run->key, nothing, [answer = std::move(answer)](Result<store::Commit>) mutable { answer(); });
}

void refuse(const UpdateRunPtr& run, const store::EntryPtr& entry, Error error) {
  when_durable(run, entry, [run, error = std::move(error)]() mutable { run->done(std::move(error)); });
}

void commit_removal(const UpdateRunPtr& run, api::Object object, int64_t expected) {
  if (run->plan.dry_run) return run->plan.done(WriteResult{.created = false, .entry = nullptr, .object = std::move(object)});
  store::Write write{.key = run->key, .value = nullptr, .expected = expected};
  StrategyContext context = strategy_context(*run->call, run->plan.part, false);
  run->call->core.store.write(std::move(write), [run, object, context](Result<store::Commit> commit) mutable {
    if (!commit) {
      if (!retry(run, commit.error())) run->done(std::move(commit).error());
      return;
    }
    note_commit(*run->call);
    run->strategy().after_delete(context, object);
    run->plan.done(WriteResult{.created = false, .entry = nullptr, .object = std::move(object)});
  });
}

void commit_update(const UpdateRunPtr& run, const store::EntryPtr& entry, api::Object object, const api::Object& old, StrategyContext context, Begun& begun) {
  if (run->plan.dry_run) {
    return run->plan.done(WriteResult{.created = !entry, .entry = nullptr, .object = std::move(object)});
  }
  object.mut_meta().resource_version.clear();
  std::string bytes = encode_stored(object);
  if (entry && bytes == *entry->value)
    return when_durable(run, entry, [run, entry] { run->plan.done(WriteResult{.created = false, .entry = entry, .object = {}}); });
  store::Write write;
  write.key = run->key;
  write.value = store::make_bytes(std::move(bytes));
  write.expected = entry ? entry->mod_revision : 0;
  write.ttl = run->strategy().time_to_live(object);
  auto done = [run, written = written_form(*run->call, run->plan.part, std::move(object)), old, context, created = !entry,
               undo = std::exchange(begun.rollback, {})](Result<store::Commit> commit) mutable {
    if (!commit) {
      if (undo) undo();
      if (!retry(run, commit.error())) run->done(std::move(commit).error());
      return;
    }
    if (!created) run->strategy().after_update(context, written.object, old);
    note_commit(*run->call, commit->entry, std::move(written));
    run->plan.done(WriteResult{.created = created, .entry = commit->entry, .object = {}});
  };
  run->call->core.store.write(std::move(write), std::move(done));
}

Status may_create(UpdateRun& run) {
  Call& call = *run.call;
  if (!call.core.authorizer) return {};
  AccessRequest access{.user = call.user.get(),
                       .verb = "create",
                       .resource_request = true,
                       .namespace_ = call.ns(),
                       .group = call.info.group,
                       .version = call.info.version,
                       .resource = call.info.resource,
                       .subresource = call.info.subresource,
                       .name = call.name(),
                       .path = call.info.path,
                       .field_selector = {},
                       .label_selector = {}};
  Verdict verdict = call.core.authorizer->authorize(access);
  if (verdict.decision == Decision::kAllow) return {};
  return reigen::fail(api::forbidden(run.resource().name(), run.plan.name, "User \"" + call.user->name + "\" cannot create resource"));
}

Status before_create(UpdateRun& run, StrategyContext& context, api::Object& object, Begun& begun) {
  auto& meta = object.mut_meta();
  fill_system_fields(meta, run.call->core.random, context.now);
  meta.resource_version.clear();
  TRY(prepare_new(*run.call, run.plan.namespace_, context, object, begun));
  TRY(may_create(run));
  AdmissionRequest request = admission_request(*run.call, Operation::kCreate, run.plan.dry_run, &object, nullptr);
  return admit_validate(*run.call, request);
}

void update_existing(const UpdateRunPtr& run, const store::EntryPtr& entry, const api::Object& old) {
  auto object = run->plan.make(old);
  if (!object) return refuse(run, entry, std::move(object).error());
  if (auto status = check_version(*run, *object, *entry); !status) return refuse(run, entry, std::move(status).error());
  StrategyContext context = strategy_context(*run->call, run->plan.part, run->plan.dry_run);
  Begun begun;
  if (auto status = before_update(*run, context, *object, old, begun); !status) return refuse(run, entry, std::move(status).error());
  if (removed_by_update(*run, *object, old)) return commit_removal(run, std::move(*object), entry->mod_revision);
  commit_update(run, entry, std::move(*object), old, context, begun);
}

void create_missing(const UpdateRunPtr& run) {
  const Resource& resource = run->resource();
  bool creates = run->plan.part == Part::kMain && (run->plan.allow_create || run->strategy().allow_create_on_update());
  if (!creates) return run->done(api::not_found(resource.name(), run->plan.name));
  auto object = run->plan.make({});
  if (!object) return run->done(std::move(object).error());
  if (auto version = version_of(*object); !version) return run->done(version.error());
  if (!resource.refusal.empty()) return run->done(api::forbidden(resource.name(), run->plan.name, resource.refusal));
  StrategyContext context = strategy_context(*run->call, run->plan.part, run->plan.dry_run);
  Begun begun;
  if (auto status = before_create(*run, context, *object, begun); !status) return run->done(std::move(status).error());
  commit_update(run, nullptr, std::move(*object), {}, context, begun);
}

void attempt(const UpdateRunPtr& run) {
  Core& core = run->call->core;
  auto entry = core.store.get_latest(run->key);
  if (!entry) return run->done(std::move(entry).error());
  api::Object old;
  if (*entry) {
    auto decoded = core.cache.stored(*entry, run->resource());
    if (!decoded) return run->done(std::move(decoded).error());
    old = std::move(*decoded);
  }
  if (run->plan.uid && (!old || old.meta().uid != *run->plan.uid)) return run->done(uid_conflict(*run, old ? std::string_view(old.meta().uid) : ""));
  if (*entry) update_existing(run, *entry, old);
  else create_missing(run);
}

}  // namespace

void run_update(const CallPtr& call, UpdatePlan plan) {
  auto run = std::make_shared<UpdateRun>();
  run->call = call;
  run->key = call->resource->key(plan.namespace_, plan.name);
  run->plan = std::move(plan);
  run->warnings_before = call->warnings.size();
  attempt(run);
}

}  // namespace reigen::apiserver
