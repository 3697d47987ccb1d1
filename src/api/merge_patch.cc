#include "api/merge_patch.h"

#include <fmt/core.h>

#include "api/errors.h"
#include "api/go_quote.h"

namespace reigen::api {
namespace {

// Drops null members everywhere; null elements of lists stay.
void prune_nulls(Value& value) {
  if (value.is_array())
    for (auto& item : value.items()) prune_nulls(item);
  if (!value.is_object()) return;
  std::vector<std::string> dead;
  for (auto& member : value.members()) {
    if (member.value.is_null()) dead.emplace_back(member.key());
    else prune_nulls(member.value);
  }
  for (const auto& key : dead) value.erase(key);
}

}  // namespace

Result<Value> parse_merge_patch(std::string_view text, std::vector<std::string>* strict_findings) {
  JsonNotes notes;
  auto patch = parse_json(text, {}, &notes);
  if (!patch) return fail(bad_request(strict_findings ? fmt::format("error decoding patch: {}", patch.error().message()) : "Invalid JSON Patch"));
  if (patch->is_null()) return fail(bad_request("Invalid JSON Patch"));
  if (!patch->is_object())
    return fail(
        bad_request(fmt::format("error decoding patch: json: cannot unmarshal {} into Go value of type map[string]interface {{}}", json_type_name(*patch))));
  if (strict_findings)
    for (const auto& path : notes.duplicates) strict_findings->push_back(fmt::format("duplicate field \"{}\"", path));
  return patch;
}

void apply_merge_patch(Value& document, Value patch) {
  if (!document.is_object()) {
    prune_nulls(patch);
    document = std::move(patch);
    return;
  }
  for (auto& [name, value] : patch.members()) {
    if (value.is_null()) {
      document.erase(name.text());
      continue;
    }
    Value* current = document.find(name.text());
    if (!current || current->is_null()) {
      prune_nulls(value);
      document.set(name.text(), std::move(value));
    } else if (!value.is_object()) {
      if (!current->is_object()) prune_nulls(value);
      *current = std::move(value);
    } else {
      apply_merge_patch(*current, std::move(value));
    }
  }
}

Value make_merge_patch(const Value& from, const Value& to) {
  if (!from.is_object() || !to.is_object()) return to;
  Value patch = Value::object();
  for (const auto& member : from.members())
    if (!to.has(member.key())) patch.set(member.key(), nullptr);
  for (const auto& member : to.members()) {
    const Value* old = from.find(member.key());
    if (!old) patch.set(member.key(), member.value);
    else if (!(*old == member.value)) patch.set(member.key(), make_merge_patch(*old, member.value));
  }
  return patch;
}

}  // namespace reigen::api
