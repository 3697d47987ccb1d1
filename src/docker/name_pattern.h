// NamePattern: the regular expressions of `filters={"name": …}`, RE2's common subset, matched in time linear in text and program.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace reigen::docker {

// Literals, . [a-z] [^a-z] \d \w \s \D \W \S, escapes, ^ $ \A \z \b \B, groups ( (?: (?P<n>, | and * + ? {n,m} with their lazy forms, (?i) at the front.
class NamePattern {
 public:
  static constexpr size_t kMaxText = 1000;      // bytes of an expression
  static constexpr size_t kMaxProgram = 10000;  // instructions; more (x{1000}{1000}) is refused
  static constexpr int kMaxDepth = 100;         // of groups

  static Result<NamePattern> parse(std::string_view text);
  // Anywhere in the text, as Go's MatchString.
  bool found_in(std::string_view text) const;

 private:
  friend class PatternParser;
  enum class Op : unsigned char { kSet, kSplit, kJump, kBegin, kEnd, kWordBorder, kNoWordBorder, kMatch };
  struct Instruction {
    Op op;
    int32_t first = 0;   // kSplit, kJump: offsets from this instruction; kSet: the set's number
    int32_t second = 0;  // kSplit
  };
  using Set = std::bitset<256>;

  void follow(size_t at, std::string_view text, size_t position, std::vector<uint32_t>& threads, std::vector<uint32_t>& seen, bool& matched) const;

  std::vector<Instruction> program_;
  std::vector<Set> sets_;
};

}  // namespace reigen::docker
