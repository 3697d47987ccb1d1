// Update: rules of apiserver's handlers/update.go.

#include "api/errors.h"
#include "api/metav1.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "apiserver/metadata.h"
#include "apiserver/verb/managed.h"
#include "apiserver/verb/verbs.h"
#include "apiserver/verb/view.h"
#include "apiserver/verb/write.h"

namespace reigen::apiserver {
namespace {

Status check_name(Call& call, const api::Object& object) {
  const std::string& name = object.meta().name;
  if (name.empty())
    return reigen::fail(api::bad_request("the name of the object (" + std::string(call.name()) + " based on URL) was undeterminable: name must be provided"));
  if (name != call.name())
    return reigen::fail(api::bad_request("the name of the object (" + name + ") does not match the name on the URL (" + std::string(call.name()) + ")"));
  return {};
}

Result<api::Object> read_update(Call& call, const WriteOptions& options) {
  const Resource& resource = *call.resource;
  TRY_ASSIGN(api::Object object, read_object(call, options, view_kind(call)));
  TRY(match_namespace(object.mut_meta(), resource.info->namespaced ? call.ns() : std::string_view()));
  TRY(check_name(call, object));
  std::string duplicates;
  if (dedup_owner_references(object.mut_meta(), duplicates)) call.warn(duplicates);
  return object;
}

// One attempt: who owns what, then admission.
Result<api::Object> make_object(const CallPtr& call, const api::Object& wanted, const WriteOptions& options, const api::Object& current) {
  api::Object object = wanted, live;
  if (current) {
    TRY_ASSIGN(live, to_written_view(*call, current));
  }
  TRY(manage_update(*call, object, live, options));
  TRY_ASSIGN(api::Object stored, from_view(*call, current, std::move(object)));
  AdmissionRequest request =
      admission_request(*call, current ? Operation::kUpdate : Operation::kCreate, options.dry_run, &stored, current ? &current : nullptr);
  TRY(admit(*call, request));
  return stored;
}

}  // namespace

void do_update(const CallPtr& call) {
  auto options = parse_write_options(call->request->query, WriteVerb::kUpdate);
  if (!options) return call->fail(options.error());
  auto object = read_update(*call, *options);
  if (!object) return call->fail(object.error());
  if (!call->resource->warning.empty() && !call->subresource) call->warn(std::string(call->resource->warning));
  UpdatePlan plan;
  plan.namespace_ = call->ns();
  plan.name = call->name();
  plan.part = part_of(call->info.subresource);
  plan.dry_run = options->dry_run;
  if (!object->meta().uid.empty()) plan.uid = object->meta().uid;
  plan.make = [call, wanted = std::move(*object), options = *options](const api::Object& current) { return make_object(call, wanted, options, current); };
  plan.done = [call](Result<WriteResult> result) {
    if (!result) return call->fail(result.error());
    answer_write(call, result->created ? 201 : 200, *result);
  };
  run_update(call, std::move(plan));
}

}  // namespace reigen::apiserver
