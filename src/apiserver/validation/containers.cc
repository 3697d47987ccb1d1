// Containers of all three sorts, their ports and mounts.

#include "api/validation.h"
#include "apiserver/validation/pod_parts.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

constexpr std::string_view kEphemeralForbidden = "cannot be set for an Ephemeral Container";

void validate_ports(const std::vector<ContainerPort>& ports, const FieldPath& path, FieldErrors& errors) {
  NameSet names;
  for (size_t i = 0; i < ports.size(); ++i) {
    const ContainerPort& port = ports[i];
    FieldPath at = path.index(i);
    if (!port.name.empty()) {
      auto messages = api::is_port_name(port.name);
      api::add_invalid(errors, at.child("name"), port.name, messages);
      if (messages.empty() && !names.insert(port.name).second) report_duplicate(errors, at.child("name"), port.name);
    }
    auto check_number = [&](int32_t number, std::string_view field) {
      for (const std::string& message : api::is_port_number(number)) reject(errors, at.child(field), number, message);
    };
    if (port.container_port == 0) require(errors, at.child("containerPort"));
    else check_number(port.container_port, "containerPort");
    if (port.host_port != 0) check_number(port.host_port, "hostPort");
    check_required_choice(errors, at.child("protocol"), port.protocol, {"SCTP", "TCP", "UDP"});
  }
}

template <class C>
void check_propagation(const VolumeMount& mount, const C& container, const FieldPath& path, FieldErrors& errors) {
  check_choice(errors, path, *mount.mount_propagation, {"Bidirectional", "HostToContainer", "None"});
  bool privileged = container.security_context && container.security_context->privileged.value_or(false);
  if (*mount.mount_propagation == "Bidirectional" && !privileged)
    forbid(errors, path, "Bidirectional mount propagation is available only to privileged containers");
}

void check_recursive_read_only(const VolumeMount& mount, const FieldPath& path, FieldErrors& errors) {
  const std::string& mode = *mount.recursive_read_only;
  if (mode == "Disabled") return;
  if (mode != "Enabled" && mode != "IfPossible") return report_unsupported(errors, path, mode, {"Disabled", "Enabled", "IfPossible"});
  if (!mount.read_only) forbid(errors, path, "may only be specified when readOnly is true");
  if (mount.mount_propagation && *mount.mount_propagation != "None")
    forbid(errors, path, "may only be specified when mountPropagation is None or not specified");
}

// `path` is the list's: some errors name no index.
void check_sub_paths(const VolumeMount& mount, const VolumeSource* volume, const FieldPath& path, const FieldPath& at, FieldErrors& errors) {
  if (volume && volume->image) {
    if (!mount.sub_path.empty()) reject(errors, at.child("subPath"), mount.sub_path, "not allowed in image volume sources");
    if (!mount.sub_path_expr.empty()) reject(errors, at.child("subPathExpr"), mount.sub_path_expr, "not allowed in image volume sources");
  }
  if (!mount.sub_path.empty()) check_descending_path(errors, path.child("subPath"), mount.sub_path);
  if (mount.sub_path_expr.empty()) return;
  if (!mount.sub_path.empty()) reject(errors, at.child("subPathExpr"), mount.sub_path_expr, "subPathExpr and subPath are mutually exclusive");
  check_descending_path(errors, path.child("subPathExpr"), mount.sub_path_expr);
}

template <class C>
void validate_mounts(const C& container, const PodScope& scope, const FieldPath& path, FieldErrors& errors) {
  std::map<std::string_view, std::string_view> devices;
  for (const auto& device : container.volume_devices) devices[device.name] = device.device_path;
  NameSet points;
  for (size_t i = 0; i < container.volume_mounts.size(); ++i) {
    const VolumeMount& mount = container.volume_mounts[i];
    FieldPath at = path.index(i);
    auto volume = scope.volumes.find(mount.name);
    if (mount.name.empty()) require(errors, at.child("name"));
    if (volume == scope.volumes.end()) errors.push_back(api::FieldError::not_found(at.child("name"), mount.name));
    if (mount.mount_path.empty()) require(errors, at.child("mountPath"));
    if (!points.insert(mount.mount_path).second) reject(errors, at.child("mountPath"), mount.mount_path, "must be unique");
    if (devices.contains(mount.name)) reject(errors, at.child("name"), mount.name, "must not already exist in volumeDevices");
    for (const auto& [name, device_path] : devices) {
      if (device_path != mount.mount_path) continue;
      reject(errors, at.child("mountPath"), mount.mount_path, "must not already exist as a path in volumeDevices");
      break;
    }
    check_sub_paths(mount, volume == scope.volumes.end() ? nullptr : volume->second, path, at, errors);
    if (mount.mount_propagation) check_propagation(mount, container, path.child("mountPropagation"), errors);
    if (mount.recursive_read_only) check_recursive_read_only(mount, path.child("recursiveReadOnly"), errors);
  }
}

