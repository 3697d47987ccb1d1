// One Compose file as it was read: a tree, and where its parts stand.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/value.h"
#include "base/result.h"

namespace reigen::compose {

struct SourceFile {
  std::string path;  // for messages
  api::Value tree;
  std::map<std::string, int, std::less<>> lines;  // by JSON pointer, from 1
  std::map<std::string, std::string> tags;        // "!reset" and "!override" by JSON pointer
  // "compose.yaml:7: ", of the pointer or the nearest above it that is known.
  std::string where(std::string pointer) const;
};

// The documents of a file ("-": standard input). kNotFound; kInvalidArgument names file and line, also for keys given twice.
Result<std::vector<SourceFile>> read_source(const std::string& path);
Result<std::vector<SourceFile>> parse_source(const std::string& path, std::string_view text);

// The first of compose.yaml, compose.yml, docker-compose.yml, docker-compose.yaml in `directory` or one above it, and the override file beside
// it. Empty when there is none.
std::vector<std::string> find_compose_files(std::string directory);

// Go's filepath.Join and Clean: `path` as it is when absolute, "~" is the home folder.
std::string join_path(std::string_view directory, std::string_view path);
std::string clean_file_path(std::string_view path);

}  // namespace reigen::compose
