// The `reigen image …` commands: import, ls, rm, build, save, pull, inspect, prune, tag.
#pragma once

#include <string>
#include <vector>

namespace reigen::build {

// `args` are the words after `reigen image`. Data goes to stdout, errors (one line) and progress to stderr. Returns the exit
// code: 0; 1 when it failed; 2 when the command line is wrong.
int image_command(const std::vector<std::string>& args);

}  // namespace reigen::build