template <class C>
void validate_devices(const C& container, const PodScope& scope, const FieldPath& path, FieldErrors& errors) {
  std::map<std::string_view, std::string_view> mounts;
  for (const auto& mount : container.volume_mounts) mounts[mount.name] = mount.mount_path;
  NameSet names, paths;
  for (size_t i = 0; i < container.volume_devices.size(); ++i) {
    const VolumeDevice& device = container.volume_devices[i];
    FieldPath at = path.index(i);
    FieldPath name = at.child("name");
    FieldPath device_path = at.child("devicePath");
    auto volume = scope.volumes.find(device.name);
    if (device.name.empty()) require(errors, name);
    if (names.contains(device.name)) reject(errors, name, device.name, "must be unique");
    if (volume == scope.volumes.end()) errors.push_back(api::FieldError::not_found(name, device.name));
    else if (!volume->second->persistent_volume_claim && !volume->second->ephemeral)
      reject(errors, name, device.name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode");
    if (device.device_path.empty()) require(errors, device_path);
    if (paths.contains(device.device_path)) reject(errors, device_path, device.device_path, "must be unique");
    FieldErrors steps;
    check_no_backsteps(steps, device_path, device.device_path);
    if (!steps.empty()) reject(errors, device_path, device.device_path, "can not contain backsteps ('..')");
    else paths.insert(device.device_path);
    if (mounts.contains(device.name)) reject(errors, name, device.name, "must not already exist in volumeMounts");
    bool taken = false;
    for (const auto& [mount_name, mount_path] : mounts) taken = taken || mount_path == device.device_path;
    if (taken) reject(errors, device_path, device.device_path, "must not already exist as a path in volumeMounts");
    if (!device.name.empty()) names.insert(device.name);
  }
}

void validate_resize_policy(const std::vector<ContainerResizePolicy>& policies, const PodScope& scope, const FieldPath& path, FieldErrors& errors) {
  NameSet seen;
  for (size_t i = 0; i < policies.size(); ++i) {
    const auto& policy = policies[i];
    if (!seen.insert(policy.resource_name).second) report_duplicate(errors, path.index(i), BadValue::raw(policy.resource_name));
    check_required_choice(errors, path, policy.resource_name, {"cpu", "memory"});
    check_required_choice(errors, path, policy.restart_policy, {"NotRequired", "RestartContainer"});
    if (scope.spec.restart_policy == "Never" && policy.restart_policy != "NotRequired")
      reject(errors, path, policy.restart_policy, "must be 'NotRequired' when `restartPolicy` is 'Never'");
  }
}

template <class C>
void validate_common(const C& container, const PodScope& scope, const FieldPath& path, FieldErrors& errors) {
  if (container.name.empty()) require(errors, path.child("name"));
  else check_dns_label(errors, path.child("name"), container.name);
  if (container.image.empty()) require(errors, path.child("image"));
  check_required_choice(errors, path.child("terminationMessagePolicy"), container.termination_message_policy, {"File", "FallbackToLogsOnError"});
  validate_ports(container.ports, path.child("ports"), errors);
  validate_env(container.env, path.child("env"), errors);
  validate_env_from(container.env_from, path.child("envFrom"), errors);
  validate_mounts(container, scope, path.child("volumeMounts"), errors);
  validate_devices(container, scope, path.child("volumeDevices"), errors);
  check_required_choice(errors, path.child("imagePullPolicy"), container.image_pull_policy, {"Always", "IfNotPresent", "Never"});
  validate_resources(container.resources, scope.claims, path.child("resources"), scope.options, errors);
  validate_resize_policy(container.resize_policy, scope, path.child("resizePolicy"), errors);
  validate_security_context(container.security_context.get(), scope.host_users, path.child("securityContext"), errors);
}

// `at` is the containers' path without an index where the caller gives one container.
void check_host_ports(const Container& container, NameSet& taken, const FieldPath& at, FieldErrors& errors) {
  FieldPath ports = at.child("ports");
  for (size_t i = 0; i < container.ports.size(); ++i) {
    const ContainerPort& port = container.ports[i];
    if (port.host_port == 0) continue;
    std::string key = port.protocol + "/" + port.host_ip + "/" + std::to_string(port.host_port);
    FieldPath at_port = ports.index(i);
    if (!taken.insert(key).second) report_duplicate(errors, at_port.child("hostPort"), key);
  }
}

void validate_probes(const Container& container, const PodScope& scope, const FieldPath& at, FieldErrors& errors) {
  validate_lifecycle(container.lifecycle.get(), scope, at.child("lifecycle"), errors);
  validate_liveness_probe(container.liveness_probe.get(), scope, at.child("livenessProbe"), errors);
  validate_readiness_probe(container.readiness_probe.get(), scope, at.child("readinessProbe"), errors);
  validate_liveness_probe(container.startup_probe.get(), scope, at.child("startupProbe"), errors);
}

void forbid_probes(const Container& container, const FieldPath& at, FieldErrors& errors) {
  constexpr std::string_view text = "may not be set for init containers without restartPolicy=Always";
  if (container.lifecycle) forbid(errors, at.child("lifecycle"), std::string(text));
  if (container.liveness_probe) forbid(errors, at.child("livenessProbe"), std::string(text));
  if (container.readiness_probe) forbid(errors, at.child("readinessProbe"), std::string(text));
  if (container.startup_probe) forbid(errors, at.child("startupProbe"), std::string(text));
}

void forbid_ephemeral_fields(const EphemeralContainer& container, const FieldPath& at, FieldErrors& errors) {
  auto unset = [&](bool set, std::string_view name) {
    if (set) forbid(errors, at.child(name), std::string(kEphemeralForbidden));
  };
  const auto& resources = container.resources;
  unset(!container.ports.empty(), "ports");
  unset(!resources.limits.empty() || !resources.requests.empty() || !resources.claims.empty(), "resources");
  unset(!container.resize_policy.empty(), "resizePolicy");
  unset(container.restart_policy.has_value(), "restartPolicy");
  unset(container.liveness_probe.has_value(), "livenessProbe");
  unset(container.readiness_probe.has_value(), "readinessProbe");
  unset(container.startup_probe.has_value(), "startupProbe");
  unset(container.lifecycle.has_value(), "lifecycle");
  FieldPath mounts = at.child("volumeMounts");
  for (size_t i = 0; i < container.volume_mounts.size(); ++i) {
    FieldPath mount = mounts.index(i);
    if (!container.volume_mounts[i].sub_path.empty()) forbid(errors, mount.child("subPath"), std::string(kEphemeralForbidden));
    if (!container.volume_mounts[i].sub_path_expr.empty()) forbid(errors, mount.child("subPathExpr"), std::string(kEphemeralForbidden));
  }
}

}  // namespace

