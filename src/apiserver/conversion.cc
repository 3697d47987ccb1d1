#include "apiserver/conversion.h"

#include "api/corev1.h"
#include "api/eventsv1.h"
#include "apiserver/autoscaler_conversion.h"

namespace reigen::apiserver {
namespace {

using api::Object;
using HpaV1 = api::autoscalingv1::HorizontalPodAutoscaler;
using HpaV2 = api::autoscalingv2::HorizontalPodAutoscaler;

Object event_to_events(const Object& from) {
  const auto& in = from.as<api::corev1::Event>();
  api::eventsv1::Event out;
  out.metadata = in.metadata;
  out.event_time = in.event_time;
  if (in.series) {
    auto& series = out.series.ensure();
    series.count = in.series->count;
    series.last_observed_time = in.series->last_observed_time;
  }
  out.reporting_controller = in.reporting_component;
  out.reporting_instance = in.reporting_instance;
  out.action = in.action;
  out.reason = in.reason;
  out.regarding = in.involved_object;
  out.related = in.related;
  out.note = in.message;
  out.type = in.type;
  out.deprecated_source = in.source;
  out.deprecated_first_timestamp = in.first_timestamp;
  out.deprecated_last_timestamp = in.last_timestamp;
  out.deprecated_count = in.count;
  return Object::of(std::move(out));
}

Object events_to_event(const Object& from) {
  const auto& in = from.as<api::eventsv1::Event>();
  api::corev1::Event out;
  out.metadata = in.metadata;
  out.event_time = in.event_time;
  if (in.series) {
    auto& series = out.series.ensure();
    series.count = in.series->count;
    series.last_observed_time = in.series->last_observed_time;
  }
  out.reporting_component = in.reporting_controller;
  out.reporting_instance = in.reporting_instance;
  out.action = in.action;
  out.reason = in.reason;
  out.involved_object = in.regarding;
  out.related = in.related;
  out.message = in.note;
  out.type = in.type;
  out.source = in.deprecated_source;
  out.first_timestamp = in.deprecated_first_timestamp;
  out.last_timestamp = in.deprecated_last_timestamp;
  out.count = in.deprecated_count;
  return Object::of(std::move(out));
}

}  // namespace

Result<Object> convert(Object object, const api::KindInfo& to) {
  if (&object.kind() == &to) return object;
  if (object.is<api::corev1::Event>() && &to == &api::kind_of<api::eventsv1::Event>()) return event_to_events(object);
  if (object.is<api::eventsv1::Event>() && &to == &api::kind_of<api::corev1::Event>()) return events_to_event(object);
  if (object.is<HpaV1>() && &to == &api::kind_of<HpaV2>()) return Object::of(autoscaler_to_v2(object.as<HpaV1>()));
  if (object.is<HpaV2>() && &to == &api::kind_of<HpaV1>()) return Object::of(autoscaler_to_v1(object.as<HpaV2>()));
  return fail(Code::kUnimplemented,
              "no conversion from " + std::string(object.kind().api_version) + " " + std::string(object.kind().kind) + " to " + std::string(to.api_version));
}

}  // namespace reigen::apiserver
