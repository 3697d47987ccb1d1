#include "apiserver/authorizer.h"

namespace reigen::apiserver {

Verdict UnionAuthorizer::authorize(const AccessRequest& request) {
  Verdict joined;
  for (Authorizer* authorizer : authorizers_) {
    Verdict verdict = authorizer->authorize(request);
    if (verdict.decision != Decision::kNoOpinion) return verdict;
    if (!verdict.reason.empty()) joined.reason += (joined.reason.empty() ? "" : "\n") + verdict.reason;
    if (!verdict.error.empty()) joined.error += (joined.error.empty() ? "" : ", ") + verdict.error;
  }
  return joined;
}

void UnionAuthorizer::add_rules(const User& user, std::string_view namespace_, RuleList& rules) {
  for (Authorizer* authorizer : authorizers_) authorizer->add_rules(user, namespace_, rules);
}

Verdict MastersAuthorizer::authorize(const AccessRequest& request) {
  if (request.user && request.user->in_group(kGroupMasters)) return {.decision = Decision::kAllow, .reason = {}, .error = {}};
  return {};
}

void MastersAuthorizer::add_rules(const User& user, std::string_view, RuleList& rules) {
  if (!user.in_group(kGroupMasters)) return;
  rules.resource_rules.push_back({{"*"}, {"*"}, {"*"}, {}});
  rules.non_resource_rules.push_back({{"*"}, {"*"}});
}

}  // namespace reigen::apiserver
