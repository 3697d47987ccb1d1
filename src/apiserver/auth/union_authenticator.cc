#include "apiserver/auth/union_authenticator.h"

#include <optional>

#include "apiserver/auth/credential_file.h"

namespace reigen::apiserver {
namespace {

template <class List, class Ask>
Result<Authentication> ask_all(const List& list, const Ask& ask) {
  std::optional<Error> error;
  for (auto* authenticator : list) {
    auto answer = ask(*authenticator);
    if (answer && answer->user) return answer;
    if (!answer) error = std::move(answer).error();
  }
  if (error) return Fail(std::move(*error));
  return Authentication{};
}

}  // namespace

Result<Authentication> UnionAuthenticator::authenticate(const Credentials& credentials) {
  auto answer = ask_all(authenticators_, [&](Authenticator& authenticator) { return authenticator.authenticate(credentials); });
  // A token that nobody knows is a wrong one, not an anonymous request.
  if (answer && !answer->user && !bearer_token(credentials).empty()) return fail(Code::kUnauthenticated, "invalid bearer token");
  return answer;
}

Result<Authentication> UnionAuthenticator::authenticate_token(std::string_view token, const std::vector<std::string>& audiences) {
  return ask_all(token_authenticators_, [&](TokenAuthenticator& authenticator) { return authenticator.authenticate_token(token, audiences); });
}

}  // namespace reigen::apiserver
