#include "apiserver/validation/service.h"

#include <set>

#include "api/corev1.h"
#include "api/metav1.h"
#include "apiserver/validation/checks.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;
using api::BadValue;
using api::FieldError;
using api::FieldErrors;
using api::FieldPath;

constexpr std::string_view kTopologyHints = "service.kubernetes.io/topology-aware-hints";
constexpr std::string_view kTopologyMode = "service.kubernetes.io/topology-mode";
constexpr std::string_view kSourceRanges = "service.beta.kubernetes.io/load-balancer-source-ranges";
constexpr int32_t kKubeletPort = 10250;
constexpr int32_t kMaxAffinitySeconds = 86400;
constexpr std::string_view kOnlyLoadBalancer = "may only be used when `type` is 'LoadBalancer'";

bool is_load_balancer(const Service& service) { return service.spec.type == "LoadBalancer"; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

void validate_annotations(const Service& service, FieldErrors& errors) {
  const std::string* hints = service.metadata.annotations.get(kTopologyHints);
  const std::string* mode = service.metadata.annotations.get(kTopologyMode);
  if (!hints || !mode || *hints == *mode) return;
  FieldPath metadata("metadata");
  errors.push_back(FieldError::invalid(metadata.child("annotations", kTopologyMode), *mode,
                                       "must match annotations[" + std::string(kTopologyHints) + "] when both are specified"));
}

void validate_external_name(const Service& service, const FieldPath& spec, FieldErrors& errors) {
  constexpr std::string_view kNot = "may not be set for ExternalName services";
  if (!service.spec.cluster_ips.empty()) errors.push_back(FieldError::forbidden(spec.child("clusterIPs"), std::string(kNot)));
  if (!service.spec.ip_families.empty()) errors.push_back(FieldError::forbidden(spec.child("ipFamilies"), std::string(kNot)));
  if (service.spec.ip_family_policy) errors.push_back(FieldError::forbidden(spec.child("ipFamilyPolicy"), std::string(kNot)));
  std::string_view name = service.spec.external_name;
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty()) errors.push_back(FieldError::required(spec.child("externalName")));
  else check_subdomain(errors, spec.child("externalName"), name);
}

void validate_by_type(const Service& service, const FieldPath& spec, FieldErrors& errors) {
  const std::string& type = service.spec.type;
  if (service.spec.ports.empty() && !is_headless(service) && type != "ExternalName") errors.push_back(FieldError::required(spec.child("ports")));
  if (type == "ExternalName") return validate_external_name(service, spec, errors);
  for (size_t i = 0; type == "LoadBalancer" && i < service.spec.ports.size(); ++i) {
    if (service.spec.ports[i].port == kKubeletPort)
      errors.push_back(FieldError::invalid(spec.child("ports", i), kKubeletPort, "may not expose port 10250 externally since it is used by kubelet"));
  }
  if ((type == "LoadBalancer" || type == "NodePort") && is_headless(service))
    errors.push_back(FieldError::invalid(spec.child("clusterIPs", size_t(0)), "None", "may not be set to 'None' for " + type + " services"));
}

void validate_port(const ServicePort& port, bool name_needed, std::set<std::string>& names, const FieldPath& path, FieldErrors& errors) {
  if (name_needed && port.name.empty()) {
    errors.push_back(FieldError::required(path.child("name")));
  } else if (!port.name.empty()) {
    check_label(errors, path.child("name"), port.name);
    if (!names.insert(port.name).second) errors.push_back(FieldError::duplicate(path.child("name"), port.name));
  }
  check_port(errors, path.child("port"), port.port);
  if (port.protocol.empty()) errors.push_back(FieldError::required(path.child("protocol")));
  else check_known(errors, path.child("protocol"), port.protocol, {"SCTP", "TCP", "UDP"});
  check_port_or_name(errors, path.child("targetPort"), port.target_port);
  if (port.app_protocol) check_qualified_name(errors, path.child("appProtocol"), *port.app_protocol);
}

