// Patch and server-side apply: rules of apiserver's handlers/patch.go.

#include "api/defaults.h"
#include "api/errors.h"
#include "api/json.h"
#include "api/json_patch.h"
#include "api/merge_patch.h"
#include "api/metav1.h"
#include "api/strategic_patch.h"
#include "api/value.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "apiserver/metadata.h"
#include "apiserver/verb/managed.h"
#include "apiserver/verb/verbs.h"
#include "apiserver/verb/view.h"
#include "apiserver/verb/write.h"

namespace reigen::apiserver {
namespace {

enum class PatchKind : unsigned char { kJson, kMerge, kStrategic, kApply };

Error wrong_type() {
  api::ApiStatus status;
  status.code = 415;
  status.reason = "UnsupportedMediaType";
  status.message = "415: Unsupported Media Type";
  status.has_details = true;
  return api::to_error(std::move(status));
}

std::optional<PatchKind> patch_kind(std::string_view content_type) {
  size_t semicolon = content_type.find(';');
  std::string_view type = semicolon == 0 ? content_type : content_type.substr(0, semicolon);
  if (type == "application/json-patch+json") return PatchKind::kJson;
  if (type == "application/merge-patch+json") return PatchKind::kMerge;
  if (type == "application/strategic-merge-patch+json") return PatchKind::kStrategic;
  if (type == "application/apply-patch+yaml") return PatchKind::kApply;
  return std::nullopt;
}

struct PatchRun {
  PatchKind kind = PatchKind::kMerge;
  WriteOptions options;
  api::Value patch;  // parsed once
  std::vector<std::string> findings;
};

Fail patch_invalid(const api::BadValue& shown, std::string_view why) {
  api::FieldErrors errors;
  errors.push_back(api::FieldError::invalid(api::FieldPath("patch"), shown, std::string(why)));
  return reigen::fail(api::invalid({"", ""}, "", errors));
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

// fmt's %v of a decoded patch, as the message of a strategic patch shows it.
std::string go_text(const api::Value& value) {
  if (value.is_object()) {
    std::vector<std::pair<std::string, std::string>> members;
    for (const auto& member : value.members()) members.emplace_back(member.key(), go_text(member.value));
    std::sort(members.begin(), members.end());
    std::string out;
    for (const auto& [key, text] : members) out += (out.empty() ? "" : " ") + key + ":" + text;
    return "map[" + out + "]";
  }
  if (value.is_array()) {
    std::string out;
    for (const auto& item : value.items()) out += (out.empty() ? "" : " ") + go_text(item);
    return "[" + out + "]";
  }
  if (value.is_string()) return std::string(value.text());
  return value.is_null() ? "<nil>" : api::to_json(value);
}

Status parse_patch(Call& call, PatchRun& run) {
  std::vector<std::string>* findings = run.options.field_validation == FieldValidation::kIgnore ? nullptr : &run.findings;
  const std::string& body = call.request->body;
  Result<api::Value> patch = run.kind == PatchKind::kJson    ? api::parse_json_patch(body, findings)
                             : run.kind == PatchKind::kMerge ? api::parse_merge_patch(body, findings)
                                                             : api::parse_strategic_patch(body, findings);
  if (!patch) return reigen::fail(std::move(patch).error());
  run.patch = std::move(*patch);
  return {};
}

// The patched object of the served version.
Result<api::Object> patched(Call& call, const PatchRun& run, const api::Object& live) {
  api::Value document = api::to_value(live);
  if (run.kind == PatchKind::kJson) {
    TRY(api::apply_json_patch(document, run.patch));
  } else if (run.kind == PatchKind::kMerge) {
    api::apply_merge_patch(document, run.patch);
  } else {
    TRY(api::apply_strategic_patch(document, run.patch, live.type()));
  }
  auto shown = [&] { return api::BadValue(run.kind == PatchKind::kStrategic ? go_text(run.patch) : api::to_json(document)); };
  // A strategic patch goes by the type of the live object alone.
  if (run.kind != PatchKind::kStrategic)
    if (std::string why = kind_mismatch(document.text_at({"apiVersion"}), document.text_at({"kind"}), live.kind()); !why.empty())
      return patch_invalid(shown(), why);
  api::DecodeNotes notes;
  auto object = api::from_value(document, live.kind(), &notes);
  if (!object) return patch_invalid(shown(), object.error().message());
  std::vector<std::string> findings = run.findings;
  findings.insert(findings.end(), notes.strict.begin(), notes.strict.end());
  if (!findings.empty() && run.options.field_validation == FieldValidation::kStrict)
    return patch_invalid(shown(), "strict decoding error: " + joined(findings));
  if (run.options.field_validation == FieldValidation::kWarn) call.warn(std::move(findings));
  api::apply_defaults(*object);
  return object;
}

Result<api::Object> apply_once(Call& call, const PatchRun& run, const api::Object& live) {
  if (run.kind == PatchKind::kApply) return manage_apply(call, live, call.request->body, run.options);
  if (!live) return reigen::fail(api::not_found(call.resource->name(), call.name()));
  TRY_ASSIGN(api::Object object, patched(call, run, live));
  TRY(manage_update(call, object, live, run.options));
  return object;
}

Status check_identity(Call& call, api::Object& object, bool exists) {
  const Resource& resource = *call.resource;
  const std::string& uid = object.meta().uid;
  if (!uid.empty() && !exists)
    return reigen::fail(
        api::conflict(resource.name(), call.name(), "uid mismatch: the provided object specified uid " + uid + ", and no existing object was found"));
  TRY(match_namespace(object.mut_meta(), resource.info->namespaced ? call.ns() : std::string_view()));
  const std::string& name = object.meta().name;
  if (name == call.name()) return {};
  if (name.empty())
    return reigen::fail(api::bad_request("the name of the object (" + std::string(call.name()) + " based on URL) was undeterminable: name must be provided"));
  return reigen::fail(api::bad_request("the name of the object (" + name + ") does not match the name on the URL (" + std::string(call.name()) + ")"));
}

Result<api::Object> make_object(const CallPtr& call, const PatchRun& run, const api::Object& current) {
  api::Object live;
  if (current) {
    TRY_ASSIGN(live, to_written_view(*call, current));
  }
  TRY_ASSIGN(api::Object object, apply_once(*call, run, live));
  TRY(check_identity(*call, object, static_cast<bool>(current)));
  TRY_ASSIGN(api::Object stored, from_view(*call, current, std::move(object)));
  AdmissionRequest request =
      admission_request(*call, current ? Operation::kUpdate : Operation::kCreate, run.options.dry_run, &stored, current ? &current : nullptr);
  TRY(admit(*call, request));
  std::string duplicates;
  if (dedup_owner_references(stored.mut_meta(), duplicates)) call->warn(duplicates);
  return stored;
}

}  // namespace

void do_patch(const CallPtr& call) {
  auto kind = patch_kind(call->request->headers.get("Content-Type"));
  if (!kind) return call->fail(wrong_type());
  auto run = std::make_shared<PatchRun>();
  run->kind = *kind;
  auto options = parse_write_options(call->request->query, *kind == PatchKind::kApply ? WriteVerb::kApply : WriteVerb::kPatch);
  if (!options) return call->fail(options.error());
  run->options = std::move(*options);
  if (*kind != PatchKind::kApply)
    if (auto status = parse_patch(*call, *run); !status) return call->fail(status.error());
  if (!call->resource->warning.empty() && !call->subresource) call->warn(std::string(call->resource->warning));
  UpdatePlan plan;
  plan.namespace_ = call->ns();
  plan.name = call->name();
  plan.part = part_of(call->info.subresource);
  plan.dry_run = run->options.dry_run;
  plan.allow_create = *kind == PatchKind::kApply;
  plan.make = [call, run](const api::Object& current) { return make_object(call, *run, current); };
  plan.done = [call](Result<WriteResult> result) {
    if (!result) return call->fail(result.error());
    answer_write(call, result->created ? 201 : 200, *result);
  };
  run_update(call, std::move(plan));
}

}  // namespace reigen::apiserver
