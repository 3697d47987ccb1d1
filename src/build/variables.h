// Variables in instructions: $x, ${x}, ${x:-y}, ${x:+y}, ${x:?y}, ${x-y}, ${x+y}, ${x?y}; quotes and escapes as a Dockerfile
// has them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace reigen::build {

using Lookup = std::function<std::optional<std::string>(const std::string&)>;

// One word: expanded, quotes removed, escapes undone. At most 1 MiB comes out.
Result<std::string> expand_word(std::string_view word, char escape, const Lookup& lookup);
// Words split at blanks; an unquoted variable may become several words.
Result<std::vector<std::string>> expand_words(std::string_view text, char escape, const Lookup& lookup);
// Variables only, quotes stay: for the contents of heredocs.
Result<std::string> expand_text(std::string_view text, char escape, const Lookup& lookup);

}  // namespace reigen::build