void validate_affinity(const Service& service, const FieldPath& spec, FieldErrors& errors) {
  const std::string& affinity = service.spec.session_affinity;
  FieldPath config = spec.child("sessionAffinityConfig");
  if (affinity.empty()) errors.push_back(FieldError::required(spec.child("sessionAffinity")));
  else check_known(errors, spec.child("sessionAffinity"), affinity, {"ClientIP", "None"});
  if (affinity == "None" && service.spec.session_affinity_config)
    errors.push_back(FieldError::forbidden(config, "must not be set when session affinity is None"));
  if (affinity != "ClientIP") return;
  constexpr const char* kWhen = "when session affinity type is ClientIP";
  FieldPath client_ip = config.child("clientIP"), timeout = client_ip.child("timeoutSeconds");
  const auto& box = service.spec.session_affinity_config;
  if (!box) errors.push_back(FieldError::required(config, kWhen));
  else if (!box->client_ip) errors.push_back(FieldError::required(client_ip, kWhen));
  else if (!box->client_ip->timeout_seconds) errors.push_back(FieldError::required(timeout, kWhen));
  else if (*box->client_ip->timeout_seconds <= 0 || *box->client_ip->timeout_seconds > kMaxAffinitySeconds)
    errors.push_back(FieldError::invalid(timeout, *box->client_ip->timeout_seconds, "must be greater than 0 and less than 86400"));
}

std::string go_port(const ServicePort& port) {
  return "core.ServicePort{Name:\"\", Protocol:" + BadValue(port.protocol).text() + ", AppProtocol:(*string)(nil), Port:" + std::to_string(port.port) +
         ", TargetPort:intstr.IntOrString{Type:0, IntVal:0, StrVal:\"\"}, NodePort:0}";
}

void validate_unique_ports(const Service& service, const FieldPath& spec, FieldErrors& errors) {
  const auto& ports = service.spec.ports;
  for (size_t i = 0; service.spec.type == "ClusterIP" && i < ports.size(); ++i) {
    FieldPath path = spec.child("ports", i);
    if (ports[i].node_port != 0) errors.push_back(FieldError::forbidden(path.child("nodePort"), "may not be used when `type` is 'ClusterIP'"));
  }
  std::set<std::pair<std::string, int32_t>> node_ports, numbers;
  for (size_t i = 0; i < ports.size(); ++i) {
    FieldPath path = spec.child("ports", i);
    if (ports[i].node_port != 0 && !node_ports.emplace(ports[i].protocol, ports[i].node_port).second)
      errors.push_back(FieldError::duplicate(path.child("nodePort"), ports[i].node_port));
  }
  for (size_t i = 0; i < ports.size(); ++i) {
    if (!numbers.emplace(ports[i].protocol, ports[i].port).second)
      errors.push_back(FieldError::duplicate(spec.child("ports", i), BadValue::raw(go_port(ports[i]))));
  }
}

void validate_source_ranges(const Service& service, const FieldPath& spec, FieldErrors& errors) {
  const auto& ranges = service.spec.load_balancer_source_ranges;
  if (!ranges.empty()) {
    constexpr std::string_view kField = "LoadBalancerSourceRanges";  // so written in Kubernetes
    if (!is_load_balancer(service)) errors.push_back(FieldError::forbidden(spec.child(kField), std::string(kOnlyLoadBalancer)));
    for (size_t i = 0; i < ranges.size(); ++i) api::append(errors, api::validate_cidr(spec.child(kField, i), trimmed(ranges[i])));
    return;
  }
  const std::string* annotation = service.metadata.annotations.get(kSourceRanges);
  if (!annotation) return;
  FieldPath metadata("metadata"), path = metadata.child("annotations", kSourceRanges);
  if (!is_load_balancer(service)) errors.push_back(FieldError::forbidden(path, std::string(kOnlyLoadBalancer)));
  std::string_view rest = trimmed(*annotation);
  while (!rest.empty()) {
    size_t comma = rest.find(',');
    api::append(errors, api::validate_cidr(path, trimmed(rest.substr(0, comma))));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
    if (rest.empty()) api::append(errors, api::validate_cidr(path, ""));
  }
}

void validate_class(const Service& service, const Service* old, const FieldPath& spec, FieldErrors& errors) {
  const auto& wanted = service.spec.load_balancer_class;
  if (old && is_load_balancer(*old) && is_load_balancer(service) && old->spec.load_balancer_class != wanted)
    errors.push_back(FieldError::invalid(spec.child("loadBalancerClass"), wanted, "may not change once set"));
  if (!wanted) return;
  if (is_load_balancer(service)) check_qualified_name(errors, spec.child("loadBalancerClass"), *wanted);
  else errors.push_back(FieldError::forbidden(spec.child("loadBalancerClass"), std::string(kOnlyLoadBalancer)));
}

