// Stage: what one FROM … has become so far.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "build/dockerfile.h"
#include "build/variables.h"
#include "image/image_config.h"

namespace reigen::build {

struct Stage {
  std::string name;  // AS …, lower case; may be empty
  image::ImageConfig config;
  std::string chain;                                       // of its layers; empty: none
  std::map<std::string, std::optional<std::string>> args;  // declared by ARG here
  bool cmd_here = false;                                   // CMD stood in this stage
  char escape = '\\';

  // ENV before ARG.
  Lookup lookup() const;
  std::vector<std::string> shell() const;
  void set_env(const std::string& key, const std::string& value);
};

// The instructions that change only the configuration. kUnimplemented: another one. `args`: of the command line and predefined.
Status apply_metadata(Stage& stage, const Instruction& instruction, const std::map<std::string, std::string>& args);

// "k=v k2=v2" or "k v": with variables expanded.
Result<std::vector<std::pair<std::string, std::string>>> parse_pairs(const Instruction& instruction, char escape, const Lookup& lookup);

}  // namespace reigen::build
