#include "apiserver/strategy/core_strategies.h"

#include "api/corev1.h"
#include "api/metav1.h"
#include "api/object.h"
#include "api/validation.h"

namespace reigen::apiserver {
namespace {

using api::Object;
using namespace api::corev1;

class EventStrategy final : public Strategy {
 public:
  Duration time_to_live(const Object&) const override { return std::chrono::hours(1); }
  bool allow_create_on_update() const override { return true; }
  std::vector<std::string_view> fields() const override {
    return {"involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid", "involvedObject.apiVersion", "involvedObject.resourceVersion",
            "involvedObject.fieldPath", "reason", "reportingComponent", "source", "type"};
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

class LeaseStrategy final : public Strategy {
 public:
  bool allow_create_on_update() const override { return true; }
  bool allow_unconditional_update() const override { return false; }
};

class ReturningStrategy final : public Strategy {
 public:
  bool returns_deleted_object() const override { return true; }
};

template <class T>
const Strategy& instance() {
  static const T strategy;
  return strategy;
}

}  // namespace

const Strategy& event_strategy() { return instance<EventStrategy>(); }
const Strategy& lease_strategy() { return instance<LeaseStrategy>(); }
const Strategy& returning_strategy() { return instance<ReturningStrategy>(); }

}  // namespace reigen::apiserver
