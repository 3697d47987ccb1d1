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
  std::string name;      // AS …, lower case; may be empty
  std::string image_id;  // what it has become, in a classic build; else its base; empty: scratch
  std::string maintainer;
  bool cache_busted = false;  // a step was not in the classic cache, so none after it is
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

// "k=v k2=v2" or "k v": as written, quotes and all.
Result<std::vector<std::pair<std::string, std::string>>> split_pairs(const Instruction& instruction, char escape);

// A HEALTHCHECK's words and flags, in Docker's words where they are wrong.
Result<image::HealthCheck> parse_health_check(const Instruction& instruction, char escape);

// Whether an ONBUILD may hold its instruction; whether that one is right is seen when it is done.
Status check_trigger(const Instruction& instruction);

// "k=v k2=v2" or "k v": with variables expanded.
Result<std::vector<std::pair<std::string, std::string>>> parse_pairs(const Instruction& instruction, char escape, const Lookup& lookup);

}  // namespace reigen::build
