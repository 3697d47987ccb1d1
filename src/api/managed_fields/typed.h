// The schema side of server-side apply: which lists merge by key, which parts are owned as a whole, and the operations of
// structured-merge-diff over views and documents.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/managed_fields/field_set.h"
#include "api/managed_fields/view.h"
#include "base/result.h"

namespace reigen::api {

// Whether the type's fields are owned together (structType=atomic).
bool is_atomic_struct(const TypeDesc* type);

// What the schema says about a node. Without a type the rules are deduced from the value: maps merge, lists are owned as a whole.
struct Schema {
  const ValueType* value = nullptr;
  const FieldDesc* field = nullptr;  // where the node stands
  const TypeDesc* root = nullptr;    // the object itself

  static Schema of(const TypeDesc* type) { return {nullptr, nullptr, type}; }

  enum class Shape : unsigned char { kScalar, kList, kMap };
  Shape shape(const View& value) const;
  bool deduced() const { return !root && (!value || value->kind == Kind::kRaw || (object() && object()->json_form != JsonForm::kObject)); }
  bool atomic() const;             // of a list or map
  const TypeDesc* object() const;  // of a struct
  // The schema of a member; `declared` tells fields of a struct from entries of a map.
  Schema member(std::string_view name, bool* declared = nullptr) const;
  Schema member(const FieldDesc& field) const { return {behind_pointer(field.value), &field, nullptr}; }
  Schema element() const;
  // False where a struct has no such field.
  bool allows(std::string_view name) const;

  static const ValueType* behind_pointer(const ValueType* type);
};

// The path element of a list's item. kInvalidArgument with structured-merge-diff's message where it has none.
Result<PathElement> element_of(const Schema& list, const View& item);

struct Comparison {
  FieldSet removed, modified, added;
  bool failed = false;  // an item of a keyed list has no key
};
Comparison compare(const View& before, const View& after, const Schema& schema);

FieldSet field_set_of(const View& object, const Schema& schema);

// Problems as structured-merge-diff words them (".spec.x: field not declared in schema"), empty where there are none.
std::string validate(const View& object, const Schema& schema);

// The applied configuration laid over the live object.
Value merge(const View& live, const View& config, const Schema& schema);
// Takes out what the set names.
Value remove_items(const Value& object, const FieldSet& set, const Schema& schema);
// Adds the struct fields above members, so that taking out whole branches works.
FieldSet with_named_fields(const FieldSet& set, const Schema& schema);

}  // namespace reigen::api
