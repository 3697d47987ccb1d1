#include "api/strategic_patch.h"

#include <algorithm>

#include <fmt/core.h>

#include "api/errors.h"
#include "api/go_quote.h"
#include "api/type_desc.h"

namespace reigen::api {
namespace {

constexpr std::string_view kDirective = "$patch";
constexpr std::string_view kRetainKeys = "$retainKeys";
constexpr std::string_view kDeletePrefix = "$deleteFromPrimitiveList";
constexpr std::string_view kOrderPrefix = "$setElementOrder";

using List = Value::Array;

// kube-apiserver does not name a reason for these.
Fail broken(std::string message) {
  ApiStatus status;
  status.code = 500;
  status.message = std::move(message);
  return fail(std::move(status));
}
Fail malformed(std::string_view what) { return fail(bad_request(fmt::format("invalid patch format of {}", what))); }
Fail no_merge_key(const Value& map, std::string_view key) { return broken(fmt::format("map: {} does not contain declared merge key: {}", go_print(map), key)); }
Fail bad_type(std::string_view expected, const Value& actual) {
  return broken(fmt::format("expected a {}, but received a {}", expected, go_type_name(actual)));
}
constexpr std::string_view kMapType = "map[string]interface {}";
constexpr std::string_view kListType = "[]interface {}";

// What the schema says about a node; `type` is nullptr where it is no struct.
struct Schema {
  const TypeDesc* type = nullptr;
  std::string_view kind = "struct";
};

struct FieldSchema {
  Schema schema;  // of the field's struct, or of a list's elements
  bool merge = false;
  bool replace = false;
  std::string_view merge_key;
};

const ValueType* behind_pointer(const ValueType* value) {
  while (value && value->kind == Kind::kPointer) value = value->element;
  return value;
}

Schema schema_of(const ValueType* value) {
  value = behind_pointer(value);
  if (!value) return {nullptr, "interface"};
  switch (value->kind) {
    case Kind::kStruct: return {value->type, "struct"};
    case Kind::kMap: return {nullptr, "map"};
    case Kind::kList: return {nullptr, "slice"};
    case Kind::kString: return {nullptr, "string"};
    case Kind::kTime:
    case Kind::kMicroTime:
    case Kind::kDuration:
    case Kind::kQuantity:
    case Kind::kIntOrString:
    case Kind::kRaw: return {nullptr, "struct"};
    default: return {nullptr, "int"};
  }
}

Result<FieldSchema> look_up(const Schema& schema, std::string_view key, bool list) {
  if (!schema.type) return broken(fmt::format("merging an object in json but data type is not struct, instead is: {}", schema.kind));
  const FieldDesc* field = schema.type->find(key);
  if (!field) return broken(fmt::format("unable to find api field in struct {} for the json field {}", schema.type->name, go_quote(key)));
  FieldSchema found{schema_of(field->value), field->patch_merge, field->patch_replace, field->merge_key};
  if (list) {
    const ValueType* value = behind_pointer(field->value);
    if (!value || value->kind != Kind::kList) return broken(fmt::format("expected slice or array type, but got: {}", schema.kind));
    found.schema = schema_of(value->element);
  }
  return found;
}

// Takes out what carries a directive. False where the node itself does.
bool remove_directives(Value& value) {
  if (value.is_object()) {
    if (value.has(kDirective)) return false;
    std::vector<std::string> dead;
    for (auto& member : value.members())
      if (!remove_directives(member.value)) dead.emplace_back(member.key());
    for (const auto& key : dead) value.erase(key);
  } else if (value.is_array()) {
    std::erase_if(value.items(), [](Value& item) { return !remove_directives(item); });
  }
  return true;
}

void discard_nulls(Value& value) {
  if (value.is_array())
    for (auto& item : value.items()) discard_nulls(item);
  std::vector<std::string> dead;
  for (auto& member : value.members()) {
    if (member.value.is_null()) dead.emplace_back(member.key());
    else discard_nulls(member.value);
  }
  for (const auto& key : dead) value.erase(key);
}

Status check_retain_keys(Value& original, Value& patch) {
  const Value* found = patch.find(kRetainKeys);
  if (!found) return {};
  Value keys = *found;
  patch.erase(kRetainKeys);
  if (!keys.is_array()) return malformed("retainKeys");
  auto kept = [&](std::string_view key) {
    return std::ranges::any_of(keys.items(), [&](const Value& item) { return item.is_string() && item.text() == key; });
  };
  for (const auto& member : patch.members()) {
    if (member.value.is_null() || member.key().starts_with(kDeletePrefix) || member.key().starts_with(kOrderPrefix)) continue;
    if (!kept(member.key())) return malformed("retainKeys");
  }
  std::vector<std::string> dead;
  for (const auto& member : original.members())
    if (!kept(member.key())) dead.emplace_back(member.key());
  for (const auto& key : dead) original.erase(key);
  return {};
}

// The name behind "$prefix/".
Result<std::string> directive_target(std::string_view key, std::string_view prefix) {
  size_t slash = key.find('/');
  if (slash == std::string_view::npos || key.substr(0, slash) != prefix) return malformed(prefix == kDeletePrefix ? "primitive list" : "setElementOrder list");
  return std::string(key.substr(slash + 1));
}

// The type all elements share.
Result<Value::Kind> element_kind(const List& a, const List& b) {
  const Value* first = !a.empty() ? &a[0] : !b.empty() ? &b[0] : nullptr;
  if (!first) return broken("no elements in any of the given slices");
  if (first->is_array()) return fail(generic_status(422, "", {}, "", "lists of lists are not supported", 0, false));
  for (const auto* list : {&a, &b})
    for (const auto& item : *list)
      if (item.kind() != first->kind()) return broken(fmt::format("list element types are not identical: [{} {}]", go_print(Value(a)), go_print(Value(b))));
  return first->kind();
}

// The element's identity: its merge key's value, or itself. nullptr where a map has no such member.
const Value* identity(const Value& item, std::string_view merge_key, bool maps) { return maps ? item.find(merge_key) : &item; }

ptrdiff_t index_of(const List& list, const Value& item, std::string_view merge_key, bool maps) {
  const Value* wanted = identity(item, merge_key, maps);
  for (size_t i = 0; i < list.size(); ++i) {
    const Value* got = identity(list[i], merge_key, maps);
    if ((!wanted && !got) || (wanted && got && *wanted == *got)) return static_cast<ptrdiff_t>(i);
  }
  return -1;
}

Status check_merge_keys(const List& list, std::string_view merge_key) {
  for (const auto& item : list) {
    if (!item.is_object()) return bad_type(kMapType, item);
    if (!item.has(merge_key)) return no_merge_key(item, merge_key);
  }
  return {};
}

// Sorts by the place in `order`; items that are not in there move up to the front, as Go's insertion sort has it.
Result<List> sort_like(List list, const List& order, std::string_view merge_key, bool maps) {
  List deleted;
  if (maps) {
    TRY(check_merge_keys(list, merge_key));
    TRY(check_merge_keys(order, merge_key));
    auto is_delete = [](const Value& item) { return item.text_at({kDirective}) == "delete"; };
    std::ranges::copy_if(list, std::back_inserter(deleted), is_delete);
    std::erase_if(list, is_delete);
  }
  std::vector<std::pair<ptrdiff_t, Value>> keyed;
  for (auto& item : list) {
    ptrdiff_t place = index_of(order, item, merge_key, maps);
    keyed.emplace_back(place, std::move(item));
  }
  auto before = [](const auto& a, const auto& b) { return a.first < 0 || b.first < 0 || a.first < b.first; };
  for (size_t i = 1; i < keyed.size(); ++i)
    for (size_t j = i; j > 0 && before(keyed[j], keyed[j - 1]); --j) std::swap(keyed[j], keyed[j - 1]);
  list.clear();
  for (auto& [place, item] : keyed) list.push_back(std::move(item));
  std::ranges::move(deleted, std::back_inserter(list));
  return list;
}

// Two sorted lists into one: the server's items keep their place before those patched items that follow them on the server.
List interleave(List server, List patched, const List& server_order, std::string_view merge_key, bool maps) {
  List out;
  size_t i = 0, j = 0;
  while (i < server.size() || j < patched.size()) {
    if (i == server.size()) {
      out.push_back(std::move(patched[j++]));
    } else if (j == patched.size()) {
      out.push_back(std::move(server[i++]));
    } else {
      ptrdiff_t left = index_of(server_order, server[i], merge_key, maps), right = index_of(server_order, patched[j], merge_key, maps);
      out.push_back(left >= 0 && right >= 0 && left < right ? std::move(server[i++]) : std::move(patched[j++]));
    }
  }
  return out;
}

// Splits by presence in `by`, then orders both parts and joins them.
Result<List> order_elements(List merged, const List& by, const List& server_order, std::string_view merge_key, bool maps) {
  List patched, server;
  for (auto& item : merged) {
    bool keyed = !merge_key.empty();
    if (keyed && !item.is_object()) return bad_type(kMapType, item);
    if (keyed && !item.has(merge_key)) return no_merge_key(item, merge_key);
    bool there = index_of(by, item, merge_key, keyed) >= 0;
    (there ? patched : server).push_back(std::move(item));
  }
  TRY_ASSIGN(patched, sort_like(std::move(patched), by, merge_key, maps));
  TRY_ASSIGN(server, sort_like(std::move(server), server_order, merge_key, maps));
  return interleave(std::move(server), std::move(patched), server_order, merge_key, maps);
}

Status merge_map(Value& original, Value patch, const Schema& schema);

// `$patch` elements of a list patch are obeyed and taken out.
Status obey_list_directives(List& original, List& patch, std::string_view merge_key) {
  List plain;
  bool replace = false;
  for (auto& item : patch) {
    const Value* directive = item.find(kDirective);
    if (!directive) {
      plain.push_back(std::move(item));
    } else if (directive->text() == "delete") {
      const Value* key = item.find(merge_key);
      if (!key) return no_merge_key(item, merge_key);
      std::erase_if(original, [&](const Value& old) { return old.has(merge_key) && *old.find(merge_key) == *key; });
    } else if (directive->text() == "replace") {
      replace = true;
    } else if (directive->text() == "merge") {
      return broken("merging lists cannot yet be specified in the patch");
    } else {
      return broken(fmt::format("unknown patch type: {} in map: {}", go_print(*directive), go_print(item)));
    }
  }
  if (replace) {
    original = std::move(plain);
    patch.clear();
  } else {
    patch = std::move(plain);
  }
  return {};
}

Status merge_elements(List& merged, const List& patch, const Schema& schema, std::string_view merge_key) {
  for (const auto& item : patch) {
    const Value* key = item.find(merge_key);
    if (!key) return no_merge_key(item, merge_key);
    auto same = [&](const Value& old) { return old.has(merge_key) && *old.find(merge_key) == *key; };
    auto found = std::ranges::find_if(merged, same);
    if (found == merged.end()) {
      merged.push_back(item);
    } else {
      TRY(merge_map(*found, item, schema));
    }
  }
  return {};
}

// Later duplicates are filled with the last element, as the original does it.
void remove_duplicate_scalars(List& list) {
  for (size_t i = 0; i + 1 < list.size(); ++i) {
    for (size_t j = i + 1; j < list.size();) {
      if (!(list[i] == list[j])) {
        ++j;
        continue;
      }
      if (j + 1 != list.size()) list[j] = std::move(list.back());
      list.pop_back();
    }
  }
}

Status merge_list(Value& original, Value patch, const FieldSchema& field, bool deletes) {
  if (!original.is_array()) return bad_type(kListType, original);
  if (!patch.is_array()) return bad_type(kListType, patch);
  if (!field.merge && !deletes) {
    original = std::move(patch);
    return {};
  }
  List& server = original.items();
  List& changes = patch.items();
  if (server.empty() && changes.empty()) return {};
  TRY_ASSIGN(auto kind, element_kind(server, changes));
  bool maps = kind == Value::Kind::kObject;
  List merged;
  if (!maps) {
    if (deletes) {
      std::erase_if(server, [&](const Value& item) { return std::ranges::find(changes, item) != changes.end(); });
      return {};
    }
    merged = server;
    merged.insert(merged.end(), changes.begin(), changes.end());
    remove_duplicate_scalars(merged);
  } else {
    if (field.merge_key.empty()) return broken(fmt::format("cannot merge lists without merge key for {}", field.schema.kind));
    TRY(obey_list_directives(server, changes, field.merge_key));
    merged = server;
    TRY(merge_elements(merged, changes, field.schema, field.merge_key));
  }
  TRY_ASSIGN(original, order_elements(std::move(merged), changes, server, field.merge_key, maps));
  return {};
}

// The patch's items must come in the order the directive names.
Status check_order(const List& changes, const Value& order, std::string_view merge_key) {
  if (order.size() == 0 || changes.empty()) return {};
  List plain;
  for (const auto& item : changes) {
    if (!merge_key.empty() && !item.is_object()) return bad_type(kMapType, item);
    if (!item.has(kDirective)) plain.push_back(item);
  }
  size_t at = 0;
  for (size_t place = 0; at < plain.size() && place < order.size(); ++place) {
    const Value& left = plain[at];
    const Value& right = order.items()[place];
    if (merge_key.empty()) {
      at += left == right;
      continue;
    }
    if (!right.is_object()) return bad_type(kMapType, right);
    if (!left.has(merge_key)) return no_merge_key(left, merge_key);
    if (!right.has(merge_key)) return no_merge_key(right, merge_key);
    at += *left.find(merge_key) == *right.find(merge_key);
  }
  if (at == plain.size()) return {};
  return broken(fmt::format("The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n", go_print(Value(changes)), go_print(order)));
}

Status apply_order(Value& original, Value& patch, std::string_view directive, const Value& order, const Schema& schema) {
  if (!order.is_array()) return bad_type(kListType, order);
  TRY_ASSIGN(std::string key, directive_target(directive, kOrderPrefix));
  Value* server = original.find(key);
  Value* changes = patch.find(key);
  if (server && !server->is_array()) return bad_type(kListType, *server);
  if (changes && !changes->is_array()) return bad_type(kListType, *changes);
  TRY_ASSIGN(FieldSchema field, look_up(schema, key, true));
  List before = server ? server->items() : List();
  List wanted = changes ? changes->items() : List();
  TRY(check_order(wanted, order, field.merge_key));
  if (!server && !changes) return {};
  Value merged;
  if (server && changes) {
    merged = *server;
    TRY(merge_list(merged, *changes, field, false));
  } else if (server) {
    merged = *server;
  } else {
    merged = *changes;
    remove_directives(merged);
  }
  TRY_ASSIGN(auto kind, element_kind(before, wanted));
  TRY_ASSIGN(auto sorted, order_elements(std::move(merged.items()), order.items(), before, field.merge_key, kind == Value::Kind::kObject));
  original.set(key, Value(std::move(sorted)));
  patch.erase(key);
  return {};
}

Status apply_orders(Value& original, Value& patch, const Schema& schema) {
  std::vector<std::pair<std::string, Value>> orders;
  for (const auto& member : patch.members())
    if (member.key().starts_with(kOrderPrefix)) orders.emplace_back(member.key(), member.value);
  for (const auto& [key, order] : orders) {
    patch.erase(key);
    TRY(apply_order(original, patch, key, order, schema));
  }
  return {};
}

// One member of the patch that is no $setElementOrder.
Status merge_member(Value& original, std::string key, Value value, const Schema& schema) {
  bool deletes = key.starts_with(kDeletePrefix);
  if (deletes) {
    TRY_ASSIGN(key, directive_target(key, kDeletePrefix));
  }
  if (value.is_null()) {
    original.erase(key);
    return {};
  }
  Value* current = original.find(key);
  bool same_kind = current && current->kind() == value.kind();
  if (!same_kind || (!value.is_object() && !value.is_array())) {
    if (deletes) return {};
    discard_nulls(value);
    if (remove_directives(value)) original.set(key, std::move(value));
    else original.erase(key);
    return {};
  }
  TRY_ASSIGN(FieldSchema field, look_up(schema, key, value.is_array()));
  if (value.is_array()) return merge_list(*current, std::move(value), field, deletes);
  if (!field.replace) return merge_map(*current, std::move(value), field.schema);
  *current = std::move(value);
  return {};
}

Status merge_map(Value& original, Value patch, const Schema& schema) {
  if (const Value* directive = patch.find(kDirective)) {
    if (directive->text() == "replace") {
      patch.erase(kDirective);
      original = std::move(patch);
    } else if (directive->text() == "delete") {
      original = Value::object();
    } else {
      return broken(fmt::format("unknown patch type: {} in map: {}", go_print(*directive), go_print(patch)));
    }
    return {};
  }
  if (!original.is_object()) original = Value::object();
  TRY(check_retain_keys(original, patch));
  TRY(apply_orders(original, patch, schema));
  for (auto& member : patch.members()) TRY(merge_member(original, std::string(member.key()), std::move(member.value), schema));
  return {};
}

}  // namespace

Result<Value> parse_strategic_patch(std::string_view text, std::vector<std::string>* strict_findings) {
  JsonNotes notes;
  auto patch = parse_json(text, {}, &notes);
  if (!patch) return fail(bad_request(patch.error().message()));
  if (patch->is_null()) return Value::object();
  if (!patch->is_object())
    return fail(bad_request(fmt::format("json: cannot unmarshal {} into Go value of type map[string]interface {{}}", json_type_name(*patch))));
  if (strict_findings)
    for (const auto& path : notes.duplicates) strict_findings->push_back(fmt::format("duplicate field \"{}\"", path));
  return patch;
}

Status apply_strategic_patch(Value& object, Value patch, const TypeDesc& type) { return merge_map(object, std::move(patch), Schema{&type}); }

}  // namespace reigen::api
