// `reigen compose …`.
#pragma once

#include <string>
#include <vector>

namespace reigen::compose {

// `arguments`: the words after `reigen compose`. Returns the exit code, as docker compose's: 14 a file is missing, 15 a file is wrong, 16 the command
// line is wrong, 130 interrupted, 1 anything else that failed; run, exec, up --exit-code-from and wait give the program's.
int compose_command(const std::vector<std::string>& arguments);

}  // namespace reigen::compose
