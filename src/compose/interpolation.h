// Variables in the values of a Compose file: $VAR, ${VAR}, ${VAR:-default}, ${VAR-default}, ${VAR:?error}, ${VAR?error}, ${VAR:+other},
// ${VAR+other}, nested; $$ is a dollar. Source: docs.docker.com/reference/compose-file/interpolation.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "api/value.h"
#include "base/result.h"

namespace reigen::compose {

using Environment = std::map<std::string, std::string, std::less<>>;

// What a file asks for, for `config --variables`.
struct VariableUse {
  bool required = false;
  std::string fallback, alternate;
};

struct InterpolationNotes {
  std::set<std::string> unset;  // names that became blank
  std::map<std::string, VariableUse> used;
};

// kInvalidArgument: `invalid interpolation format ...` or `required variable X is missing a value: TEXT`.
Result<std::string> interpolate(std::string_view text, const Environment& environment, InterpolationNotes* notes = nullptr);

// Which variables a tree asks for; nothing is replaced.
void note_variables(const api::Value& tree, InterpolationNotes& notes);

// Every text of a tree but the keys; an error names the place ("services.web.image"), and `where` gives the line, if any, of a pointer.
Status interpolate_tree(api::Value& tree, const Environment& environment, InterpolationNotes* notes,
                        const std::function<std::string(const std::string&)>& where);

}  // namespace reigen::compose
