#include "apiserver/auth/certificate_authenticator.h"

namespace reigen::apiserver {

Result<Authentication> CertificateAuthenticator::authenticate(const Credentials& credentials) {
  Authentication result;
  if (credentials.certificate_common_name.empty()) return result;
  auto user = std::make_shared<User>();
  user->name = credentials.certificate_common_name;
  user->uid = credentials.certificate_uid;
  user->groups.assign(credentials.certificate_organizations.begin(), credentials.certificate_organizations.end());
  user->extra["authentication.kubernetes.io/credential-id"] = {"X509SHA256=" + std::string(credentials.certificate_id)};
  result.user = std::move(user);
  return result;
}

}  // namespace reigen::apiserver
