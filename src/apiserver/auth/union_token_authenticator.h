// UnionTokenAuthenticator: asks one after the other until one knows the token.
#pragma once

#include <vector>

#include "apiserver/authenticator.h"

namespace reigen::apiserver {

// Does not own them. An error of one is kept; the next are still asked, and when nobody knows the token the error is the answer.
class UnionTokenAuthenticator final : public TokenAuthenticator {
 public:
  explicit UnionTokenAuthenticator(std::vector<TokenAuthenticator*> authenticators) : authenticators_(std::move(authenticators)) {}
  Result<Authentication> authenticate_token(std::string_view token, const std::vector<std::string>& audiences) override;

 private:
  std::vector<TokenAuthenticator*> authenticators_;
};

}  // namespace reigen::apiserver
