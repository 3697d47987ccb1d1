#include "controllers/container/pod_of_container.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "api/docker_names.h"
#include "api/json.h"
#include "api/metav1.h"

namespace reigen::controllers {
namespace {

using api::corev1::Pod;
using api::dockerv1::Config;
using api::dockerv1::Container;
using api::dockerv1::HostConfig;

constexpr int64_t kDefaultGrace = 10;  // Docker's
constexpr size_t kMostPorts = 1000;    // that are shown

std::string_view restart_policy(const HostConfig& host) {
  const std::string& name = host.restart_policy.name;
  if (name == "always" || name == "unless-stopped") return api::corev1::RestartPolicy::Always;
  return name == "on-failure" ? api::corev1::RestartPolicy::OnFailure : api::corev1::RestartPolicy::Never;
}

int64_t grace_of(const Config& config) {
  int64_t grace = config.stop_timeout.value_or(kDefaultGrace);
  return grace < 0 ? int64_t{1} << 31 : grace;
}

// "80/tcp" -> 80, "TCP". Ranges were split by who made the Container; what is no port is not shown.
std::optional<std::pair<int32_t, std::string>> port_of(std::string_view text) {
  auto slash = text.find('/');
  std::string_view number = text.substr(0, slash), protocol = slash == std::string_view::npos ? "tcp" : text.substr(slash + 1);
  int32_t port = 0;
  auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), port);
  if (error != std::errc() || end != number.data() + number.size() || port < 1 || port > std::numeric_limits<uint16_t>::max()) return std::nullopt;
  if (protocol == "tcp") return std::pair(port, std::string("TCP"));
  if (protocol == "udp") return std::pair(port, std::string("UDP"));
  if (protocol == "sctp") return std::pair(port, std::string("SCTP"));
  return std::nullopt;
}

void add_ports(api::corev1::Container& program, const Config& config) {
  for (const auto& [text, nothing] : config.exposed_ports) {
    auto port = port_of(text);
    if (!port || program.ports.size() == kMostPorts) continue;
    auto& shown = program.ports.emplace_back();
    shown.container_port = port->first;
    shown.protocol = port->second;
  }
}

void fill_program(api::corev1::Container& program, const Container& container, const Config& config) {
  program.name = api::container_pod_stem(container.spec.docker_name);
  program.image = container.spec.image_name.empty() ? container.spec.image_id : container.spec.image_name;
  program.image_pull_policy = api::corev1::PullPolicy::Never;
  if (!container.spec.path.empty()) program.command = {container.spec.path};
  program.args = container.spec.args;
  program.working_dir = config.working_dir;
  program.tty = config.tty;
  program.stdin = config.open_stdin;
  program.stdin_once = config.stdin_once;
}

void fill_meta(api::metav1::ObjectMeta& meta, const Container& container, const api::dockerv1::EndpointsRecord& endpoints) {
  const std::string& id = container.metadata.name;
  meta.name = api::container_pod_name(container.spec.docker_name, id);
  meta.namespace_ = kContainerPodNamespace;
  meta.labels[api::kContainerLabel] = id.substr(0, 12);
  meta.annotations[api::kContainerAnnotation] = id;
  meta.annotations[api::kRunAnnotation] = std::to_string(container.spec.run.number);
  meta.annotations[api::kEndpointsAnnotation] = api::encode_json(endpoints);
  auto& owner = meta.owner_references.emplace_back();
  owner.api_version = api::kind_of<Container>().api_version;
  owner.kind = api::kind_of<Container>().kind;
  owner.name = id;
  owner.uid = container.metadata.uid;
  owner.controller = true;
  owner.block_owner_deletion = false;
}

}  // namespace

Result<Pod> pod_of_container(const Container& container, const api::dockerv1::EndpointsRecord& endpoints) {
  auto config = api::decode_json_as<Config>(container.spec.config.raw);
  if (!config) return Fail(std::move(config).error().context("spec.config of " + container.metadata.name));
  auto host = api::decode_json_as<HostConfig>(container.spec.host_config.raw);
  if (!host) return Fail(std::move(host).error().context("spec.hostConfig of " + container.metadata.name));
  Pod pod;
  fill_meta(pod.metadata, container, endpoints);
  auto& spec = pod.spec;
  auto& program = spec.containers.emplace_back();
  fill_program(program, container, *config);
  spec.node_name = container.spec.node_name;
  spec.restart_policy = restart_policy(*host);
  spec.termination_grace_period_seconds = grace_of(*config);
  spec.host_network = host->network_mode == "host";
  spec.host_pid = host->pid_mode == "host";
  spec.host_ipc = host->ipc_mode == "host";
  spec.automount_service_account_token = false;
  spec.enable_service_links = false;
  spec.dns_policy = api::corev1::DNSPolicy::Default;
  spec.tolerations.emplace_back().operator_ = "Exists";
  // With the host's network, a port of the pod would be one of the host, which the API gives out once.
  if (!spec.host_network) add_ports(program, *config);
  return pod;
}

}  // namespace reigen::controllers
