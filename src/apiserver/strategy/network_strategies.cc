// NetworkPolicy, Ingress, IngressClass: rules of pkg/apis/networking/validation.

#include "api/corev1.h"
#include "api/label_selector.h"
#include "api/metav1.h"
#include "api/networkingv1.h"
#include "api/object.h"
#include "apiserver/metadata.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/strategy/other_strategies.h"
#include "apiserver/validation/checks.h"

namespace reigen::apiserver {
namespace {

using api::BadValue;
using api::FieldError;
using api::FieldErrors;
using api::FieldPath;
using api::Object;
using namespace api::networkingv1;

void check_policy_port(FieldErrors& errors, const FieldPath& path, const NetworkPolicyPort& port) {
  FieldPath number = path.child("port"), end = path.child("endPort");
  if (port.protocol) check_known(errors, path.child("protocol"), *port.protocol, {"TCP", "UDP", "SCTP"});
  if (!port.port) {
    if (port.end_port) errors.push_back(FieldError::invalid(end, port.end_port, "may not be specified when `port` is not specified"));
    return;
  }
  if (port.port->is_string) {
    if (port.end_port) errors.push_back(FieldError::invalid(end, port.end_port, "may not be specified when `port` is non-numeric"));
    return check_port_or_name(errors, number, *port.port);
  }
  check_port(errors, number, port.port->number);
  if (!port.end_port) return;
  if (*port.end_port < port.port->number) errors.push_back(FieldError::invalid(end, port.port->number, "must be greater than or equal to `port`"));
  check_port(errors, end, *port.end_port);
}

void check_block(FieldErrors& errors, const FieldPath& path, const IPBlock& block) {
  if (block.cidr.empty()) return errors.push_back(FieldError::required(path.child("cidr")));
  api::append(errors, api::validate_cidr(path.child("cidr"), block.cidr));
  auto whole = api::parse_cidr(block.cidr);
  for (size_t i = 0; whole && i < block.except.size(); ++i) {
    api::append(errors, api::validate_cidr(path.child("except", i), block.except[i]));
    auto part = api::parse_cidr(block.except[i]);
    if (part && (!whole->contains(part->network()) || whole->prefix >= part->prefix))
      errors.push_back(FieldError::invalid(path.child("except", i), block.except[i], "must be a strict subset of `cidr`"));
  }
}

void check_peer(FieldErrors& errors, const FieldPath& path, const NetworkPolicyPeer& peer, bool lenient) {
  if (peer.pod_selector) api::append(errors, api::validate_label_selector(path.child("podSelector"), *peer.pod_selector, lenient));
  if (peer.namespace_selector) api::append(errors, api::validate_label_selector(path.child("namespaceSelector"), *peer.namespace_selector, lenient));
  if (peer.ip_block) check_block(errors, path.child("ipBlock"), *peer.ip_block);
  if (!peer.pod_selector && !peer.namespace_selector && !peer.ip_block) errors.push_back(FieldError::required(path, "must specify a peer"));
  else if (peer.ip_block && (peer.pod_selector || peer.namespace_selector))
    errors.push_back(FieldError::forbidden(path, "may not specify both ipBlock and another peer"));
}

void check_policy_rule(FieldErrors& errors, const FieldPath& path, const std::vector<NetworkPolicyPort>& ports, const char* side,
                       const std::vector<NetworkPolicyPeer>& peers, bool lenient) {
  for (size_t i = 0; i < ports.size(); ++i) check_policy_port(errors, path.child("ports", i), ports[i]);
  for (size_t i = 0; i < peers.size(); ++i) check_peer(errors, path.child(side, i), peers[i], lenient);
}

void check_policy(FieldErrors& errors, const NetworkPolicySpec& policy, bool lenient) {
  FieldPath spec("spec");
  api::append(errors, api::validate_label_selector(spec.child("podSelector"), policy.pod_selector, lenient));
  for (size_t i = 0; i < policy.ingress.size(); ++i)
    check_policy_rule(errors, spec.child("ingress", i), policy.ingress[i].ports, "from", policy.ingress[i].from, lenient);
  for (size_t i = 0; i < policy.egress.size(); ++i)
    check_policy_rule(errors, spec.child("egress", i), policy.egress[i].ports, "to", policy.egress[i].to, lenient);
  if (policy.policy_types.size() > 2)
    return errors.push_back(FieldError::invalid(spec.child("policyTypes"), go_strings(policy.policy_types), "may not specify more than two policyTypes"));
  for (size_t i = 0; i < policy.policy_types.size(); ++i) check_known(errors, spec.child("policyTypes", i), policy.policy_types[i], {"Ingress", "Egress"});
}

class NetworkPolicyStrategy final : public Strategy {
 public:
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override { check_policy(errors, object.as<NetworkPolicy>().spec, false); }
  void validate_update(StrategyContext&, const Object& object, const Object& old, FieldErrors& errors) const override {
    bool lenient = !api::validate_label_selector(FieldPath(), old.as<NetworkPolicy>().spec.pod_selector).empty();
    repeat_meta(*this, object, true, errors);
    // Kubernetes validates the whole twice.
    check_policy(errors, object.as<NetworkPolicy>().spec, lenient);
    check_policy(errors, object.as<NetworkPolicy>().spec, lenient);
  }
  bool counts_generation() const override { return true; }
};

void check_reference(FieldErrors& errors, const FieldPath& path, const std::optional<std::string>& group, const std::string& kind, const std::string& name) {
  if (group) check_subdomain(errors, path.child("apiGroup"), *group);
  if (kind.empty()) errors.push_back(FieldError::required(path.child("kind"), "kind is required"));
  else api::add_invalid(errors, path.child("kind"), kind, api::is_path_segment_name(kind));
  if (name.empty()) errors.push_back(FieldError::required(path.child("name"), "name is required"));
  else api::add_invalid(errors, path.child("name"), name, api::is_path_segment_name(name));
}

void check_service_backend(FieldErrors& errors, const FieldPath& path, const IngressServiceBackend& service) {
  FieldPath at = path.child("service"), port = at.child("port"), name = at.child("name");
  if (service.name.empty()) errors.push_back(FieldError::required(name));
  else api::add_invalid(errors, name, service.name, api::is_dns1035_label(service.name));
  bool named = !service.port.name.empty(), numbered = service.port.number != 0;
  if (named && numbered) errors.push_back(FieldError::invalid(path, "", "cannot set both port name & port number"));
  else if (named) api::add_invalid(errors, port.child("name"), service.port.name, api::is_port_name(service.port.name));
  else if (numbered) check_port(errors, port.child("number"), service.port.number);
  else errors.push_back(FieldError::required(path, "port name or number is required"));
}

void check_backend(FieldErrors& errors, const FieldPath& path, const IngressBackend& backend) {
  if (backend.resource && backend.service) errors.push_back(FieldError::invalid(path, "", "cannot set both resource and service backends"));
  else if (backend.resource) check_reference(errors, path.child("resource"), backend.resource->api_group, backend.resource->kind, backend.resource->name);
  else if (backend.service) check_service_backend(errors, path, *backend.service);
  else errors.push_back(FieldError::invalid(path, "", "resource or service backend is required"));
}

void check_path(FieldErrors& errors, const FieldPath& path, const HTTPIngressPath& rule) {
  FieldPath at = path.child("path");
  if (!rule.path_type) return errors.push_back(FieldError::required(path.child("pathType"), "pathType must be specified"));
  bool strict = *rule.path_type == "Exact" || *rule.path_type == "Prefix";
  auto wrong = [&](std::string text) { errors.push_back(FieldError::invalid(at, rule.path, std::move(text))); };
  if ((strict || (*rule.path_type == "ImplementationSpecific" && !rule.path.empty())) && !rule.path.starts_with('/')) wrong("must be an absolute path");
  if (strict) {
    for (const char* part : {"//", "/./", "/../", "%2f", "%2F"})
      if (rule.path.find(part) != std::string::npos) wrong("must not contain '" + std::string(part) + "'");
    for (const char* end : {"/..", "/."})
      if (rule.path.ends_with(end)) wrong("cannot end with '" + std::string(end) + "'");
  }
  check_known(errors, path.child("pathType"), *rule.path_type, {"Exact", "ImplementationSpecific", "Prefix"});
  check_backend(errors, path.child("backend"), rule.backend);
}

void check_paths(FieldErrors& errors, const FieldPath& rule, const api::Box<HTTPIngressRuleValue>& http) {
  if (!http) return;
  FieldPath path = rule.child("http");
  if (http->paths.empty()) errors.push_back(FieldError::required(path.child("paths")));
  for (size_t i = 0; i < http->paths.size(); ++i) check_path(errors, path.child("paths", i), http->paths[i]);
}

bool is_wildcard(const std::string& host) { return host.find('*') != std::string::npos; }

void check_host(FieldErrors& errors, const FieldPath& path, const std::string& host) {
  api::add_invalid(errors, path, host, is_wildcard(host) ? api::is_wildcard_dns1123_subdomain(host) : api::is_dns1123_subdomain(host));
}

// What an object that was stored before the rules came may keep.
struct Lenience {
  bool secret_names = false, wildcard_rules = false;
};

Lenience lenience_of(const IngressSpec& old) {
  Lenience lenience;
  for (const auto& tls : old.tls)
    if (!tls.secret_name.empty() && !api::is_dns1123_subdomain(tls.secret_name).empty()) lenience.secret_names = true;
  for (const auto& rule : old.rules) {
    FieldErrors errors;
    FieldPath path;
    if (is_wildcard(rule.host)) check_paths(errors, path, rule.http);
    if (!errors.empty()) lenience.wildcard_rules = true;
  }
  return lenience;
}

void check_ingress(FieldErrors& errors, const IngressSpec& ingress, const Lenience& lenience) {
  FieldPath spec("spec");
  if (ingress.rules.empty() && !ingress.default_backend)
    errors.push_back(FieldError::invalid(spec, BadValue::raw("[]networking.IngressRule(nil)"), "either `defaultBackend` or `rules` must be specified"));
  if (ingress.default_backend) check_backend(errors, spec.child("defaultBackend"), *ingress.default_backend);
  for (size_t i = 0; i < ingress.rules.size(); ++i) {
    FieldPath path = spec.child("rules", i), host = path.child("host");
    const auto& rule = ingress.rules[i];
    if (!rule.host.empty() && api::parse_ip(rule.host)) errors.push_back(FieldError::invalid(host, rule.host, "must be a DNS name, not an IP address"));
    if (!rule.host.empty()) check_host(errors, host, rule.host);
    if (!is_wildcard(rule.host) || !lenience.wildcard_rules) check_paths(errors, path, rule.http);
  }
  for (size_t i = 0; i < ingress.tls.size(); ++i) {
    FieldPath path = spec.child("tls", i);
    const auto& tls = ingress.tls[i];
    for (size_t h = 0; h < tls.hosts.size(); ++h) check_host(errors, path.child("hosts", h), tls.hosts[h]);
    if (!lenience.secret_names && !tls.secret_name.empty()) check_subdomain(errors, path.child("secretName"), tls.secret_name);
  }
  if (ingress.ingress_class_name) check_subdomain(errors, spec.child("ingressClassName"), *ingress.ingress_class_name);
}

class IngressStrategy final : public Strategy {
 public:
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    const Ingress& ingress = object.as<Ingress>();
    check_ingress(errors, ingress.spec, {});
    const std::string* annotation = ingress.metadata.annotations.get(kClass);
    FieldPath annotations("annotations");
    if (annotation && ingress.spec.ingress_class_name && *annotation != *ingress.spec.ingress_class_name)
      errors.push_back(FieldError::invalid(annotations.child(kClass), *annotation, "must match `ingressClassName` when both are specified"));
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    const Ingress& ingress = object.as<Ingress>();
    if (context.part == Part::kStatus) return check_status(errors, ingress);
    repeat_meta(*this, object, true, errors);
    check_ingress(errors, ingress.spec, lenience_of(old.as<Ingress>().spec));
  }
  void warnings(StrategyContext&, const Object& object, std::vector<std::string>& texts) const override {
    const Ingress& ingress = object.as<Ingress>();
    if (ingress.metadata.annotations.contains(kClass) && !ingress.spec.ingress_class_name)
      texts.emplace_back("annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead");
  }
  void warnings_on_update(StrategyContext&, const Object&, const Object&, std::vector<std::string>&) const override {}
  bool counts_generation() const override { return true; }

