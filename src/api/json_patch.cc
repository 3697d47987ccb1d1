#include "api/json_patch.h"

#include <charconv>
#include <optional>

#include <fmt/core.h>

#include "api/errors.h"
#include "api/go_quote.h"

namespace reigen::api {
namespace {

// Go's strconv.Atoi.
std::optional<int64_t> whole_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1), text = text.starts_with('-') ? std::string_view() : text;
  int64_t number;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string decode_step(std::string_view step) {
  std::string out;
  for (size_t i = 0; i < step.size(); ++i) {
    if (step[i] == '~' && i + 1 < step.size() && (step[i + 1] == '0' || step[i + 1] == '1')) out += step[++i] == '0' ? '~' : '/';
    else out += step[i];
  }
  return out;
}

// The element an array step names, nullopt where it is out of bounds. `size` counts what may be named.
std::optional<size_t> element(std::string_view step, size_t size) {
  auto index = whole_number(step);
  if (!index) return std::nullopt;
  auto count = static_cast<int64_t>(size);
  if (*index >= count || *index < -count) return std::nullopt;
  return static_cast<size_t>(*index < 0 ? *index + count : *index);
}

Value* child(Value& container, std::string_view step) {
  if (container.is_object()) return container.find(step);
  if (!container.is_array()) return nullptr;
  auto index = element(step, container.size());
  return index ? &container.items()[*index] : nullptr;
}

// Where a pointer leads: the container of its last step.
struct Place {
  Value* container = nullptr;  // nullptr: not there
  std::string step;
};

Place find_place(Value& document, std::string_view pointer) {
  size_t slash = pointer.find('/');
  if (slash == std::string_view::npos) return {};
  pointer.remove_prefix(slash + 1);
  Value* here = &document;
  while ((slash = pointer.find('/')) != std::string_view::npos) {
    here = child(*here, decode_step(pointer.substr(0, slash)));
    if (!here || (!here->is_object() && !here->is_array())) return {};
    pointer.remove_prefix(slash + 1);
  }
  return {here, decode_step(pointer)};
}

bool add(Value& document, std::string_view pointer, Value value) {
  Place place = find_place(document, pointer);
  if (!place.container) return false;
  if (place.container->is_object()) {
    place.container->set(place.step, std::move(value));
    return true;
  }
  if (!place.container->is_array()) return false;
  auto& items = place.container->items();
  if (place.step == "-") {
    items.push_back(std::move(value));
    return true;
  }
  auto index = element(place.step, items.size() + 1);
  if (!index) return false;
  items.insert(items.begin() + static_cast<ptrdiff_t>(*index), std::move(value));
  return true;
}

bool remove(const Place& place) {
  if (!place.container) return false;
  if (place.container->is_object()) return place.container->erase(place.step);
  if (!place.container->is_array()) return false;
  auto& items = place.container->items();
  auto index = element(place.step, items.size());
  if (!index) return false;
  items.erase(items.begin() + static_cast<ptrdiff_t>(*index));
  return true;
}

bool replace(Value& document, std::string_view pointer, Value value) {
  if (pointer.empty()) {
    if (!value.is_object() && !value.is_array()) return false;
    document = std::move(value);
    return true;
  }
  Place place = find_place(document, pointer);
  if (!place.container) return false;
  if (place.container->is_object()) {
    place.container->set(place.step, std::move(value));
    return true;
  }
  Value* found = child(*place.container, place.step);
  if (!found) return false;
  *found = std::move(value);
  return true;
}

// A member that is not there counts as null.
bool test(Value& document, std::string_view pointer, const Value& expected) {
  if (pointer.empty()) return document == expected;
  Place place = find_place(document, pointer);
  if (!place.container) return false;
  Value* found = child(*place.container, place.step);
  if (!found) return place.container->is_object() && expected.is_null();
  return *found == expected;
}

std::optional<std::string> text_of(const Value& operation, std::string_view member) {
  const Value* found = operation.find(member);
  if (!found || !found->is_string()) return std::nullopt;
  return std::string(found->text());
}

bool apply_operation(Value& document, const Value& operation, size_t& copied) {
  auto kind = text_of(operation, "op"), path = text_of(operation, "path"), from = text_of(operation, "from");
  if (!kind || !path) return false;
  const Value* given = operation.find("value");
  const Value value = given ? *given : Value();
  if (*kind == "add") return add(document, *path, value);
  if (*kind == "remove") return remove(find_place(document, *path));
  if (*kind == "replace") return replace(document, *path, value);
  if (*kind == "test") return test(document, *path, value);
  if ((*kind != "move" && *kind != "copy") || !from) return false;
  Place source = find_place(document, *from);
  if (!source.container) return false;
  Value* found = child(*source.container, source.step);
  if (!found && !(source.container->is_object() && *kind == "copy")) return false;
  Value carried = found ? *found : Value();
  if (*kind == "move" && !remove(source)) return false;
  if (*kind == "copy" && (copied += to_json(carried).size()) > kMaxJsonPatchCopyBytes) return false;
  return add(document, *path, std::move(carried));
}

void note_unknown_members(const Value& patch, std::vector<std::string>& findings) {
  for (size_t i = 0; i < patch.size() && findings.size() < 100; ++i)
    for (const auto& member : patch.items()[i].members())
      if (auto key = member.key(); key != "op" && key != "path" && key != "from" && key != "value")
        findings.push_back(fmt::format("json patch unknown field \"[{}].{}\"", i, key));
}

}  // namespace

Result<Value> parse_json_patch(std::string_view text, std::vector<std::string>* strict_findings) {
  JsonNotes notes;
  auto bad = [&](std::string_view message) {
    return fail(bad_request(strict_findings ? fmt::format("error decoding patch: {}", message) : std::string(message)));
  };
  auto patch = parse_json(text, {}, strict_findings ? &notes : nullptr);
  if (!patch) return bad(patch.error().message());
  if (patch->is_null()) return Value::array();
  std::string_view list = strict_findings ? "[]handlers.jsonPatchOp" : "jsonpatch.Patch";
  std::string_view element = strict_findings ? "handlers.jsonPatchOp" : "jsonpatch.Operation";
  auto mismatch = [&](const Value& value, std::string_view type) {
    return bad(fmt::format("json: cannot unmarshal {} into Go value of type {}", json_type_name(value), type));
  };
  if (!patch->is_array()) return mismatch(*patch, list);
  for (const auto& operation : patch->items())
    if (!operation.is_object() && !operation.is_null()) return mismatch(operation, element);
  if (patch->size() > kMaxJsonPatchOperations)
    return fail(request_entity_too_large(fmt::format("The allowed maximum operations in a JSON patch is {}, got {}", kMaxJsonPatchOperations, patch->size())));
  if (strict_findings) {
    for (const auto& path : notes.duplicates) strict_findings->push_back(fmt::format("json patch duplicate field \"{}\"", path));
    note_unknown_members(*patch, *strict_findings);
  }
  return patch;
}

Status apply_json_patch(Value& document, const Value& patch) {
  size_t copied = 0;
  for (const auto& operation : patch.items())
    if (!apply_operation(document, operation, copied)) return fail(generic_status(422, "", {}, "", "", 0, false));
  return {};
}

}  // namespace reigen::api
