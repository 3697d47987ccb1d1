// The command line of `reigen image …`: flags anywhere, values as "--name value" or "--name=value".
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace reigen::build {

struct ImageOptions {
  std::vector<std::string> words;                          // what is no flag
  std::map<std::string, std::vector<std::string>> values;  // flags with a value, by long name
  std::map<std::string, bool> switches;

  std::string one(const std::string& name, const std::string& otherwise = "") const;
  bool on(const std::string& name) const { return switches.contains(name); }
  const std::vector<std::string>& all(const std::string& name) const;
};

// `known`: "tag:t=" takes a value and has the short form -t; "quiet:q" does not. kInvalidArgument names what is unknown.
Result<ImageOptions> parse_image_options(const std::vector<std::string>& args, const std::vector<std::string>& known);

}  // namespace reigen::build
