#include "api/admissionregistrationv1.h"
#include "api/apiextensionsv1.h"
#include "api/apiregistrationv1.h"
#include "api/defaults/hooks.h"

namespace reigen::api {
namespace {

namespace admission = admissionregistrationv1;

template <class Webhook>
void default_webhook(Webhook& webhook) {
  default_to(webhook.failure_policy, "Fail");
  default_to(webhook.match_policy, "Equivalent");
  webhook.namespace_selector.ensure();
  webhook.object_selector.ensure();
  default_to(webhook.timeout_seconds, 10);
}

void default_validating_webhook(admission::ValidatingWebhook& webhook) { default_webhook(webhook); }
void default_mutating_webhook(admission::MutatingWebhook& webhook) {
  default_webhook(webhook);
  default_to(webhook.reinvocation_policy, "Never");
}
void default_rule(admission::Rule& rule) { default_to(rule.scope, "*"); }
void default_policy(admission::ValidatingAdmissionPolicySpec& spec) { default_to(spec.failure_policy, "Fail"); }
void default_match(admission::MatchResources& match) {
  default_to(match.match_policy, "Equivalent");
  match.namespace_selector.ensure();
  match.object_selector.ensure();
}
void default_webhook_service(admission::ServiceReference& service) { default_to(service.port, 443); }
void default_conversion_service(apiextensionsv1::ServiceReference& service) { default_to(service.port, 443); }
void default_api_service(apiregistrationv1::ServiceReference& service) { default_to(service.port, 443); }

void default_definition(apiextensionsv1::CustomResourceDefinition& definition) {
  auto& spec = definition.spec;
  if (spec.names.singular.empty())
    for (char c : spec.names.kind) spec.names.singular += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (!spec.names.kind.empty()) default_text(spec.names.list_kind, spec.names.kind + "List");
  if (!spec.conversion) spec.conversion.emplace().strategy = "None";
  if (!definition.status.stored_versions.empty()) return;
  for (const auto& version : spec.versions) {
    if (!version.storage) continue;
    definition.status.stored_versions.push_back(version.name);
    break;
  }
}

}  // namespace

void add_extension_defaults(DefaultHooks& hooks) {
  hooks.add<default_validating_webhook>();
  hooks.add<default_mutating_webhook>();
  hooks.add<default_rule>();
  hooks.add<default_policy>();
  hooks.add<default_match>();
  hooks.add<default_webhook_service>();
  hooks.add<default_conversion_service>();
  hooks.add<default_api_service>();
  hooks.add<default_definition>();
}

}  // namespace reigen::api
