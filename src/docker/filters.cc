#include "docker/filters.h"

#include <fmt/core.h>

#include <algorithm>

#include "api/value.h"
#include "docker/error_answer.h"
#include "docker/name_pattern.h"

namespace reigen::docker {

Result<Filters> Filters::parse(std::string_view json) {
  Filters out;
  if (json.empty()) return out;
  TRY_ASSIGN(auto document, as_unreadable(api::parse_json(json, {.max_depth = 8, .max_bytes = 1u << 20})));
  if (document.is_null()) return out;
  if (!document.is_object()) return fail(unreadable("invalid filter"));
  size_t count = 0;
  for (const auto& field : document.members()) {
    std::string name(field.key());
    if (field.value.is_array()) {
      for (const auto& value : field.value.items()) {
        if (!value.is_string()) return fail(unreadable("invalid filter"));
        out.add(name, std::string(value.text()));
        ++count;
      }
    } else if (field.value.is_object()) {
      for (const auto& value : field.value.members()) {
        if (!value.value.is_bool()) return fail(unreadable("invalid filter"));
        if (value.value.bool_or(false)) out.add(name, std::string(value.key()));
        ++count;
      }
    } else {
      return fail(unreadable("invalid filter"));
    }
    if (count > kMaxValues) return fail(Code::kInvalidArgument, fmt::format("invalid filter: more than {} values", kMaxValues));
    out.fields_.try_emplace(std::move(name));
  }
  return out;
}

Status Filters::check(std::initializer_list<std::string_view> names) const {
  for (const auto& [name, values] : fields_) {
    if (std::ranges::find(names, std::string_view(name)) == names.end()) return fail(Code::kInvalidArgument, fmt::format("Invalid filter '{}'", name));
  }
  return {};
}

const std::set<std::string, std::less<>>& Filters::values(std::string_view name) const {
  static const std::set<std::string, std::less<>> none;
  auto found = fields_.find(name);
  return found == fields_.end() ? none : found->second;
}

void Filters::remove(std::string_view name) {
  if (auto found = fields_.find(name); found != fields_.end()) fields_.erase(found);
}

bool Filters::exact(std::string_view name, std::string_view text) const {
  const auto& wanted = values(name);
  return wanted.empty() || wanted.contains(text);
}

bool Filters::prefix(std::string_view name, std::string_view text) const {
  const auto& wanted = values(name);
  return wanted.empty() || std::ranges::any_of(wanted, [&](const auto& value) { return text.starts_with(value); });
}

bool Filters::pattern(std::string_view name, std::string_view text) const {
  const auto& wanted = values(name);
  if (wanted.empty() || wanted.contains(text)) return true;
  return std::ranges::any_of(wanted, [&](const auto& value) {
    auto pattern = NamePattern::parse(value);
    return pattern && pattern->found_in(text);
  });
}

Result<bool> Filters::boolean(std::string_view name, bool absent) const {
  const auto& wanted = values(name);
  if (!has(name)) return absent;
  bool yes = wanted.contains("true") || wanted.contains("1");
  bool no = wanted.contains("false") || wanted.contains("0");
  if (yes != no) return yes;
  std::string shown;
  for (const auto& value : wanted) shown += (shown.empty() ? "" : " ") + value;
  return fail(Code::kInvalidArgument, fmt::format("Invalid filter '{}=[{}]'", name, shown));
}

std::pair<std::string_view, std::string_view> Filters::split(std::string_view wanted) {
  size_t equals = wanted.find('=');
  if (equals == std::string_view::npos) return {wanted, {}};
  return {wanted.substr(0, equals), wanted.substr(equals + 1)};
}

}  // namespace reigen::docker
