#include "apiserver/auth/union_token_authenticator.h"

#include <optional>

namespace reigen::apiserver {

Result<Authentication> UnionTokenAuthenticator::authenticate_token(std::string_view token, const std::vector<std::string>& audiences) {
  std::optional<Error> error;
  for (auto* authenticator : authenticators_) {
    auto answer = authenticator->authenticate_token(token, audiences);
    if (answer && answer->user) return answer;
    if (!answer) error = std::move(answer).error();
  }
  if (error) return Fail(std::move(*error));
  return Authentication{};
}

}  // namespace reigen::apiserver
