// Client certificates: the common name is the user, the organizations are the groups.
#pragma once

#include "apiserver/authenticator.h"

namespace reigen::apiserver {

// The TLS layer has verified the chain against the client CA.
class CertificateAuthenticator final : public Authenticator {
 public:
  Result<Authentication> authenticate(const Credentials& credentials) override;
};

}  // namespace reigen::apiserver
