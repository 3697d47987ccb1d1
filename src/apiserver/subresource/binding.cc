// bindings and pods/binding: the scheduler's decision. Rules of pkg/registry/core/pod/storage BindingREST.

#include "api/corev1.h"
#include "api/errors.h"
#include "api/metav1.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "apiserver/verb/verbs.h"
#include "apiserver/verb/write.h"

namespace reigen::apiserver {
namespace {

using api::corev1::Binding;
using api::corev1::Pod;

Status check(const Binding& binding) {
  api::FieldErrors errors;
  api::FieldPath target("target");
  const std::string& kind = binding.target.kind;
  if (!kind.empty() && kind != "Node") errors.push_back(api::FieldError::not_supported(target.child("kind"), kind, {"Node", "<empty>"}));
  if (binding.target.name.empty()) errors.push_back(api::FieldError::required(target.child("name")));
  if (errors.empty()) return {};
  // Kubernetes answers these as an unknown error.
  api::ApiStatus status;
  status.message = api::aggregate_message(errors);
  return reigen::fail(api::to_error(std::move(status)));
}

void set_scheduled(Pod& pod, WallTime now) {
  for (auto& condition : pod.status.conditions) {
    if (condition.type != "PodScheduled") continue;
    if (condition.status != "True") condition.last_transition_time = api::Time(now);
    condition.status = "True";
    condition.reason.clear();
    condition.message.clear();
    return;
  }
  auto& condition = pod.status.conditions.emplace_back();
  condition.type = "PodScheduled";
  condition.status = "True";
  condition.last_transition_time = api::Time(now);
}

Result<api::Object> bind_pod(Call& call, const Binding& binding, const std::string& name, const api::Object& current) {
  auto refuse = [&](std::string why) { return reigen::fail(api::conflict({"", "pods/binding"}, name, why)); };
  const Pod& old = current.as<Pod>();
  const std::string& version = binding.metadata.resource_version;
  if (!version.empty() && version != old.metadata.resource_version) return refuse(std::string(api::kModified));
  if (old.metadata.deletion_timestamp) return refuse("pod " + name + " is being deleted, cannot be assigned to a host");
  if (!old.spec.node_name.empty()) return refuse("pod " + name + " is already assigned to node \"" + old.spec.node_name + "\"");
  if (!old.spec.scheduling_gates.empty()) return refuse("pod " + name + " has non-empty .spec.schedulingGates");
  api::Object object = current;
  Pod& pod = object.mut<Pod>();
  pod.spec.node_name = binding.target.name;
  for (const auto& [key, value] : binding.metadata.annotations) pod.metadata.annotations[key] = value;
  for (const auto& [key, value] : binding.metadata.labels) pod.metadata.labels[key] = value;
  set_scheduled(pod, call.core.now());
  return object;
}

Result<Binding> read_binding(Call& call, const WriteOptions& options) {
  TRY_ASSIGN(api::Object object, read_object(call, options, api::kind_of<Binding>()));
  return object.as<Binding>();
}

}  // namespace

void do_binding(const CallPtr& call) {
  auto options = parse_write_options(call->request->query, WriteVerb::kCreate);
  if (!options) return call->fail(options.error());
  auto binding = read_binding(*call, *options);
  if (!binding) return call->fail(binding.error());
  std::string name(call->info.name_in_path.empty() ? std::string_view(binding->metadata.name) : call->info.name_in_path);
  if (!call->info.name_in_path.empty() && !binding->metadata.name.empty() && binding->metadata.name != name)
    return call->fail(api::bad_request("name in URL does not match name in Binding object"));
  if (auto status = check(*binding); !status) return call->fail(status.error());
  const Resource* pods = call->core.registry.find("", "v1", "pods");
  api::Object object = api::Object::of(*binding);
  AdmissionRequest request = admission_request(*call, Operation::kCreate, options->dry_run, &object, nullptr);
  request.name = name;
  if (auto status = admit(*call, request); !status) return call->fail(status.error());
  call->resource = pods;
  UpdatePlan plan;
  plan.namespace_ = call->ns();
  plan.name = name;
  plan.part = Part::kBinding;
  plan.dry_run = options->dry_run;
  if (!binding->metadata.uid.empty()) plan.uid = binding->metadata.uid;
  plan.make = [call, binding = std::move(*binding), name](const api::Object& current) { return bind_pod(*call, binding, name, current); };
  plan.done = [call](Result<WriteResult> result) {
    if (!result) return call->fail(result.error());
    api::metav1::Status status;
    status.status = "Success";
    status.code = 201;
    call->succeed(201, api::Object::of(std::move(status)));
  };
  run_update(call, std::move(plan));
}

}  // namespace reigen::apiserver
