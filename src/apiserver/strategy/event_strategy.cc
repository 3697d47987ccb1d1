// Event of both groups: rules of pkg/apis/core/validation/events.go.

#include "api/corev1.h"
#include "api/metav1.h"
#include "api/object.h"
#include "apiserver/metadata.h"
#include "apiserver/strategy/core_strategies.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/validation/checks.h"

namespace reigen::apiserver {
namespace {

using api::BadValue;
using api::FieldError;
using api::FieldErrors;
using api::FieldPath;
using api::Object;
using api::corev1::Event;

constexpr size_t kMaxShort = 128, kMaxNote = 1024;

bool is_zero(const api::MicroTime& time) { return time.micros == api::MicroTime::kZero; }

void check_text(FieldErrors& errors, const char* field, const std::string& text) {
  if (text.empty()) errors.push_back(FieldError::required(FieldPath(field)));
  if (text.size() > kMaxShort) errors.push_back(FieldError::invalid(FieldPath(field), "", "can have at most 128 characters"));
}

// What both groups ask for.
void check_event(FieldErrors& errors, const Event& event, bool core_group) {
  FieldPath involved("involvedObject");
  const std::string& ns = event.metadata.namespace_;
  const std::string& about = event.involved_object.namespace_;
  bool old_kind = is_zero(event.event_time);
  bool cluster_wide = ns.empty() || ns == "default" || (!old_kind && ns == "kube-system");
  if (about.empty() ? !cluster_wide : old_kind && about != ns)
    errors.push_back(FieldError::invalid(involved.child("namespace"), about, "does not match event.namespace"));
  if (!old_kind) {
    FieldPath controller(core_group ? "reportingComponent" : "reportingController");
    if (event.reporting_component.empty()) errors.push_back(FieldError::required(controller));
    check_qualified_name(errors, controller, event.reporting_component);
    check_text(errors, "reportingInstance", event.reporting_instance);
    check_text(errors, "action", event.action);
    check_text(errors, "reason", event.reason);
    if (event.message.size() > kMaxNote) errors.push_back(FieldError::invalid(FieldPath("message"), "", "can have at most 1024 characters"));
  }
  check_subdomain(errors, FieldPath("namespace"), ns);
}

void check_series(FieldErrors& errors, const Event& event) {
  if (!event.series) return;
  if (event.series->count < 2) errors.push_back(FieldError::invalid(FieldPath("series.count"), "", "should be at least 2"));
  if (is_zero(event.series->last_observed_time)) errors.push_back(FieldError::required(FieldPath("series.lastObservedTime")));
}

std::string shown(const api::Time& time) { return time.is_zero() ? "null" : "\"" + time.to_string() + "\""; }

class EventStrategy final : public Strategy {
 public:
  void validate(StrategyContext& context, const Object& object, FieldErrors& errors) const override {
    const Event& event = object.as<Event>();
    bool core_group = context.group.empty();
    check_event(errors, event, core_group);
    if (core_group) return;
    FieldPath metadata("metadata");
    check_subdomain(errors, metadata.child("name"), event.metadata.name);
    check_series(errors, event);
    if (is_zero(event.event_time)) errors.push_back(FieldError::required(FieldPath("eventTime")));
    if (event.type != "Normal" && event.type != "Warning") errors.push_back(FieldError::invalid(FieldPath("type"), "", "has invalid value: " + event.type));
    auto unset = [&](bool set, const char* field) {
      if (set) errors.push_back(FieldError::invalid(FieldPath(field), "", "needs to be unset"));
    };
    unset(!event.first_timestamp.is_zero(), "firstTimestamp");
    unset(!event.last_timestamp.is_zero(), "lastTimestamp");
    unset(event.count != 0, "count");
    unset(!event.source.component.empty() || !event.source.host.empty(), "source");
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& before, FieldErrors& errors) const override {
    const Event& event = object.as<Event>();
    const Event& old = before.as<Event>();
    bool core_group = context.group.empty();
    check_event(errors, event, core_group);
    if (core_group) return;
    validate_meta_update(object.meta(), before.meta(), errors);
    if (event.series != old.series) check_series(errors, event);
    check_immutable(errors, FieldPath("involvedObject"), event.involved_object, old.involved_object, BadValue::raw("core.ObjectReference"));
    check_immutable(errors, FieldPath("reason"), event.reason, old.reason);
    check_immutable(errors, FieldPath("message"), event.message, old.message);
    check_immutable(errors, FieldPath("source"), event.source, old.source, BadValue::raw("core.EventSource"));
    check_immutable(errors, FieldPath("firstTimestamp"), event.first_timestamp, old.first_timestamp, BadValue::raw(shown(event.first_timestamp)));
    check_immutable(errors, FieldPath("lastTimestamp"), event.last_timestamp, old.last_timestamp, BadValue::raw(shown(event.last_timestamp)));
    check_immutable(errors, FieldPath("count"), event.count, old.count);
    check_immutable(errors, FieldPath("reason"), event.reason, old.reason);
    check_immutable(errors, FieldPath("type"), event.type, old.type);
    check_immutable(errors, FieldPath("eventTime"), event.event_time, old.event_time, BadValue::raw("v1.MicroTime"));
    check_immutable(errors, FieldPath("action"), event.action, old.action);
    check_immutable(errors, FieldPath("related"), event.related, old.related, BadValue::raw("core.ObjectReference"));
    check_immutable(errors, FieldPath("reportingController"), event.reporting_component, old.reporting_component);
    check_immutable(errors, FieldPath("reportingInstance"), event.reporting_instance, old.reporting_instance);
  }
  bool repeats_metadata_errors() const override { return false; }
  // The core group takes any; events.k8s.io's stricter rule is in validate().
  std::vector<std::string> check_name(std::string_view name, bool prefix) const override { return api::is_path_segment_name(name, prefix); }
  Duration time_to_live(const Object&) const override { return std::chrono::hours(1); }
  bool allow_create_on_update() const override { return true; }
  std::vector<std::string_view> fields() const override {
    return {"involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type"};
  }
  std::string field_value(const Object& object, std::string_view field) const override {
    const Event& event = object.as<Event>();
    const auto& target = event.involved_object;
    if (field == "involvedObject.kind") return target.kind;
    if (field == "involvedObject.namespace") return target.namespace_;
    if (field == "involvedObject.name") return target.name;
    if (field == "involvedObject.uid") return target.uid;
    if (field == "involvedObject.apiVersion") return target.api_version;
    if (field == "involvedObject.resourceVersion") return target.resource_version;
    if (field == "involvedObject.fieldPath") return target.field_path;
    if (field == "reason") return event.reason;
    if (field == "reportingComponent") return event.reporting_component;
    if (field == "source") return event.source.component.empty() ? event.reporting_component : event.source.component;
    return field == "type" ? event.type : std::string();
  }
};

}  // namespace

const Strategy& event_strategy() { return instance<EventStrategy>(); }

}  // namespace reigen::apiserver
