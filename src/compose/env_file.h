// Files of variables: `.env`, `--env-file`, `env_file:` and `label_file:`. As compose-go's dotenv reads them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "compose/interpolation.h"

namespace reigen::compose {

// KEY=value lines, `export ` before them, # comments; 'single' quotes as they are, "double" ones with \n, \t, \" ... and variables (also
// those above); several lines within quotes. A key alone takes its value from `outer`, or is left out. kInvalidArgument: "line N: ...".
Result<Environment> parse_env_file(std::string_view text, const Environment& outer);

// `format: raw`: everything behind the first '=' is the value.
Result<Environment> parse_raw_env_file(std::string_view text, const Environment& outer);

// Read and parsed; errors name the file.
Result<Environment> read_env_file(const std::string& path, const Environment& outer, bool raw = false);

}  // namespace reigen::compose
