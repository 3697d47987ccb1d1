#include "apiserver/verb/view.h"

#include "api/appsv1.h"
#include "api/autoscalingv1.h"
#include "api/corev1.h"
#include "api/errors.h"
#include "api/label_selector.h"
#include "api/metav1.h"
#include "apiserver/codec.h"
#include "apiserver/registry.h"

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

}  // namespace

const api::KindInfo& view_kind(const Call& call) { return is_scale(call) ? *call.subresource->kind : *call.resource->kind; }

Result<Object> to_view(const Call& call, const Object& current) {
  if (!is_scale(call)) return convert(current, *call.resource->kind);
  TRY_ASSIGN(Scale scale, scale_of(current));
  return Object::of(std::move(scale));
}

Result<Object> from_view(const Call& call, const Object& current, Object view) {
  if (!is_scale(call)) return convert(std::move(view), *call.resource->stored);
  if (!current) return reigen::fail(api::not_found(call.resource->name(), call.name()));
  const auto& scale = view.as<Scale>();
  if (scale.spec.replicas < 0) {
    api::FieldErrors errors;
    api::FieldPath spec("spec");
    errors.push_back(api::FieldError::invalid(spec.child("replicas"), scale.spec.replicas, "must be greater than or equal to 0"));
    return reigen::fail(api::invalid({"autoscaling", "Scale"}, scale.metadata.name, errors));
  }
  Object object = current;
  object.mut_meta().resource_version = scale.metadata.resource_version;
  set_replicas(object, scale.spec.replicas);
  return object;
}

}  // namespace reigen::apiserver
