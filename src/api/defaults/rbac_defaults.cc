#include "api/authenticationv1.h"
#include "api/defaults/hooks.h"
#include "api/rbacv1.h"

namespace reigen::api {
namespace {

constexpr std::string_view kGroup = "rbac.authorization.k8s.io";

void default_cluster_role_binding(rbacv1::ClusterRoleBinding& binding) { default_text(binding.role_ref.api_group, kGroup); }
void default_role_binding(rbacv1::RoleBinding& binding) { default_text(binding.role_ref.api_group, kGroup); }

void default_subject(rbacv1::Subject& subject) {
  if (subject.kind == "User" || subject.kind == "Group") default_text(subject.api_group, kGroup);
}

void default_token_request(authenticationv1::TokenRequestSpec& spec) { default_to(spec.expiration_seconds, int64_t{3600}); }

}  // namespace

void add_rbac_defaults(DefaultHooks& hooks) {
  hooks.add<default_cluster_role_binding>();
  hooks.add<default_role_binding>();
  hooks.add<default_subject>();
  hooks.add<default_token_request>();
}

}  // namespace reigen::api
