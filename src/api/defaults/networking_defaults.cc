#include "api/defaults/hooks.h"
#include "api/discoveryv1.h"
#include "api/networkingv1.h"

namespace reigen::api {
namespace {

void default_policy_port(networkingv1::NetworkPolicyPort& port) { default_to(port.protocol, "TCP"); }

void default_network_policy(networkingv1::NetworkPolicy& policy) {
  auto& types = policy.spec.policy_types;
  if (!types.empty()) return;
  types.emplace_back("Ingress");
  if (!policy.spec.egress.empty()) types.emplace_back("Egress");
}

void default_ingress_class(networkingv1::IngressClass& ingress_class) {
  if (ingress_class.spec.parameters) default_to(ingress_class.spec.parameters->scope, "Cluster");
}

void default_endpoint_port(discoveryv1::EndpointPort& port) {
  default_to(port.name, "");
  default_to(port.protocol, "TCP");
}

}  // namespace

void add_networking_defaults(DefaultHooks& hooks) {
  hooks.add<default_policy_port>();
  hooks.add<default_network_policy>();
  hooks.add<default_ingress_class>();
  hooks.add<default_endpoint_port>();
}

}  // namespace reigen::api
