// The command line of one command, as pflag reads it: --name=value, --name value, -n value, -nvalue, -abc, and -- before what is no flag.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace reigen::compose {

class Flags {
 public:
  // usage: "up [OPTIONS] [SERVICE...]".
  Flags(std::string usage, std::string summary) : usage_(std::move(usage)), summary_(std::move(summary)) {}

  // `letter` 0: no short form. The targets must outlive parse(). --name=false works for switches.
  Flags& flag(bool* target, std::string name, char letter, std::string help);
  Flags& text(std::string* target, std::string name, char letter, std::string help);
  Flags& list(std::vector<std::string>* target, std::string name, char letter, std::string help);
  Flags& number(std::optional<int>* target, std::string name, char letter, std::string help);

  // What is no flag. `interspersed` false: everything behind the first such word is none (run, exec). nullopt: help was asked for and printed.
  // kInvalidArgument: "unknown flag: --x".
  Result<std::optional<std::vector<std::string>>> parse(const std::vector<std::string>& arguments, bool interspersed = true);
  std::string help() const;

 private:
  struct Flag {
    std::string name;
    char letter;
    std::string help, kind;  // kind: of its value; empty for a switch
    std::function<Status(const std::string&)> set;
  };
  Status set_long(const std::vector<std::string>& arguments, size_t& i);
  Status set_short(const std::vector<std::string>& arguments, size_t& i);
  std::string usage_, summary_;
  std::vector<Flag> flags_;
};

}  // namespace reigen::compose
