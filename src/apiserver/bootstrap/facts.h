// The facts a new cluster starts with, as lines of text. Parsed once at start.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reigen::apiserver {

extern const char kRoleFacts[];
extern const char kFlowFacts[];

// One unindented line with the indented lines below it, each split at blanks.
struct FactBlock {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> lines;
};
std::vector<FactBlock> parse_facts(std::string_view text);

// "a,b" -> {"a", "b"}; a pair of quotes stands for the empty string.
std::vector<std::string> split_list(std::string_view text);

}  // namespace reigen::apiserver
