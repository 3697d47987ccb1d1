#include "controllers/endpoints/service_pods.h"

#include <algorithm>

namespace reigen::controllers {
namespace {

using api::corev1::Pod;

// 0 where no container has a port of that name and protocol.
int32_t named_port(const Pod& pod, const std::string& name, const std::string& protocol) {
  auto find = [&](const auto& containers) -> int32_t {
    for (const auto& container : containers) {
      for (const auto& port : container.ports) {
        if (port.name == name && port.protocol == protocol) return port.container_port;
      }
    }
    return 0;
  };
  if (int32_t number = find(pod.spec.containers)) return number;
  for (const auto& container : pod.spec.init_containers) {
    if (container.restart_policy.value_or("") != "Always") continue;
    for (const auto& port : container.ports) {
      if (port.name == name && port.protocol == protocol) return port.container_port;
    }
  }
  return 0;
}

std::vector<ResolvedPort> resolve_ports(const api::corev1::Service& service, const Pod& pod) {
  std::vector<ResolvedPort> ports;
  for (const auto& port : service.spec.ports) {
    int32_t number = port.target_port.is_string ? named_port(pod, port.target_port.text, port.protocol) : port.target_port.number;
    if (!port.target_port.is_string && number == 0) number = port.port;
    if (number > 0) ports.push_back({port.name, port.protocol, number, port.app_protocol});
  }
  return ports;
}

bool should_be_listed(const Pod& pod, bool with_terminating) {
  if (pod.status.pod_ip.empty()) return false;
  if (pod.status.phase == "Failed" || pod.status.phase == "Succeeded") return false;
  return with_terminating || !pod.metadata.deletion_timestamp;
}

}  // namespace

bool is_headless(const api::corev1::Service& service) { return service.spec.cluster_ip == "None"; }

std::vector<Backend> backends_of(const api::corev1::Service& service, const std::vector<PodPtr>& pods, bool with_terminating) {
  auto selector = api::LabelSelector::from_map(service.spec.selector);
  std::vector<Backend> backends;
  for (const auto& pod : pods) {
    if (!selector.matches(pod->metadata.labels) || !should_be_listed(*pod, with_terminating)) continue;
    Backend backend;
    backend.pod = pod;
    backend.ports = resolve_ports(service, *pod);
    if (backend.ports.empty() && !(service.spec.ports.empty() && is_headless(service))) continue;
    backend.serving = is_ready(*pod);
    backend.terminating = pod->metadata.deletion_timestamp.has_value();
    backend.ready = service.spec.publish_not_ready_addresses || (backend.serving && !backend.terminating);
    if (!pod->spec.hostname.empty() && pod->spec.subdomain == service.metadata.name) backend.hostname = pod->spec.hostname;
    backends.push_back(std::move(backend));
  }
  std::sort(backends.begin(), backends.end(), [](const Backend& a, const Backend& b) { return a.pod->metadata.name < b.pod->metadata.name; });
  return backends;
}

}  // namespace reigen::controllers
