#include "apiserver/bootstrap/facts.h"

namespace reigen::apiserver {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> out;
  while (!text.empty()) {
    auto end = std::min(text.find(separator), text.size());
    if (end > 0) out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace

std::vector<FactBlock> parse_facts(std::string_view text) {
  std::vector<FactBlock> blocks;
  for (const auto& line : split(text, '\n')) {
    if (line[0] != ' ') blocks.push_back({split(line, ' '), {}});
    else if (!blocks.empty()) blocks.back().lines.push_back(split(line, ' '));
  }
  return blocks;
}

std::vector<std::string> split_list(std::string_view text) {
  auto items = split(text, ',');
  for (auto& item : items) {
    if (item == "\"\"") item.clear();
  }
  return items;
}

}  // namespace reigen::apiserver
