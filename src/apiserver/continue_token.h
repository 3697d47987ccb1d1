// Continue tokens of paginated lists, in kube-apiserver's form: base64url of {"v":"meta.k8s.io/v1","rv":N,"start":"ns/name\0"}.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace reigen::apiserver {

struct ContinueToken {
  int64_t revision = 0;  // -1: from the newest state ("inconsistent continuation" after the history was dropped)
  std::string start;     // the key to start with, relative to the resource's prefix
};

std::string encode_continue(const ContinueToken& token);
// kInvalidArgument with Kubernetes' text for anything that is no token.
Result<ContinueToken> decode_continue(std::string_view text);

}  // namespace reigen::apiserver
