// componentstatuses: deprecated, but kubectl still shows it. All parts live in this process.

#include "api/corev1.h"
#include "api/errors.h"
#include "api/json.h"
#include "api/metav1.h"
#include "apiserver/core.h"
#include "apiserver/verb/verbs.h"

namespace reigen::apiserver {
namespace {

constexpr std::string_view kNames[] = {"controller-manager", "etcd-0", "scheduler"};

api::corev1::ComponentStatus status_of(Call& call, std::string_view name) {
  api::corev1::ComponentStatus status;
  status.metadata.name = name;
  auto& condition = status.conditions.emplace_back();
  condition.type = "Healthy";
  Status health = call.core.store.health();
  bool good = name != "etcd-0" || health;
  condition.status = good ? "True" : "False";
  condition.message = good ? "ok" : health.error().message();
  return status;
}

}  // namespace

void do_component_status(const CallPtr& call) {
  call->warn("v1 ComponentStatus is deprecated in v1.19+");
  if (call->info.verb == "get") {
    for (std::string_view name : kNames)
      if (name == call->name()) return call->succeed(200, api::Object::of(status_of(*call, name)));
    return call->fail(api::not_found(call->resource->name(), call->name()));
  }
  std::vector<api::Object> items;
  for (std::string_view name : kNames) items.push_back(api::Object::of(status_of(*call, name)));
  call->answer->objects(*call, std::move(items));
}

}  // namespace reigen::apiserver