void validate_image_text(std::string_view image, const FieldPath& path, FieldErrors& errors) {
  constexpr std::string_view space = " \t\n\v\f\r";
  if (!image.empty() && (space.find(image.front()) != std::string_view::npos || space.find(image.back()) != std::string_view::npos))
    reject(errors, path, image, "must not have leading or trailing whitespace");
}

void validate_containers(const PodScope& scope, const FieldPath& path, FieldErrors& errors) {
  const auto& containers = scope.spec.containers;
  if (containers.empty()) return require(errors, path);
  NameSet names, ports;
  for (size_t i = 0; i < containers.size(); ++i) {
    FieldPath at = path.index(i);
    validate_common(containers[i], scope, at, errors);
    if (!names.insert(containers[i].name).second) report_duplicate(errors, at.child("name"), containers[i].name);
    validate_probes(containers[i], scope, at, errors);
    if (containers[i].restart_policy) forbid(errors, at.child("restartPolicy"), "may not be set for non-init containers");
  }
  for (size_t i = 0; i < containers.size(); ++i) check_host_ports(containers[i], ports, path.index(i), errors);
}

void validate_init_containers(const PodScope& scope, const FieldPath& path, FieldErrors& errors) {
  const auto& containers = scope.spec.init_containers;
  NameSet names;
  for (const auto& container : scope.spec.containers) names.insert(container.name);
  for (size_t i = 0; i < containers.size(); ++i) {
    const Container& container = containers[i];
    FieldPath at = path.index(i);
    validate_common(container, scope, at, errors);
    if (container.restart_policy) check_choice(errors, at.child("restartPolicy"), *container.restart_policy, {"Always"});
    if (names.contains(container.name)) report_duplicate(errors, at.child("name"), container.name);
    else if (!container.name.empty()) names.insert(container.name);
    NameSet ports;
    check_host_ports(container, ports, path.index(0), errors);  // Kubernetes checks each alone, as the first
    if (container.restart_policy && *container.restart_policy == "Always") validate_probes(container, scope, at, errors);
    else forbid_probes(container, at, errors);
    if (!scope.options.allow_sidecar_resize_policy && !container.resize_policy.empty())
      reject(errors, at.child("resizePolicy"), BadValue::raw("[]core.ContainerResizePolicy{}"), "must not be set for init containers");
  }
}

void validate_ephemeral_containers(const PodScope& scope, const FieldPath& path, FieldErrors& errors) {
  const auto& containers = scope.spec.ephemeral_containers;
  NameSet others;
  for (const auto& container : scope.spec.containers) others.insert(container.name);
  for (const auto& container : scope.spec.init_containers) others.insert(container.name);
  NameSet names = others;
  for (size_t i = 0; i < containers.size(); ++i) {
    const EphemeralContainer& container = containers[i];
    FieldPath at = path.index(i);
    validate_common(container, scope, at, errors);
    validate_image_text(container.image, at.child("image"), errors);
    if (!names.insert(container.name).second) report_duplicate(errors, at.child("name"), container.name);
    if (!container.target_container_name.empty() && !others.contains(container.target_container_name))
      errors.push_back(api::FieldError::not_found(at.child("targetContainerName"), container.target_container_name));
    forbid_ephemeral_fields(container, at, errors);
  }
}

}  // namespace reigen::apiserver
