// The Node authorizer: a node reads and writes what its own pods need, and nothing else (KEP-279, KEP-4601).
#pragma once

#include "apiserver/authorizer.h"
#include "apiserver/object_reader.h"

namespace reigen::apiserver {

// The node's name of a user system:node:NAME in group system:nodes; empty for any other user.
std::string_view node_name_of(const User& user);

// Thread-safe.
class NodeAuthorizer final : public Authorizer {
 public:
  explicit NodeAuthorizer(ObjectReader& reader) : reader_(reader) {}
  Verdict authorize(const AccessRequest& request) override;
  // What a node may do depends on its pods: no list of rules says it. Nobody else has rules here.
  void add_rules(const User& user, std::string_view, RuleList& rules) override {
    if (!node_name_of(user).empty()) rules.incomplete = true;
  }

 private:
  Verdict authorize_related(const AccessRequest& request, std::string_view node, std::string_view kind);
  Verdict authorize_container(const AccessRequest& request, std::string_view node);
  bool related(std::string_view node, const AccessRequest& request) const;

  ObjectReader& reader_;
};

}  // namespace reigen::apiserver
