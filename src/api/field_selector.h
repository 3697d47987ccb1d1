// Field selectors ("metadata.name=x,spec.nodeName!=y"), after k8s.io/apimachinery/pkg/fields.
//
// Which fields a kind offers is the caller's matter: check requirements() against them first.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace reigen::api {

struct FieldRequirement {
  std::string field;
  bool equal = true;  // false: !=
  std::string value;  // unescaped
  bool operator==(const FieldRequirement&) const = default;
};

class FieldSelector {
 public:
  // Matches everything.
  FieldSelector() = default;
  static Result<FieldSelector> parse(std::string_view text);
  static FieldSelector equals(std::string field, std::string value);

  // `lookup` gives a field's text; a field that is not there is empty.
  bool matches(const std::function<std::string(std::string_view field)>& lookup) const;
  bool empty() const { return requirements_.empty(); }
  const std::vector<FieldRequirement>& requirements() const { return requirements_; }
  std::vector<FieldRequirement>& requirements() { return requirements_; }
  // The value the field must have, where the selector says so.
  std::optional<std::string> exact(std::string_view field) const;
  std::string to_string() const;
  bool operator==(const FieldSelector&) const = default;

 private:
  std::vector<FieldRequirement> requirements_;
};

// '\', ',' and '=' get a backslash.
std::string escape_field_value(std::string_view value);

}  // namespace reigen::api
