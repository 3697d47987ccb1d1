// UnionAuthenticator: asks one authenticator after the other until one knows the sender.
#pragma once

#include <vector>

#include "apiserver/authenticator.h"

namespace reigen::apiserver {

// Does not own them. An error of one is kept; the next are still asked, and when nobody knows the sender the error is the answer.
class UnionAuthenticator final : public Authenticator, public TokenAuthenticator {
 public:
  UnionAuthenticator(std::vector<Authenticator*> authenticators, std::vector<TokenAuthenticator*> token_authenticators)
      : authenticators_(std::move(authenticators)), token_authenticators_(std::move(token_authenticators)) {}

  Result<Authentication> authenticate(const Credentials& credentials) override;
  Result<Authentication> authenticate_token(std::string_view token, const std::vector<std::string>& audiences) override;

 private:
  std::vector<Authenticator*> authenticators_;
  std::vector<TokenAuthenticator*> token_authenticators_;
};

}  // namespace reigen::apiserver
