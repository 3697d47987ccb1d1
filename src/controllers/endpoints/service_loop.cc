#include "controllers/endpoints/service_loop.h"

namespace reigen::controllers {
namespace {

// Only these parts of a pod show in endpoints.
bool matters(const api::corev1::Pod& a, const api::corev1::Pod& b) {
  return a.status.pod_ip != b.status.pod_ip || a.metadata.labels != b.metadata.labels || is_ready(a) != is_ready(b) ||
         a.metadata.deletion_timestamp.has_value() != b.metadata.deletion_timestamp.has_value() || a.status.phase != b.status.phase ||
         a.spec.node_name != b.spec.node_name || a.spec.hostname != b.spec.hostname || a.spec.subdomain != b.spec.subdomain;
}

}  // namespace

ServiceLoop::ServiceLoop(Context& context, std::string name, std::vector<client::ObjectInformer*> more_inputs)
    : services_(context.informers.of<api::corev1::Service>()),
      pods_(context.informers.of<api::corev1::Pod>()),
      loop_(context.executor, {.name = name, .workers = 4}, *this),
      name_(std::move(name)),
      more_inputs_(std::move(more_inputs)) {
  services_.on_change([this](const auto& old, const auto& now) { loop_.enqueue(client::key_of(api::Object::of(now ? now : old))); });
  pods_.on_change([this](const PodPtr& old, const PodPtr& now) { pod_changed(old, now); });
}

void ServiceLoop::start() {
  auto inputs = more_inputs_;
  inputs.push_back(&services_.untyped());
  inputs.push_back(&pods_.untyped());
  loop_.start(std::move(inputs));
}

void ServiceLoop::pod_changed(const PodPtr& old, const PodPtr& now) {
  if (old && now && !matters(*old, *now)) return;
  if (now) enqueue_services_of(*now);
  if (old && (!now || old->metadata.labels != now->metadata.labels)) enqueue_services_of(*old);
}

void ServiceLoop::enqueue_services_of(const api::corev1::Pod& pod) {
  for (const auto& service : services_.list(pod.metadata.namespace_)) {
    if (service->spec.selector.empty() || !api::LabelSelector::from_map(service->spec.selector).matches(pod.metadata.labels)) continue;
    loop_.enqueue(client::key_of(service->metadata.namespace_, service->metadata.name));
  }
}

}  // namespace reigen::controllers
