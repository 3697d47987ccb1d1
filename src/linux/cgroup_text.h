// Reading the small files of control groups.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace reigen::linux {

// What stands between blanks, commas and line ends.
inline std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find_first_of(" ,\n", at), text.size());
    if (end > at) out.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// Calls visit(line) for each line that is not empty.
inline void each_line(std::string_view text, const auto& visit) {
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) visit(text.substr(at, end - at));
    at = end + 1;
  }
}

inline uint64_t number_of(std::string_view text) { return std::strtoull(std::string(text).c_str(), nullptr, 10); }

// 0 when it is missing or says "max".
inline uint64_t number_in(const std::string& file) {
  auto text = read_file(file, 4096);
  return text ? number_of(*text) : 0;
}

// The number after "key " in a file of lines; 0 without one.
inline uint64_t field_in(std::string_view text, std::string_view key) {
  uint64_t found = 0;
  bool done = false;
  each_line(text, [&](std::string_view line) {
    if (done || line.size() <= key.size() || !line.starts_with(key) || line[key.size()] != ' ') return;
    found = number_of(line.substr(key.size() + 1));
    done = true;
  });
  return found;
}

}  // namespace reigen::linux