 private:
  static constexpr std::string_view kClass = "kubernetes.io/ingress.class";
  static void check_status(FieldErrors& errors, const Ingress& ingress) {
    FieldPath status("status"), balancer = status.child("loadBalancer");
    const auto& points = ingress.status.load_balancer.ingress;
    for (size_t i = 0; i < points.size(); ++i) {
      FieldPath path = balancer.child("ingress", i), host = path.child("hostname");
      if (!points[i].ip.empty()) api::append(errors, api::validate_ip(path.child("ip"), points[i].ip));
      if (points[i].hostname.empty()) continue;
      check_subdomain(errors, host, points[i].hostname);
      if (api::parse_ip(points[i].hostname)) errors.push_back(FieldError::invalid(host, points[i].hostname, "must be a DNS name, not an IP address"));
    }
  }
};

void check_parameters(FieldErrors& errors, const FieldPath& path, const IngressClassParametersReference& parameters) {
  FieldPath scope = path.child("scope"), ns = path.child("namespace");
  check_reference(errors, path, parameters.api_group, parameters.kind, parameters.name);
  if (!parameters.scope) return errors.push_back(FieldError::required(scope));
  check_known(errors, scope, *parameters.scope, {"Cluster", "Namespace"});
  if (*parameters.scope == "Namespace") {
    if (!parameters.namespace_) errors.push_back(FieldError::required(ns, "`parameters.scope` is set to 'Namespace'"));
    else check_label(errors, ns, *parameters.namespace_);
  }
  if (*parameters.scope == "Cluster" && parameters.namespace_) errors.push_back(FieldError::forbidden(ns, "`parameters.scope` is set to 'Cluster'"));
}

class IngressClassStrategy final : public Strategy {
 public:
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    constexpr size_t kMaxController = 250;
    const auto& wanted = object.as<IngressClass>().spec;
    FieldPath spec("spec"), controller = spec.child("controller");
    if (wanted.controller.size() > kMaxController) errors.push_back(FieldError::too_long(controller, kMaxController));
    api::append(errors, api::validate_domain_prefixed_path(controller, wanted.controller));
    if (wanted.parameters) check_parameters(errors, spec.child("parameters"), *wanted.parameters);
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    FieldPath spec("spec");
    check_immutable(errors, spec.child("controller"), object.as<IngressClass>().spec.controller, old.as<IngressClass>().spec.controller);
    repeat_meta(*this, object, false, errors);
    validate(context, object, errors);
  }
  bool counts_generation() const override { return true; }
};

}  // namespace

const Strategy& network_policy_strategy() { return instance<NetworkPolicyStrategy>(); }
const Strategy& ingress_strategy() { return instance<IngressStrategy>(); }
const Strategy& ingress_class_strategy() { return instance<IngressClassStrategy>(); }

}  // namespace reigen::apiserver
