// Pods, and what pod templates share with them.
#include <optional>
#include <string>

#include "api/corev1.h"
#include "api/defaults/hooks.h"

namespace reigen::api {
namespace {

using namespace corev1;

bool is_repository(std::string_view name) {
  if (name.empty()) return false;
  for (char c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' || c == '/')) return false;
  return true;
}

// The tag an image reference stands for: "latest" where it has neither tag nor digest; none where it is no reference.
std::string_view image_tag(std::string_view image) {
  size_t at = image.find('@');
  bool digest = at != std::string_view::npos;
  std::string_view name = image.substr(0, at);
  size_t slash = name.rfind('/');
  size_t colon = name.find(':', slash == std::string_view::npos ? 0 : slash);
  std::string_view tag = colon == std::string_view::npos ? std::string_view() : name.substr(colon + 1);
  name = name.substr(0, colon);
  // A registry's host may have a port and capitals.
  size_t first = name.find('/');
  std::string_view host = first == std::string_view::npos ? std::string_view() : name.substr(0, first);
  bool has_host = host.find_first_of(".:") != std::string_view::npos || host == "localhost";
  if (!is_repository(has_host ? name.substr(first + 1) : name)) return {};
  if (!tag.empty()) return tag;
  return digest || colon != std::string_view::npos ? std::string_view() : "latest";
}

void default_container_texts(std::string_view image, std::string& policy, std::string& path, std::string& message_policy) {
  if (policy.empty()) policy = image_tag(image) == "latest" ? PullPolicy::Always : PullPolicy::IfNotPresent;
  default_text(path, "/dev/termination-log");
  default_text(message_policy, TerminationMessagePolicy::File);
}

void default_container(Container& c) { default_container_texts(c.image, c.image_pull_policy, c.termination_message_path, c.termination_message_policy); }

void default_ephemeral_container(EphemeralContainer& c) {
  default_container_texts(c.image, c.image_pull_policy, c.termination_message_path, c.termination_message_policy);
}

void requests_from_limits(std::vector<Container>& containers) {
  for (Container& container : containers)
    for (const auto& [name, limit] : container.resources.limits) container.resources.requests.emplace(name, limit);
}

void host_ports_from_ports(std::vector<Container>& containers) {
  for (Container& container : containers)
    for (ContainerPort& port : container.ports)
      if (port.host_port == 0) port.host_port = port.container_port;
}

void default_pod(Pod& pod) {
  requests_from_limits(pod.spec.containers);
  requests_from_limits(pod.spec.init_containers);
  default_to(pod.spec.enable_service_links, true);
  if (pod.spec.host_network) {
    host_ports_from_ports(pod.spec.containers);
    host_ports_from_ports(pod.spec.init_containers);
  }
}

void default_pod_spec(PodSpec& spec) {
  default_text(spec.dns_policy, DNSPolicy::ClusterFirst);
  default_text(spec.restart_policy, RestartPolicy::Always);
  spec.security_context.ensure();
  default_to(spec.termination_grace_period_seconds, int64_t{30});
  default_text(spec.scheduler_name, "default-scheduler");
  // The old name of serviceAccountName follows it.
  if (spec.service_account_name.empty()) spec.service_account_name = spec.service_account;
  spec.service_account = spec.service_account_name;
}

// podIP, the older field, wins where the two differ.
void default_pod_status(PodStatus& status) {
  if (!status.pod_ip.empty() && (status.pod_ips.empty() || status.pod_ips[0].ip != status.pod_ip)) {
    PodIP ip;
    ip.ip = status.pod_ip;
    status.pod_ips.assign(1, ip);
  }
  if (!status.pod_ips.empty()) status.pod_ip = status.pod_ips[0].ip;
}

void default_volume(Volume& volume) {
  // No source at all is an empty directory.
  const TypeDesc& source = type_of<VolumeSource>();
  auto* base = static_cast<VolumeSource*>(&volume);
  for (const FieldDesc& field : source.fields)
    if (field.value->pointer->get(reinterpret_cast<const char*>(base) + field.offset)) return;
  volume.empty_dir.emplace();
}

void default_probe(Probe& probe) {
  default_number(probe.timeout_seconds, 1);
  default_number(probe.period_seconds, 10);
  default_number(probe.success_threshold, 1);
  default_number(probe.failure_threshold, 3);
}

void default_http_get(HTTPGetAction& action) {
  default_text(action.path, "/");
  default_text(action.scheme, URIScheme::HTTP);
}

constexpr int32_t kDefaultMode = 0644;
void default_secret_source(SecretVolumeSource& source) { default_to(source.default_mode, kDefaultMode); }
void default_config_map_source(ConfigMapVolumeSource& source) { default_to(source.default_mode, kDefaultMode); }
void default_downward_source(DownwardAPIVolumeSource& source) { default_to(source.default_mode, kDefaultMode); }
void default_projected_source(ProjectedVolumeSource& source) { default_to(source.default_mode, kDefaultMode); }
void default_token_projection(ServiceAccountTokenProjection& token) { default_to(token.expiration_seconds, int64_t{3600}); }
void default_host_path(HostPathVolumeSource& source) { default_to(source.type, ""); }
void default_field_selector(ObjectFieldSelector& selector) { default_text(selector.api_version, "v1"); }

}  // namespace

void add_pod_defaults(DefaultHooks& hooks) {
  hooks.add<default_pod>();
  hooks.add<default_pod_spec>();
  hooks.add<default_pod_status>();
  hooks.add<default_container>();
  hooks.add<default_ephemeral_container>();
  hooks.add<default_volume>();
  hooks.add<default_probe>();
  hooks.add<default_http_get>();
  hooks.add<default_secret_source>();
  hooks.add<default_config_map_source>();
  hooks.add<default_downward_source>();
  hooks.add<default_projected_source>();
  hooks.add<default_token_projection>();
  hooks.add<default_host_path>();
  hooks.add<default_field_selector>();
}

}  // namespace reigen::api
