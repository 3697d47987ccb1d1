#include "apiserver/verb/view.h"

#include "api/appsv1.h"
#include "api/autoscalingv1.h"
#include "api/corev1.h"
#include "api/errors.h"
#include "api/label_selector.h"
#include "api/managed_fields.h"
#include "api/metav1.h"
#include "api/validation.h"
#include "apiserver/codec.h"
#include "apiserver/conversion.h"
#include "apiserver/metadata.h"
#include "apiserver/registry.h"
#include "apiserver/strategy.h"

namespace reigen::apiserver {
namespace {

using api::Object;
using api::autoscalingv1::Scale;

bool is_scale(const Call& call) { return call.subresource && call.subresource->subresource == "scale"; }

Scale scale_of(const api::metav1::ObjectMeta& meta, int32_t wanted, int32_t actual, std::string selector) {
  Scale scale;
  scale.metadata.name = meta.name;
  scale.metadata.namespace_ = meta.namespace_;
  scale.metadata.uid = meta.uid;
  scale.metadata.resource_version = meta.resource_version;
  scale.metadata.creation_timestamp = meta.creation_timestamp;
  scale.spec.replicas = wanted;
  scale.status.replicas = actual;
  scale.status.selector = std::move(selector);
  return scale;
}

template <class T>
Scale scale_of(const T& object) {
  std::string text;
  if (object.spec.selector)
    if (auto selector = api::LabelSelector::from(*object.spec.selector)) text = selector->to_string();
  return scale_of(object.metadata, object.spec.replicas.value_or(1), object.status.replicas, std::move(text));
}

Result<Scale> scale_of(const Object& object) {
  if (auto* set = object.try_as<api::appsv1::ReplicaSet>()) return scale_of(*set);
  if (auto* deployment = object.try_as<api::appsv1::Deployment>()) return scale_of(*deployment);
  if (auto* set = object.try_as<api::appsv1::StatefulSet>()) return scale_of(*set);
  if (auto* controller = object.try_as<api::corev1::ReplicationController>())
    return scale_of(controller->metadata, controller->spec.replicas.value_or(1), controller->status.replicas,
                    api::LabelSelector::from_map(controller->spec.selector).to_string());
  return reigen::fail(Code::kUnimplemented, std::string(object.kind().kind) + " has no scale");
}

void set_replicas(Object& object, int32_t replicas) {
  if (object.is<api::appsv1::ReplicaSet>()) object.mut<api::appsv1::ReplicaSet>().spec.replicas = replicas;
  else if (object.is<api::appsv1::Deployment>()) object.mut<api::appsv1::Deployment>().spec.replicas = replicas;
  else if (object.is<api::appsv1::StatefulSet>()) object.mut<api::appsv1::StatefulSet>().spec.replicas = replicas;
  else object.mut<api::corev1::ReplicationController>().spec.replicas = replicas;
}

api::Path replicas_path() { return {api::PathElement::field("spec"), api::PathElement::field("replicas")}; }

Status validate_scale(const Scale& scale, const std::string& name) {
  static const Strategy kPlain;  // whose names are subdomains
  api::FieldErrors errors;
  validate_meta(scale.metadata, true, kPlain, errors);
  api::FieldPath spec("spec");
  if (scale.spec.replicas < 0) errors.push_back(api::FieldError::invalid(spec.child("replicas"), scale.spec.replicas, std::string(api::kMustBeNonNegative)));
  if (errors.empty()) return {};
  return reigen::fail(api::invalid({"autoscaling", "Scale"}, name, errors));
}

}  // namespace

const api::KindInfo& view_kind(const Call& call) { return is_scale(call) ? *call.subresource->kind : *call.resource->kind; }

Result<Object> to_view(const Call& call, const Object& current) {
  if (!is_scale(call)) return convert(current, *call.resource->kind);
  TRY_ASSIGN(Scale scale, scale_of(current));
  return Object::of(std::move(scale));
}

Result<Object> to_written_view(const Call& call, const Object& current) {
  TRY_ASSIGN(Object view, to_view(call, current));
  if (is_scale(call)) view.mut_meta().managed_fields = api::managed_fields_of_scale(current.meta().managed_fields, current.kind().api_version, replicas_path());
  return view;
}

Result<Object> from_view(const Call& call, const Object& current, Object view) {
  if (!is_scale(call)) return convert(std::move(view), *call.resource->stored);
  if (!current) return reigen::fail(api::not_found({call.resource->group(), std::string(call.resource->plural()) + "/scale"}, call.name()));
  const auto& scale = view.as<Scale>();
  TRY(validate_scale(scale, current.meta().name));
  const std::string& uid = current.meta().uid;
  if (!scale.metadata.uid.empty() && scale.metadata.uid != uid)
    return reigen::fail(api::conflict({call.resource->group(), std::string(call.resource->plural()) + "/scale"}, current.meta().name,
                                      "Precondition failed: UID in precondition: " + scale.metadata.uid + ", UID in object meta: " + uid));
  Object object = current;
  auto owners = api::managed_fields_from_scale(current.meta().managed_fields, scale.metadata.managed_fields, current.kind().api_version, replicas_path());
  object.mut_meta().managed_fields = std::move(owners);
  object.mut_meta().resource_version = scale.metadata.resource_version;
  set_replicas(object, scale.spec.replicas);
  return object;
}

}  // namespace reigen::apiserver
