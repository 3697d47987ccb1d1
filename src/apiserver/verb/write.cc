#include "apiserver/verb/write.h"

#include "api/errors.h"
#include "api/metav1.h"
#include "api/protobuf.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "apiserver/metadata.h"
#include "apiserver/verb/view.h"

namespace reigen::apiserver {

std::string_view to_string(Operation operation) {
  switch (operation) {
    case Operation::kCreate: return "CREATE";
    case Operation::kUpdate: return "UPDATE";
    case Operation::kDelete: return "DELETE";
    default: return "CONNECT";
  }
}

Part part_of(std::string_view subresource) {
  if (subresource == "status") return Part::kStatus;
  if (subresource == "scale") return Part::kScale;
  if (subresource == "binding") return Part::kBinding;
  if (subresource == "ephemeralcontainers") return Part::kEphemeralContainers;
  if (subresource == "resize") return Part::kResize;
  if (subresource == "finalize") return Part::kFinalize;
  if (subresource == "approval") return Part::kApproval;
  return Part::kMain;
}

Written written_form(Call& call, Part part, api::Object object) {
  bool exact = api::settle_as_protobuf(object) && &object.kind() == call.resource->stored;
  // Decoded from a request it has spare room in its texts and lists, which informers would keep for as long as the object exists.
  bool decoded = exact && !call.body_object && part != Part::kBinding;
  return {decoded ? object.clone() : std::move(object), exact};
}

void note_commit(Call& call, const store::EntryPtr& entry, Written written) {
  call.core.reader.changed(*call.resource);
  if (entry && written.exact) call.core.cache.add_written(entry, std::move(written.object));
}

StrategyContext strategy_context(Call& call, Part part, bool dry_run) {
  StrategyContext context;
  context.part = part;
  context.namespace_ = call.ns();
  context.group = call.info.group;
  context.version = call.info.version;
  context.user = call.user.get();
  context.reader = &call.core.reader;
  context.random = &call.core.random;
  context.now = call.core.now();
  context.dry_run = dry_run;
  context.services = call.core.services.get();
  context.rbac = &call.core.rbac;
  context.authorizer = call.core.authorizer;
  return context;
}

AdmissionRequest admission_request(Call& call, Operation operation, bool dry_run, api::Object* object, const api::Object* old) {
  AdmissionRequest request;
  request.operation = operation;
  request.group = call.resource->group();
  request.version = call.resource->info->version;
  request.resource = call.resource->plural();
  request.subresource = call.info.subresource;
  request.kind = call.subresource ? call.subresource->kind->kind : call.resource->kind->kind;
  request.namespace_ = call.ns();
  request.name = call.name();
  request.user = call.user.get();
  request.dry_run = dry_run;
  request.object = object;
  request.old_object = old;
  request.reader = &call.core.reader;
  request.warnings = &call.warnings;
  return request;
}

namespace {

Fail refused(const AdmissionRequest& request, Error error) {
  if (api::find_status(error)) return fail(std::move(error));
  std::string_view name = request.name;
  if (name.empty() && request.object && request.object->has_meta()) name = request.object->meta().name;
  if (name.empty()) name = "Unknown";
  return fail(api::forbidden({request.group, request.resource}, name, error.message()));
}

}  // namespace

Status admit(Call& call, AdmissionRequest& request) {
  for (AdmissionPlugin* plugin : call.core.admission) {
    if (!plugin->handles(request.operation)) continue;
    if (auto status = plugin->admit(request); !status) return refused(request, std::move(status).error());
  }
  return {};
}

Status admit_validate(Call& call, const AdmissionRequest& request) {
  for (AdmissionPlugin* plugin : call.core.admission) {
    if (!plugin->handles(request.operation)) continue;
    if (auto status = plugin->validate(request); !status) return refused(request, std::move(status).error());
  }
  return {};
}

std::string manager_of(Call& call, const std::string& asked) {
  if (!asked.empty()) return asked;
  std::string_view agent = call.request->headers.get("User-Agent");
  agent = agent.substr(0, agent.find('/'));
  std::string manager;
  for (char c : agent)
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && manager.size() < 128) manager += c;
  return manager;
}

Result<api::Object> read_object(Call& call, const WriteOptions& options, const api::KindInfo& kind) {
  if (call.body_object) return call.body_object;
  auto encoding = input_encoding(call.request->headers.get("Content-Type"));
  if (!encoding) return fail(unsupported_body());
  std::vector<std::string> findings;
  TRY_ASSIGN(api::Object object, decode_body(call.request->body, *encoding, kind, options.field_validation, findings));
  call.warn(std::move(findings));
  return object;
}

Status prepare_new(Call& call, std::string_view namespace_, StrategyContext& context, api::Object& object, Begun& begun) {
  const Resource& resource = *call.resource;
  const Strategy& strategy = *resource.strategy;
  TRY(match_namespace(object.mut_meta(), resource.info->namespaced ? namespace_ : std::string_view()));
  TRY_ASSIGN(begun.rollback, strategy.begin_create(context, object));
  strategy.prepare_create(context, object);
  if (strategy.counts_generation()) object.mut_meta().generation = 1;
  api::FieldErrors errors;
  validate_meta(object.meta(), resource.info->namespaced, strategy, errors);
  strategy.validate(context, object, errors);
  if (!errors.empty()) return fail(api::invalid(resource.kind_name(), object.meta().name, errors));
  std::vector<std::string> warnings;
  strategy.warnings(context, object, warnings);
  call.warn(std::move(warnings));
  strategy.canonicalize(object);
  return {};
}

void answer_write(const CallPtr& call, int code, const WriteResult& result) {
  bool whole = &view_kind(*call) == call->resource->kind;
  if (result.entry && whole) return call->answer->stored(*call, code, result.entry);
  Result<api::Object> object = result.entry ? call->core.cache.stored(result.entry, *call->resource) : Result<api::Object>(result.object);
  if (object) object = to_view(*call, *object);
  if (!object) return call->fail(object.error());
  call->succeed(code, std::move(*object));
}

}  // namespace reigen::apiserver
