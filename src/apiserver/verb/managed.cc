#include "apiserver/verb/managed.h"

#include "api/defaults.h"
#include "api/errors.h"
#include "api/json.h"
#include "api/managed_fields.h"
#include "api/metav1.h"
#include "api/value.h"
#include "api/yaml.h"
#include "apiserver/conversion.h"
#include "apiserver/core.h"
#include "apiserver/verb/view.h"

namespace reigen::apiserver {
namespace {

api::FieldTracking tracking_of(Call& call) {
  api::FieldTracking tracking;
  tracking.kind = &view_kind(call);
  tracking.subresource = call.subresource ? call.subresource->subresource : std::string_view();
  tracking.reset = api::reset_fields(call.info.group, call.info.version, call.resource->plural(), tracking.subresource);
  tracking.now = api::Time(call.core.now());
  tracking.convert = [kind = tracking.kind](const api::Value& document, std::string_view api_version) -> Result<api::TypedDocument> {
    const api::KindInfo* to = api::find_kind(api_version, kind->kind);
    std::string_view from_version = document.text_at({"apiVersion"});
    const api::KindInfo* from = api::find_kind(from_version, kind->kind);
    if (!to || !from) return reigen::fail(Code::kNotFound, "no such version");
    if (to == from) return api::TypedDocument{document, to->type};
    TRY_ASSIGN(api::Object object, api::from_value(document, *from));
    TRY_ASSIGN(api::Object converted, convert(std::move(object), *to));
    return api::TypedDocument{api::to_value(converted), to->type};
  };
  return tracking;
}

}  // namespace

Status manage_update(Call& call, api::Object& object, const api::Object& live, const WriteOptions& options) {
  std::string manager = api::manager_of(options.field_manager, call.request->headers.get("User-Agent"));
  api::track_update(tracking_of(call), live ? &live : nullptr, object, manager);
  return {};
}

Result<api::Object> manage_apply(Call& call, const api::Object& live, std::string_view document, const WriteOptions& options) {
  api::YamlNotes notes;
  auto value = api::parse_yaml(document, {}, &notes);
  if (!value || !value->is_object())
    return reigen::fail(api::bad_request("error decoding YAML: " + (value ? std::string("not an object") : value.error().message())));
  TRY_ASSIGN(api::Applied applied,
             api::apply_configuration(tracking_of(call), live ? &live : nullptr, *value, options.field_manager, options.force.value_or(false)));
  if (!notes.duplicates.empty() && options.field_validation != FieldValidation::kIgnore) {
    std::string text = "error converting YAML to JSON: yaml: unmarshal errors:";
    for (const std::string& finding : notes.duplicates) text += "\n  " + finding;
    if (options.field_validation == FieldValidation::kStrict) return reigen::fail(api::bad_request("error strict decoding YAML: " + text));
    call.warn(text);
  }
  api::apply_defaults(applied.object);
  return std::move(applied.object);
}

}  // namespace reigen::apiserver
