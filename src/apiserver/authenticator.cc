#include "apiserver/authenticator.h"

namespace reigen::apiserver {
namespace {

template <class List, class Ask>
Result<Authentication> first_of(const List& authenticators, Ask ask) {
  Result<Authentication> refused = Authentication{};
  for (auto* authenticator : authenticators) {
    Result<Authentication> found = ask(*authenticator);
    if (found && found->user) return found;
    if (!found && refused) refused = std::move(found);
  }
  return refused;
}

}  // namespace

Result<Authentication> UnionAuthenticator::authenticate(const Credentials& credentials) {
  return first_of(authenticators_, [&](Authenticator& one) { return one.authenticate(credentials); });
}

Result<Authentication> UnionTokenAuthenticator::authenticate_token(std::string_view token, const std::vector<std::string>& audiences) {
  return first_of(authenticators_, [&](TokenAuthenticator& one) { return one.authenticate_token(token, audiences); });
}

}  // namespace reigen::apiserver
