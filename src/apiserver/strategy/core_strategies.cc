#include "apiserver/strategy/core_strategies.h"

#include "api/corev1.h"
#include "api/metav1.h"
#include "api/object.h"
#include "api/validation.h"

namespace reigen::apiserver {
namespace {

using api::Object;
using namespace api::corev1;

class PodStrategy final : public Strategy {
 public:
  void prepare_create(StrategyContext&, Object& object) const override {
    reset_status(object);
    Pod& pod = object.mut<Pod>();
    pod.status.phase = "Pending";
    pod.status.qos_class = qos_class(pod);
  }
  void prepare_update(StrategyContext& context, Object& object, const Object& old) const override {
    Strategy::prepare_update(context, object, old);
    if (context.part != Part::kStatus) return;
    Pod& pod = object.mut<Pod>();
    pod.metadata.owner_references = old.meta().owner_references;
    if (pod.status.qos_class.empty()) pod.status.qos_class = old.as<Pod>().status.qos_class;
  }
  // The field's old name holds the same, for old clients.
  void canonicalize(Object& object) const override {
    const Pod& pod = object.as<Pod>();
    if (pod.spec.service_account != pod.spec.service_account_name) object.mut<Pod>().spec.service_account = pod.spec.service_account_name;
  }
  std::optional<int64_t> grace_period(StrategyContext&, const Object& object, std::optional<int64_t> asked) const override {
    const Pod& pod = object.as<Pod>();
    int64_t period = asked.value_or(pod.spec.termination_grace_period_seconds.value_or(0));
    // A pod that never ran, or is done, goes at once.
    if (pod.spec.node_name.empty()) period = 0;
    if (pod.status.phase == "Failed" || pod.status.phase == "Succeeded") period = 0;
    return period < 0 ? 1 : period;
  }
  bool returns_deleted_object() const override { return true; }
  std::vector<std::string_view> fields() const override {
    return {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork", "status.phase", "status.podIP", "status.podIPs",
            "status.nominatedNodeName"};
  }
  std::string field_value(const Object& object, std::string_view field) const override {
    const Pod& pod = object.as<Pod>();
    if (field == "spec.nodeName") return pod.spec.node_name;
    if (field == "spec.restartPolicy") return pod.spec.restart_policy;
    if (field == "spec.schedulerName") return pod.spec.scheduler_name;
    if (field == "spec.serviceAccountName") return pod.spec.service_account_name;
    if (field == "spec.hostNetwork") return pod.spec.host_network ? "true" : "false";
    if (field == "status.phase") return pod.status.phase;
    if (field == "status.podIP" || field == "status.podIPs") return pod.status.pod_ips.empty() ? pod.status.pod_ip : pod.status.pod_ips[0].ip;
    return field == "status.nominatedNodeName" ? pod.status.nominated_node_name : std::string();
  }

 private:
  // Guaranteed where limits equal requests for CPU and memory everywhere, BestEffort where there are none.
  static std::string qos_class(const Pod& pod) {
    bool any = false, guaranteed = true;
    auto look = [&](const std::vector<Container>& containers) {
      for (const auto& container : containers) {
        const auto& resources = container.resources;
        for (std::string_view name : {"cpu", "memory"}) {
          const api::Quantity* request = resources.requests.get(name);
          const api::Quantity* limit = resources.limits.get(name);
          any = any || (request && !request->is_zero()) || (limit && !limit->is_zero());
          if (!limit || limit->is_zero() || (request && *request != *limit)) guaranteed = false;
        }
      }
    };
    look(pod.spec.containers);
    look(pod.spec.init_containers);
    return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
  }
};

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

class ReplicationControllerStrategy final : public Strategy {
 public:
  bool counts_generation() const override { return true; }
  std::vector<std::string_view> fields() const override { return {"status.replicas"}; }
  std::string field_value(const Object& object, std::string_view) const override { return std::to_string(object.as<ReplicationController>().status.replicas); }
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

const Strategy& pod_strategy() { return instance<PodStrategy>(); }
const Strategy& event_strategy() { return instance<EventStrategy>(); }
const Strategy& replication_controller_strategy() { return instance<ReplicationControllerStrategy>(); }
const Strategy& lease_strategy() { return instance<LeaseStrategy>(); }
const Strategy& returning_strategy() { return instance<ReturningStrategy>(); }

}  // namespace reigen::apiserver
