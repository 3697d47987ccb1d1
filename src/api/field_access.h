// Reading one field of an object by its path, for field selectors, tables and messages; and walking all of them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "api/object.h"

namespace reigen::api {

// A value inside a struct. Valid as long as the struct is, unchanged.
struct FieldRef {
  const ValueType* type = nullptr;
  const void* data = nullptr;
  explicit operator bool() const { return data != nullptr; }
};

// By JSON names with dots and indexes: "spec.nodeName", "spec.containers[0].image", "metadata.labels[app]" ("metadata.labels.app" where
// the key has no dot). Nothing where a step is absent (a nil pointer, no such key) or unknown; pointers are followed.
FieldRef find_field(const TypeDesc& type, const void* data, std::string_view path);

// A scalar as text: strings as they are, the rest as in JSON without quotes. Empty for what is absent and for structs, lists, maps.
std::string text_of(FieldRef field);

// Objects of any kind, documents too; metadata.* of all.
std::string field_text(const Object& object, std::string_view path);

// Every field that is set (what JSON output would hold), outer ones first, with its path. Return false to leave out what is inside.
using FieldVisitor = std::function<bool(std::string_view path, const FieldDesc& field, FieldRef value)>;
void for_each_field(const TypeDesc& type, const void* data, const FieldVisitor& visit);

}  // namespace reigen::api
