#include "build/json_list.h"

#include <simdjson.h>

namespace reigen::build {

bool parse_json_list(std::string_view text, std::vector<std::string>& out) {
  simdjson::dom::parser parser;
  simdjson::dom::array list;
  if (parser.parse(text.data(), text.size()).get(list)) return false;
  std::vector<std::string> items;
  for (auto item : list) {
    std::string_view word;
    if (item.get(word)) return false;
    items.emplace_back(word);
  }
  out = std::move(items);
  return true;
}

bool is_mixed_json_list(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::array list;
  if (parser.parse(text.data(), text.size()).get(list)) return false;
  for (auto item : list)
    if (!item.is_string()) return true;
  return false;
}

}  // namespace reigen::build
