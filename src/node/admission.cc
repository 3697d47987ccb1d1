#include "node/admission.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "api/pod_rules.h"
#include "node/container_spec.h"
#include "node/pod_status.h"

namespace reigen::node {
namespace {

using namespace api::corev1;

bool ended(const Pod& pod) { return pod.status.phase == "Succeeded" || pod.status.phase == "Failed"; }

Rejection predicate(const char* name, const char* description) { return {name, fmt::format("Predicate {} failed: {}", name, description)}; }

Rejection out_of(const std::string& resource, int64_t requested, int64_t used, int64_t capacity) {
  return {"OutOf" + resource, fmt::format("Node didn't have enough resource: {}, requested: {}, used: {}, capacity: {}", resource, requested, used, capacity)};
}

bool matches_selector(const Pod& pod, const Node& node) {
  return std::all_of(pod.spec.node_selector.begin(), pod.spec.node_selector.end(), [&](const auto& wanted) {
    const auto* value = node.metadata.labels.get(wanted.first);
    return value && *value == wanted.second;
  });
}

bool is_greater(const std::string& left, const std::string& right) {
  int64_t a = 0, b = 0;
  auto parse = [](const std::string& text, int64_t& out) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size();
  };
  return parse(left, a) && parse(right, b) && a > b;
}

bool holds(const NodeSelectorRequirement& requirement, const std::string* value) {
  const auto& values = requirement.values;
  bool in = value && std::find(values.begin(), values.end(), *value) != values.end();
  if (requirement.operator_ == "In") return in;
  if (requirement.operator_ == "NotIn") return !in;
  if (requirement.operator_ == "Exists") return value;
  if (requirement.operator_ == "DoesNotExist") return !value;
  if (!value || values.size() != 1) return false;
  if (requirement.operator_ == "Gt") return is_greater(*value, values[0]);
  return requirement.operator_ == "Lt" && is_greater(values[0], *value);
}

bool holds(const NodeSelectorTerm& term, const Node& node) {
  if (term.match_expressions.empty() && term.match_fields.empty()) return false;
  bool labels =
      std::all_of(term.match_expressions.begin(), term.match_expressions.end(), [&](const auto& one) { return holds(one, node.metadata.labels.get(one.key)); });
  return labels && std::all_of(term.match_fields.begin(), term.match_fields.end(),
                               [&](const auto& one) { return one.key == "metadata.name" && holds(one, &node.metadata.name); });
}

bool matches_affinity(const Pod& pod, const Node& node) {
  if (!pod.spec.affinity || !pod.spec.affinity->node_affinity) return true;
  const auto& required = pod.spec.affinity->node_affinity->required_during_scheduling_ignored_during_execution;
  if (!required) return true;
  const auto& terms = required->node_selector_terms;
  return std::any_of(terms.begin(), terms.end(), [&](const auto& term) { return holds(term, node); });
}

struct PortClaim {
  std::string protocol, ip;
  int port = 0;
};

std::vector<PortClaim> host_ports(const Pod& pod) {
  std::vector<PortClaim> out;
  auto add = [&](const Container& container) {
    for (const auto& port : container.ports) {
      if (port.host_port > 0) out.push_back({port.protocol.empty() ? "TCP" : port.protocol, port.host_ip.empty() ? "0.0.0.0" : port.host_ip, port.host_port});
    }
  };
  for (const auto& container : pod.spec.init_containers) {
    if (is_sidecar(container)) add(container);
  }
  for (const auto& container : pod.spec.containers) add(container);
  return out;
}

bool collide(const PortClaim& a, const PortClaim& b) {
  return a.port == b.port && a.protocol == b.protocol && (a.ip == b.ip || a.ip == "0.0.0.0" || b.ip == "0.0.0.0");
}

bool ports_free(const Pod& pod, const std::vector<std::shared_ptr<const Pod>>& others) {
  auto wanted = host_ports(pod);
  if (wanted.empty()) return true;
  for (const auto& other : others) {
    if (ended(*other)) continue;
    for (const auto& taken : host_ports(*other)) {
      if (std::any_of(wanted.begin(), wanted.end(), [&](const auto& claim) { return collide(claim, taken); })) return false;
    }
  }
  return true;
}

bool tolerates(const Pod& pod, const Taint& taint) {
  return std::ranges::any_of(pod.spec.tolerations, [&](const Toleration& one) { return api::tolerates(one, taint); });
}

int64_t amount(const api::Map<api::Quantity>& list, std::string_view name, bool milli) {
  const auto* quantity = list.get(name);
  return !quantity ? 0 : milli ? quantity->milli_value() : quantity->value();
}

// Those that are isolated between pods (pkg/kubelet/sysctl); all of them are namespaced on kernels this runs on.
bool is_safe_sysctl(std::string_view name, bool host_network, bool host_ipc) {
  static constexpr std::string_view kNetwork[] = {"ip_local_port_range",     "tcp_syncookies",     "ping_group_range", "ip_unprivileged_port_start",
                                                  "ip_local_reserved_ports", "tcp_keepalive_time", "tcp_fin_timeout",  "tcp_keepalive_intvl",
                                                  "tcp_keepalive_probes",    "tcp_rmem",           "tcp_wmem"};
  if (name == "kernel.shm_rmid_forced") return !host_ipc;
  if (!name.starts_with("net.ipv4.") || host_network) return false;
  return std::find(std::begin(kNetwork), std::end(kNetwork), name.substr(9)) != std::end(kNetwork);
}

std::optional<Rejection> forbidden_sysctl(const Pod& pod) {
  if (!pod.spec.security_context) return std::nullopt;
  for (const auto& sysctl : pod.spec.security_context->sysctls) {
    std::string name = sysctl.name;
    std::replace(name.begin(), name.end(), '/', '.');
    if (!is_safe_sysctl(name, pod.spec.host_network, pod.spec.host_ipc))
      return Rejection{"SysctlForbidden", "forbidden sysctl: \"" + sysctl.name + "\" not allowlisted"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Rejection> admit_pod(const Pod& pod, const std::vector<std::shared_ptr<const Pod>>& others, const Node& node, int max_pods) {
  if (api::is_container_pod(pod)) return std::nullopt;  // Docker's: as many as the host bears, wherever it said
  if (const auto* os = pod.metadata.labels.get("kubernetes.io/os"); os && *os != "linux") {
    return Rejection{"PodOSSelectorNodeLabelDoesNotMatch", "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label"};
  }
  if (pod.spec.os && pod.spec.os->name != "linux") return Rejection{"PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS"};
  if (auto forbidden = forbidden_sysctl(pod)) return forbidden;
  int64_t cpu = 0, memory = 0, count = 0;
  for (const auto& other : others) {
    if (ended(*other) || api::is_container_pod(*other)) continue;
    auto requests = pod_requests(*other);
    cpu += requests.cpu_milli;
    memory += requests.memory;
    ++count;
  }
  auto wanted = pod_requests(pod);
  int64_t cpu_capacity = amount(node.status.allocatable, "cpu", true), memory_capacity = amount(node.status.allocatable, "memory", false);
  if (count + 1 > max_pods) return out_of("pods", 1, count, max_pods);
  if (wanted.cpu_milli > 0 && cpu + wanted.cpu_milli > cpu_capacity) return out_of("cpu", wanted.cpu_milli, cpu, cpu_capacity);
  if (wanted.memory > 0 && memory + wanted.memory > memory_capacity) return out_of("memory", wanted.memory, memory, memory_capacity);
  if (!matches_selector(pod, node) || !matches_affinity(pod, node)) return predicate("NodeAffinity", "node(s) didn't match Pod's node affinity/selector");
  if (!ports_free(pod, others)) return predicate("NodePorts", "node(s) didn't have free ports for the requested pod ports");
  for (const auto& taint : node.spec.taints) {
    if (taint.effect == "NoExecute" && !tolerates(pod, taint)) return predicate("TaintToleration", "node(s) had taints that the pod didn't tolerate");
  }
  return std::nullopt;
}

}  // namespace reigen::node
