// Values as Go's %q and %v print them, which Kubernetes' messages are full of.
#pragma once

#include <string>
#include <string_view>

namespace reigen::api {

std::string go_quote(std::string_view text);

class Value;
// A document as Go's %v prints unstructured content: map[a:1 b:[x y]], <nil>.
std::string go_print(const Value& value);
// "map", "slice", "string", ...: how messages name the Go type of a document's node.
std::string_view go_type_name(const Value& value);
// "array", "object", "number", ...: how Go's JSON errors name a node.
std::string_view json_type_name(const Value& value);

}  // namespace reigen::api
