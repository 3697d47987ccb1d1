// Create: rules of apiserver's handlers/create.go and registry Store.Create.

#include <utility>

#include "api/errors.h"
#include "api/metav1.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "apiserver/metadata.h"
#include "apiserver/verb/managed.h"
#include "apiserver/verb/verbs.h"
#include "apiserver/verb/write.h"

namespace reigen::apiserver {
namespace {

// So many names make a thousandth of a chance of failure with a million objects of one prefix.
constexpr int kNameAttempts = 8;

struct CreateRun {
  CallPtr call;
  CreatePlan plan;
  bool generated = false;
  int attempts = 0;
};
using CreateRunPtr = std::shared_ptr<CreateRun>;

void attempt(const CreateRunPtr& run);

Status prepare_and_validate(CreateRun& run, api::Object& object, StrategyContext& context, Begun& begun) {
  Call& call = *run.call;
  auto& meta = object.mut_meta();
  fill_system_fields(meta, call.core.random, context.now);
  if (run.generated) meta.name = generate_name(meta.generate_name, call.core.random);
  TRY(prepare_new(call, call.ns(), context, object, begun));
  AdmissionRequest request = admission_request(call, Operation::kCreate, run.plan.dry_run, &object, nullptr);
  if (request.name.empty()) request.name = object.meta().name;
  return admit_validate(call, request);
}

Error exists_error(CreateRun& run, const api::metav1::ObjectMeta& meta) {
  const Resource& resource = *run.call->resource;
  if (run.generated) return api::generate_name_conflict(resource.name(), meta.name, 1);
  Error error = api::already_exists(resource.name(), meta.name);
  auto entry = run.call->core.store.get_latest(resource.key(meta.namespace_, meta.name));
  if (!entry || !*entry) return error;
  auto live = run.call->core.cache.stored(*entry, resource);
  if (!live || !live->meta().deletion_timestamp) return error;
  api::ApiStatus status = api::status_of(error);
  status.message = "object is being deleted: " + status.message;
  return api::to_error(std::move(status));
}

void finish(const CreateRunPtr& run, Written written, Rollback rollback, Result<store::Commit> commit) {
  if (commit) {
    note_commit(*run->call, commit->entry, std::move(written));
    return run->plan.done(WriteResult{.created = true, .entry = commit->entry, .object = {}});
  }
  if (rollback) rollback();
  if (commit.error().code() != Code::kAlreadyExists) return run->plan.done(reigen::fail(std::move(commit).error()));
  if (run->generated && ++run->attempts < kNameAttempts) return attempt(run);
  run->plan.done(reigen::fail(exists_error(*run, written.object.meta())));
}

void dry_finish(const CreateRunPtr& run, api::Object object) {
  auto entry = run->call->core.store.get_latest(run->call->resource->key(object.meta().namespace_, object.meta().name));
  if (!entry) return run->plan.done(reigen::fail(entry.error()));
  if (*entry) return run->plan.done(reigen::fail(exists_error(*run, object.meta())));
  run->plan.done(WriteResult{.created = true, .entry = nullptr, .object = std::move(object)});
}

void attempt(const CreateRunPtr& run) {
  Call& call = *run->call;
  const Resource& resource = *call.resource;
  // Kept only where another name may have to be tried.
  api::Object object = run->generated ? run->plan.object : std::move(run->plan.object);
  StrategyContext context = strategy_context(call, Part::kMain, run->plan.dry_run);
  Begun begun;
  if (auto status = prepare_and_validate(*run, object, context, begun); !status) return run->plan.done(reigen::fail(std::move(status).error()));
  if (!run->plan.dry_run && !object.meta().resource_version.empty() && object.meta().resource_version != "0") {
    api::ApiStatus refused;
    refused.message = "resourceVersion should not be set on objects to be created";
    return run->plan.done(reigen::fail(api::to_error(std::move(refused))));
  }
  object.mut_meta().resource_version.clear();
  if (run->plan.dry_run) return dry_finish(run, std::move(object));
  store::Write write;
  write.key = resource.key(object.meta().namespace_, object.meta().name);
  write.value = store::make_bytes(encode_stored(object));
  write.expected = 0;
  write.ttl = resource.strategy->time_to_live(object);
  auto done = [run, written = written_form(call, Part::kMain, std::move(object)), undo = std::exchange(begun.rollback, {})](
                  Result<store::Commit> commit) mutable { finish(run, std::move(written), std::move(undo), std::move(commit)); };
  call.core.store.write(std::move(write), std::move(done));
}

}  // namespace

void run_create(const CallPtr& call, CreatePlan plan) {
  auto run = std::make_shared<CreateRun>();
  run->call = call;
  run->plan = std::move(plan);
  const auto& meta = run->plan.object.meta();
  run->generated = meta.name.empty() && !meta.generate_name.empty();
  attempt(run);
}

void do_create(const CallPtr& call) {
  const Resource& resource = *call->resource;
  auto options = parse_write_options(call->request->query, WriteVerb::kCreate);
  if (!options) return call->fail(options.error());
  auto object = read_object(*call, *options, *resource.kind);
  if (!object) return call->fail(object.error());
  if (!resource.refusal.empty()) return call->fail(api::forbidden(resource.name(), object->meta().name, resource.refusal));
  if (!resource.warning.empty()) call->warn(std::string(resource.warning));
  auto& meta = object->mut_meta();
  wipe_system_fields(meta);
  if (auto status = match_namespace(meta, resource.info->namespaced ? call->ns() : std::string_view()); !status) return call->fail(status.error());
  std::string duplicates;
  if (dedup_owner_references(meta, duplicates)) call->warn(duplicates);
  if (auto status = manage_update(*call, *object, {}, *options); !status) return call->fail(status.error());
  auto stored = convert(std::move(*object), *resource.stored);
  if (!stored) return call->fail(stored.error());
  AdmissionRequest request = admission_request(*call, Operation::kCreate, options->dry_run, &*stored, nullptr);
  if (request.name.empty()) request.name = stored->meta().name;
  std::string name(request.name);
  request.name = name;
  if (resource.plural() == "namespaces" && resource.group().empty()) request.namespace_ = request.name;
  if (auto status = admit(*call, request); !status) return call->fail(status.error());
  run_create(call, {.object = std::move(*stored), .dry_run = options->dry_run, .done = [call](Result<WriteResult> result) {
                      if (!result) return call->fail(result.error());
                      answer_write(call, 201, *result);
                    }});
}

}  // namespace reigen::apiserver
