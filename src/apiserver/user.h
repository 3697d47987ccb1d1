// User: who a request comes from, as authentication found it. Names and groups as in Kubernetes' user.Info.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace reigen::apiserver {

struct User {
  std::string name;
  std::string uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;

  bool in_group(std::string_view group) const { return std::find(groups.begin(), groups.end(), group) != groups.end(); }
};

// Users are immutable once made, so that a token's user is shared by all its requests.
using UserPtr = std::shared_ptr<const User>;

inline constexpr std::string_view kAnonymous = "system:anonymous";
inline constexpr std::string_view kGroupAuthenticated = "system:authenticated";
inline constexpr std::string_view kGroupUnauthenticated = "system:unauthenticated";
inline constexpr std::string_view kGroupMasters = "system:masters";
inline constexpr std::string_view kGroupNodes = "system:nodes";
inline constexpr std::string_view kGroupServiceAccounts = "system:serviceaccounts";

}  // namespace reigen::apiserver
