// The JSON array of strings of an instruction's exec form.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reigen::build {

// False when the text is anything else: then the instruction has the shell form.
bool parse_json_list(std::string_view text, std::vector<std::string>& out);
// An array that holds something else than strings, which no instruction takes.
bool is_mixed_json_list(std::string_view text);

}  // namespace reigen::build
