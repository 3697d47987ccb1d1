// Filters: the `filters` argument of lists, prunes and events. Plain values.
#pragma once

#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace reigen::docker {

class Filters {
 public:
  static constexpr size_t kMaxValues = 1000;  // of all names together; more is refused

  // Both forms: {"label": ["a"]} and {"label": {"a": true}} (a value that is false does not count). Empty text is no filter.
  static Result<Filters> parse(std::string_view json);

  // "Invalid filter 'x'" for a name that is not among `names`.
  Status check(std::initializer_list<std::string_view> names) const;

  bool empty() const { return fields_.empty(); }
  bool has(std::string_view name) const { return fields_.contains(name); }
  const std::set<std::string, std::less<>>& values(std::string_view name) const;
  void add(std::string name, std::string value) { fields_[std::move(name)].insert(std::move(value)); }
  void remove(std::string_view name);

  // Each is true when the filter is not given.
  bool exact(std::string_view name, std::string_view text) const;
  bool prefix(std::string_view name, std::string_view text) const;   // one of the values begins text
  bool pattern(std::string_view name, std::string_view text) const;  // equal, or found as a regular expression (name_pattern.h)
  // Every value, "key" or "key=value", holds for the labels.
  template <class Map>
  bool labels(std::string_view name, const Map& labels) const {
    for (const auto& wanted : values(name)) {
      auto [key, value] = split(wanted);
      bool found = false;
      for (const auto& [label, text] : labels) found = found || (label == key && (wanted.size() == key.size() || text == value));
      if (!found) return false;
    }
    return true;
  }
  // "true", "1" or "false", "0"; both or anything else is kInvalidArgument "Invalid filter 'name=[…]'".
  Result<bool> boolean(std::string_view name, bool absent) const;

 private:
  static std::pair<std::string_view, std::string_view> split(std::string_view wanted);
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> fields_;
};

}  // namespace reigen::docker
