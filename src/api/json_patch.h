// JSON patch (RFC 6902) with the behaviour of the library kube-apiserver uses: `replace` makes a missing member, array indexes
// may count from the end, and every failure of an operation is the same 422.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/value.h"
#include "base/result.h"

namespace reigen::api {

inline constexpr size_t kMaxJsonPatchOperations = 10000;
inline constexpr size_t kMaxJsonPatchCopyBytes = 3 << 20;

// The operations. Errors are statuses (400; 413 for too many operations). With `strict_findings` unknown and duplicate members are named
// there, as `json patch unknown field "[0].x"`.
Result<Value> parse_json_patch(std::string_view text, std::vector<std::string>* strict_findings = nullptr);

// On an error (a status, 422) the document is left in an undefined state.
Status apply_json_patch(Value& document, const Value& patch);

}  // namespace reigen::api
