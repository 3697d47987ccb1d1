// Strategic merge patch: a merge patch that merges lists by the keys in the schema, with directives ($patch, $setElementOrder/x,
// $deleteFromPrimitiveList/x, $retainKeys). Rules and messages follow k8s.io/apimachinery/pkg/util/strategicpatch.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/value.h"
#include "base/result.h"

namespace reigen::api {

struct TypeDesc;

// The patch, an object. Errors are statuses (400). With `strict_findings` duplicate members are named there.
Result<Value> parse_strategic_patch(std::string_view text, std::vector<std::string>* strict_findings = nullptr);

// `type` is the table of the object's kind. Errors are statuses: 400 and 422 for malformed directives, else 500 without a reason, as
// kube-apiserver answers. On an error the object is left in an undefined state.
Status apply_strategic_patch(Value& object, Value patch, const TypeDesc& type);

}  // namespace reigen::api