void validate_external_policy(const Service& service, const FieldPath& spec, FieldErrors& errors) {
  const std::string& policy = service.spec.external_traffic_policy;
  FieldPath path = spec.child("externalTrafficPolicy"), health = spec.child("healthCheckNodePort");
  if (!externally_accessible(service)) {
    if (!policy.empty()) errors.push_back(FieldError::invalid(path, policy, "may only be set for externally-accessible services"));
  } else if (policy.empty()) {
    errors.push_back(FieldError::required(path));
  } else {
    check_known(errors, path, policy, {"Cluster", "Local"});
  }
  int32_t port = service.spec.health_check_node_port;
  if (!needs_health_port(service)) {
    if (port != 0) errors.push_back(FieldError::invalid(health, port, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"));
  } else if (port == 0) {
    errors.push_back(FieldError::required(health));
  } else {
    check_port(errors, health, port);
  }
}

void validate_internal_policy(const Service& service, const FieldPath& spec, FieldErrors& errors) {
  const auto& policy = service.spec.internal_traffic_policy;
  FieldPath path = spec.child("internalTrafficPolicy");
  if (!policy && is_one_of(service.spec.type, {"NodePort", "LoadBalancer", "ClusterIP"})) errors.push_back(FieldError::required(path));
  if (policy) check_known(errors, path, *policy, {"Cluster", "Local"});
  if (service.spec.traffic_distribution) check_known(errors, spec.child("trafficDistribution"), *service.spec.traffic_distribution, {"PreferClose"});
}

void validate_families(const Service& service, const FieldPath& spec, FieldErrors& errors) {
  std::set<std::string> seen;
  const auto& families = service.spec.ip_families;
  for (size_t i = 0; i < families.size(); ++i) {
    check_known(errors, spec.child("ipFamilies", i), families[i], {"IPv4", "IPv6"});
    if (!seen.insert(families[i]).second) errors.push_back(FieldError::duplicate(spec.child("ipFamilies", i), families[i]));
  }
  if (service.spec.ip_family_policy)
    check_known(errors, spec.child("ipFamilyPolicy"), *service.spec.ip_family_policy, {"PreferDualStack", "RequireDualStack", "SingleStack"});
}

// Each address by itself; false when one is none.
bool validate_each_address(const Service& service, const FieldPath& spec, FieldErrors& errors) {
  const auto& ips = service.spec.cluster_ips;
  bool fine = true;
  for (size_t i = 0; i < ips.size(); ++i) {
    if (i == 0 && ips[i] == "None") {
      if (ips.size() > 1) errors.push_back(FieldError::invalid(spec.child("clusterIPs"), go_strings(ips), "'None' must be the first and only value"));
      fine = fine && ips.size() == 1;
      continue;
    }
    auto found = api::validate_ip(spec.child("clusterIPs", i), ips[i]);
    fine = fine && found.empty();
    api::append(errors, std::move(found));
  }
  if (ips.size() > 2) errors.push_back(FieldError::invalid(spec.child("clusterIPs"), go_strings(ips), "may only hold up to 2 values"));
  return fine;
}

bool is_v4(std::string_view text) {
  auto ip = api::parse_ip(text);
  return ip && ip->v4;
}

void validate_address_families(const Service& service, const FieldPath& spec, FieldErrors& errors) {
  const auto& ips = service.spec.cluster_ips;
  const auto& families = service.spec.ip_families;
  if (ips.size() > 1) {
    bool v4 = std::ranges::any_of(ips, is_v4), v6 = !std::ranges::all_of(ips, is_v4);
    if (!v4 || !v6) errors.push_back(FieldError::invalid(spec.child("clusterIPs"), go_strings(ips), "may specify no more than one IP for each IP family"));
  }
  if (is_headless(service)) return;
  for (size_t i = 0; i < ips.size() && i < families.size(); ++i) {
    std::string_view family = is_v4(ips[i]) ? "IPv4" : "IPv6";
    if (families[i] != family && is_one_of(families[i], {"IPv4", "IPv6"}))
      errors.push_back(FieldError::invalid(spec.child("clusterIPs", i), ips[i],
                                           "expected an " + families[i] + " value as indicated by `ipFamilies[" + std::to_string(i) + "]`"));
  }
}

// The primary address and family stay; the secondary may come, and go with the policy SingleStack.
void validate_address_change(const Service& service, const Service& old, const FieldPath& spec, FieldErrors& errors) {
  if (!needs_cluster_ip(service) || !needs_cluster_ip(old) || (is_headless(old) && is_headless(service))) return;
  const auto& now = service.spec.cluster_ips;
  const auto& before = old.spec.cluster_ips;
  auto changed = [&](size_t i, const char* text) { errors.push_back(FieldError::invalid(spec.child("clusterIPs", i), go_strings(now), text)); };
  if (now.size() == before.size()) {
    for (size_t i = 0; i < now.size(); ++i)
      if (now[i] != before[i]) changed(i, "may not change once set");
    return;
  }
  if (now.empty()) changed(0, "primary clusterIP can not be unset");
  if (!now.empty() && !before.empty() && now[0] != before[0]) changed(0, "may not change once set");
  if (before.size() > now.size() && now.size() == 1 && service.spec.ip_family_policy != "SingleStack")
    errors.push_back(FieldError::invalid(spec.child("ipFamilyPolicy"), service.spec.ip_family_policy,
                                         "must be set to 'SingleStack' when releasing the secondary clusterIP"));
}

void validate_family_change(const Service& service, const Service& old, const FieldPath& spec, FieldErrors& errors) {
  if (!needs_cluster_ip(service) || !needs_cluster_ip(old) || is_headless(old) || is_headless(service)) return;
  const auto& now = service.spec.ip_families;
  const auto& before = old.spec.ip_families;
  FieldPath first = spec.child("ipFamilies", size_t(0));
  auto changed = [&](const std::vector<std::string>& shown, const char* text) { errors.push_back(FieldError::invalid(first, go_strings(shown), text)); };
  if (now.size() == before.size()) {
    for (size_t i = 0; i < now.size(); ++i)
      if (now[i] != before[i]) changed(now, "may not change once set");
    return;
  }
  bool less = now.size() < before.size();
  if (less && service.spec.cluster_ips.empty()) changed(now, "primary ipFamily can not be unset");
  if (!now.empty() && !before.empty() && now[0] != before[0]) changed(service.spec.cluster_ips, "may not change once set");
  if (less && now.size() == 1 && service.spec.ip_family_policy != "SingleStack")
    errors.push_back(
        FieldError::invalid(spec.child("ipFamilyPolicy"), service.spec.ip_family_policy, "must be set to 'SingleStack' when releasing the secondary ipFamily"));
}

}  // namespace

bool is_headless(const Service& service) { return service.spec.cluster_ips.size() == 1 && service.spec.cluster_ips[0] == "None"; }
bool needs_cluster_ip(const Service& service) { return service.spec.type != "ExternalName"; }
bool needs_node_port(const Service& service) { return service.spec.type == "NodePort" || service.spec.type == "LoadBalancer"; }
bool needs_health_port(const Service& service) { return is_load_balancer(service) && service.spec.external_traffic_policy == "Local"; }
bool externally_accessible(const Service& service) {
  return needs_node_port(service) || (service.spec.type == "ClusterIP" && !service.spec.external_ips.empty());
}

void validate_service_addresses(const Service& service, FieldErrors& errors) {
  if (!needs_cluster_ip(service)) return;
  FieldPath spec("spec");
  const auto& ips = service.spec.cluster_ips;
  const std::string& ip = service.spec.cluster_ip;
  if (!ip.empty() && ips.empty()) errors.push_back(FieldError::required(spec.child("clusterIPs")));
  else if (!ip.empty() && ips[0] != ip) errors.push_back(FieldError::invalid(spec.child("clusterIPs"), go_strings(ips), "first value must match `clusterIP`"));
  else if (ip.empty() && !ips.empty())
    errors.push_back(FieldError::invalid(spec.child("clusterIPs"), go_strings(ips), "must be empty when `clusterIP` is not specified"));
  validate_families(service, spec, errors);
  if (validate_each_address(service, spec, errors)) validate_address_families(service, spec, errors);
}

void validate_service(const Service& service, FieldErrors& errors) {
  FieldPath spec("spec");
  validate_annotations(service, errors);
  validate_by_type(service, spec, errors);
  std::set<std::string> names;
  for (size_t i = 0; i < service.spec.ports.size(); ++i)
    validate_port(service.spec.ports[i], service.spec.ports.size() > 1, names, spec.child("ports", i), errors);
  api::append(errors, api::validate_labels(spec.child("selector"), service.spec.selector));
  validate_affinity(service, spec, errors);
  validate_service_addresses(service, errors);
  for (size_t i = 0; i < service.spec.external_ips.size(); ++i) {
    auto found = api::validate_ip(spec.child("externalIPs", i), service.spec.external_ips[i]);
    if (found.empty()) check_non_special_ip(errors, spec.child("externalIPs", i), service.spec.external_ips[i]);
    api::append(errors, std::move(found));
  }
  if (service.spec.type.empty()) errors.push_back(FieldError::required(spec.child("type")));
  else check_known(errors, spec.child("type"), service.spec.type, {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"});
  validate_unique_ports(service, spec, errors);
  validate_source_ranges(service, spec, errors);
  if (service.spec.allocate_load_balancer_node_ports && !is_load_balancer(service))
    errors.push_back(FieldError::forbidden(spec.child("allocateLoadBalancerNodePorts"), std::string(kOnlyLoadBalancer)));
  if (!service.spec.allocate_load_balancer_node_ports && is_load_balancer(service))
    errors.push_back(FieldError::required(FieldPath("allocateLoadBalancerNodePorts")));
  validate_class(service, nullptr, spec, errors);
  validate_external_policy(service, spec, errors);
  validate_internal_policy(service, spec, errors);
}

void validate_service_update(const Service& service, const Service& old, FieldErrors& errors) {
  FieldPath spec("spec");
  validate_address_change(service, old, spec, errors);
  validate_family_change(service, old, spec, errors);
  validate_class(service, &old, spec, errors);
  if (needs_health_port(old) && needs_health_port(service) && old.spec.health_check_node_port != service.spec.health_check_node_port)
    errors.push_back(FieldError::forbidden(spec.child("healthCheckNodePort"), std::string(api::kFieldImmutable)));
  validate_service(service, errors);
}

void validate_load_balancer_status(const LoadBalancerStatus& status, const ServiceSpec* spec, const FieldPath& path, FieldErrors& errors) {
  if (spec && spec->type != "LoadBalancer" && !status.ingress.empty()) {
    errors.push_back(FieldError::forbidden(path.child("ingress"), "may only be used when `spec.type` is 'LoadBalancer'"));
    return;
  }
  for (size_t i = 0; i < status.ingress.size(); ++i) {
    const auto& ingress = status.ingress[i];
    FieldPath at = path.child("ingress", i), mode = at.child("ipMode"), hostname = at.child("hostname");
    if (!ingress.ip.empty()) api::append(errors, api::validate_ip(at.child("ip"), ingress.ip));
    if (!ingress.ip_mode) {
      if (!ingress.ip.empty()) errors.push_back(FieldError::required(mode, "must be specified when `ip` is set"));
    } else if (ingress.ip.empty()) {
      errors.push_back(FieldError::forbidden(mode, "may not be specified when `ip` is not set"));
    } else {
      check_known(errors, mode, *ingress.ip_mode, {"Proxy", "VIP"});
    }
    if (ingress.hostname.empty()) continue;
    check_subdomain(errors, hostname, ingress.hostname);
    if (api::parse_ip(ingress.hostname)) errors.push_back(FieldError::invalid(hostname, ingress.hostname, "must be a DNS name, not an IP address"));
  }
}

void validate_service_status(const Service& service, FieldErrors& errors) {
  FieldPath status("status");
  validate_load_balancer_status(service.status.load_balancer, &service.spec, status.child("loadBalancer"), errors);
}

void service_warnings(const Service& service, std::vector<std::string>& texts) {
  FieldPath spec("spec");
  if (service.metadata.annotations.contains(kTopologyHints))
    texts.push_back("annotation " + std::string(kTopologyHints) + " is deprecated, please use " + std::string(kTopologyMode) + " instead");
  const auto& ips = service.spec.cluster_ips;
  for (size_t i = 0; !is_headless(service) && i < ips.size(); ++i) warn_ip(texts, spec.child("clusterIPs", i), ips[i]);
  for (size_t i = 0; i < service.spec.external_ips.size(); ++i) warn_ip(texts, spec.child("externalIPs", i), service.spec.external_ips[i]);
  if (!service.spec.load_balancer_ip.empty()) warn_ip(texts, spec.child("loadBalancerIP"), service.spec.load_balancer_ip);
  const auto& ranges = service.spec.load_balancer_source_ranges;
  for (size_t i = 0; i < ranges.size(); ++i) warn_cidr(texts, spec.child("loadBalancerSourceRanges", i), ranges[i]);
  if (service.spec.type == "ExternalName" && !service.spec.external_ips.empty())
    texts.emplace_back("spec.externalIPs is ignored when spec.type is \"ExternalName\"");
  if (service.spec.type != "ExternalName" && !service.spec.external_name.empty())
    texts.emplace_back("spec.externalName is ignored when spec.type is not \"ExternalName\"");
}

}  // namespace reigen::apiserver
