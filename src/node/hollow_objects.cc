#include "node/hollow_objects.h"

#include <fmt/core.h>

#include "api/metav1.h"
#include "node/pod_status.h"

namespace reigen::node {
namespace {

using namespace api::corev1;

constexpr int32_t kLeaseSeconds = 40;

void add_condition(NodeStatus& status, const char* type, bool value, const char* reason, const char* message, api::Time now) {
  auto& condition = status.conditions.emplace_back();
  condition.type = type;
  condition.status = value ? "True" : "False";
  condition.reason = reason;
  condition.message = message;
  condition.last_heartbeat_time = condition.last_transition_time = now;
}

ContainerView view_of(const Pod& pod, const Container& container, bool runs, api::Time now) {
  ContainerView view;
  ContainerRun run;
  run.state = runs ? ContainerRun::State::kRunning : ContainerRun::State::kExited;
  run.id = "hollow://" + pod.metadata.uid + "-" + container.name;
  run.image = container.image;
  run.image_id = "hollow://" + container.image;
  run.started_at = now;
  if (!runs) {
    run.finished_at = now;
    run.reason = "Completed";
  }
  view.run = std::move(run);
  view.probed_ready = view.probed_started = true;
  return view;
}

}  // namespace

std::string hollow_name(const HollowOptions& options, size_t index) { return options.prefix + std::to_string(index); }

std::string hollow_cidr(size_t index) { return fmt::format("100.{}.{}.0/24", 64 + index / 256, index % 256); }

std::string hollow_address(size_t index) { return fmt::format("100.{}.{}.1", 64 + index / 256, index % 256); }

Node hollow_node(const HollowOptions& options, size_t index, api::Time now) {
  Node node;
  node.metadata.name = hollow_name(options, index);
  auto& labels = node.metadata.labels;
  for (const char* prefix : {"", "beta."}) {
    labels[std::string(prefix) + "kubernetes.io/arch"] = "amd64";
    labels[std::string(prefix) + "kubernetes.io/os"] = "linux";
  }
  labels["kubernetes.io/hostname"] = node.metadata.name;
  for (const auto& [key, value] : options.labels) labels[key] = value;
  node.spec.pod_cidr = hollow_cidr(index);
  node.spec.pod_cidrs = {node.spec.pod_cidr};
  auto& status = node.status;
  status.capacity["cpu"] = api::Quantity::from_int(options.cpu);
  status.capacity["memory"] = api::Quantity::from_int(options.memory, api::Quantity::Format::kBinarySi);
  status.capacity["ephemeral-storage"] = api::Quantity::of("100Gi");
  status.capacity["pods"] = api::Quantity::from_int(options.max_pods);
  status.allocatable = status.capacity;
  add_condition(status, "MemoryPressure", false, "KubeletHasSufficientMemory", "kubelet has sufficient memory available", now);
  add_condition(status, "DiskPressure", false, "KubeletHasNoDiskPressure", "kubelet has no disk pressure", now);
  add_condition(status, "PIDPressure", false, "KubeletHasSufficientPID", "kubelet has sufficient PID available", now);
  add_condition(status, "Ready", true, "KubeletReady", "kubelet is posting ready status", now);
  auto& address = status.addresses.emplace_back();
  address.type = "InternalIP";
  address.address = hollow_address(index);
  auto& host_name = status.addresses.emplace_back();
  host_name.type = "Hostname";
  host_name.address = node.metadata.name;
  auto& info = status.node_info;
  info.kubelet_version = info.kube_proxy_version = options.version;
  info.container_runtime_version = "hollow://1.0";
  info.operating_system = "linux";
  info.architecture = "amd64";
  info.os_image = "hollow";
  return node;
}

api::coordinationv1::Lease hollow_lease(const std::string& node, const HollowOptions&, WallTime now) {
  api::coordinationv1::Lease lease;
  lease.metadata.name = node;
  lease.metadata.namespace_ = "kube-node-lease";
  lease.spec.holder_identity = node;
  lease.spec.lease_duration_seconds = kLeaseSeconds;
  lease.spec.renew_time = api::MicroTime(now);
  return lease;
}

PodStatus hollow_pod_status(const Pod& pod, const std::string& host_ip, const std::string& pod_ip, api::Time now) {
  PodView view;
  view.sandbox_ready = true;
  view.pod_ips = {pod.spec.host_network ? host_ip : pod_ip};
  view.host_ips = {host_ip};
  view.start_time = now;
  for (const auto& container : pod.spec.init_containers) view.containers[container.name] = view_of(pod, container, is_sidecar(container), now);
  for (const auto& container : pod.spec.containers) view.containers[container.name] = view_of(pod, container, true, now);
  return compute_pod_status(pod, view, now);
}

}  // namespace reigen::node
