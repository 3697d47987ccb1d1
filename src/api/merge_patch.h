// JSON merge patch (RFC 7386), as kube-apiserver applies it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/value.h"
#include "base/result.h"

namespace reigen::api {

// The patch, an object. Errors are statuses (400). With `strict_findings` duplicate members are named there, as `duplicate field "a.b"`.
Result<Value> parse_merge_patch(std::string_view text, std::vector<std::string>* strict_findings = nullptr);

void apply_merge_patch(Value& document, Value patch);

// The merge patch that makes `to` of `from`. Null members of `to` cannot be said and are left out.
Value make_merge_patch(const Value& from, const Value& to);

}  // namespace reigen::api
