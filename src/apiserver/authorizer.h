// Authorizer: may this user do that?
//
// Called on an I/O thread for every request and must not block: implementations keep what they need in memory (ObjectReader).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apiserver/user.h"

namespace reigen::apiserver {

// The action asked about (Kubernetes' authorizer.Attributes). Views live as long as the call.
struct AccessRequest {
  const User* user = nullptr;
  std::string_view verb;  // get, list, watch, create, update, patch, delete, deletecollection, ... ; for other paths the method in lower case
  bool resource_request = false;
  std::string_view namespace_;
  std::string_view group;
  std::string_view version;
  std::string_view resource;
  std::string_view subresource;
  std::string_view name;
  std::string_view path;
  std::string_view field_selector;
  std::string_view label_selector;
};

enum class Decision : unsigned char { kAllow, kDeny, kNoOpinion };

struct Verdict {
  Decision decision = Decision::kNoOpinion;
  std::string reason;  // shown to the user in the 403's message
  std::string error;   // what went wrong while deciding (a role that is missing); shown by SubjectAccessReview
};

struct ResourceRule {
  std::vector<std::string> verbs, groups, resources, names;
};
struct NonResourceRule {
  std::vector<std::string> verbs, urls;
};
// What SelfSubjectRulesReview answers.
struct RuleList {
  std::vector<ResourceRule> resource_rules;
  std::vector<NonResourceRule> non_resource_rules;
  bool incomplete = false;
  std::string error;
};

class Authorizer {
 public:
  virtual ~Authorizer() = default;
  virtual Verdict authorize(const AccessRequest& request) = 0;
  // Adds the rules that apply to the user in the namespace. The default knows none and says so.
  virtual void add_rules(const User& /*user*/, std::string_view /*namespace_*/, RuleList& rules) { rules.incomplete = true; }
};

// Asks one after the other; the first that allows or denies decides. Does not own them.
class UnionAuthorizer final : public Authorizer {
 public:
  explicit UnionAuthorizer(std::vector<Authorizer*> authorizers) : authorizers_(std::move(authorizers)) {}
  Verdict authorize(const AccessRequest& request) override;
  void add_rules(const User& user, std::string_view namespace_, RuleList& rules) override;

 private:
  std::vector<Authorizer*> authorizers_;
};

// Allows the group system:masters everything, and says nothing about others.
class MastersAuthorizer final : public Authorizer {
 public:
  Verdict authorize(const AccessRequest& request) override;
  void add_rules(const User& user, std::string_view namespace_, RuleList& rules) override;
};

}  // namespace reigen::apiserver
