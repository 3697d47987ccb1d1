// Dockerfile: its instructions, before any variable is expanded (Dockerfile reference; moby's parser for the corners).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace reigen::build {

struct HereDocument {
  std::string name;
  std::string content;
  bool expand = true;  // its word was not quoted
};

struct Instruction {
  std::string keyword;                                    // upper case: "COPY"
  size_t line = 0;                                        // where it begins, from 1
  std::string text;                                       // the whole, continuation lines joined: what is shown and keyed by
  std::map<std::string, std::vector<std::string>> flags;  // "--chown=x" → chown: x
  std::vector<std::string> bare_flags;                    // those of them without "="
  std::string rest;                                       // behind keyword and flags
  bool json = false;                                      // `rest` is a JSON array of strings: the exec form
  std::vector<std::string> list;                          // that array
  std::vector<HereDocument> here;
  std::vector<std::pair<std::string, std::string>> pairs;  // of a LABEL that was no text: as they are
};

struct Dockerfile {
  char escape = '\\';
  std::vector<Instruction> instructions;
  std::vector<std::string> warnings;  // lines, as Docker's builder says them
};

// Bounds: 1 MiB, 4096 instructions. kInvalidArgument "dockerfile parse error line N: …".
Result<Dockerfile> parse_dockerfile(std::string_view text);

// Splits at blanks, keeping quoted text and escaped blanks together; quotes and escapes stay in the words.
std::vector<std::string> split_words(std::string_view text, char escape);

}  // namespace reigen::build
