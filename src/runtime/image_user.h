// Who a container runs as: names resolved in the image's own /etc/passwd and /etc/group (foreign text).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/spec.h"

namespace reigen::runtime {

struct ResolvedUser {
  uint32_t uid = 0, gid = 0;
  std::vector<uint32_t> groups;
  std::string home;  // "/" when unknown
};

// Numbers need no entry; an unknown name is kInvalidArgument, in Docker's words.
Result<ResolvedUser> resolve_user(const User& user, std::string_view passwd, std::string_view group);

// Reads both files below `root` without following links out of it; missing ones are empty.
Result<ResolvedUser> resolve_user_in(const User& user, const std::string& root);

}  // namespace reigen::runtime
