#include "api/protobuf.h"
#include "api/scalars.h"

namespace reigen::api {
namespace {

bool settle(const TypeDesc& type, void* object);

// Where Quantity writes another format than it holds: binary amounts that no suffix fits, and zeros.
void settle_quantity(Quantity& quantity) {
  if (quantity.format() == Quantity::Format::kDecimalSi) return;
  if (auto read = Quantity::parse(quantity.to_string())) quantity = *read;
}

bool holds_nothing(const ValueType& type, const void* value) {
  switch (type.kind) {
    case Kind::kBytes: return static_cast<const Bytes*>(value)->empty();
    case Kind::kList: return type.list->size(value) == 0;
    case Kind::kMap: return type.map->size(value) == 0;
    default: return false;
  }
}

// What may be missing among a list's elements or a map's values once it was written.
bool may_vanish(const ValueType& type, bool in_map) {
  switch (type.kind) {
    case Kind::kBytes: return !in_map;
    case Kind::kList: return !in_map || !type.wrapped;
    case Kind::kPointer:
    case Kind::kMap: return true;
    default: return false;
  }
}

bool settle(const ValueType& type, void* value);

bool settle_pointer(const ValueType& type, void* pointer) {
  const void* pointee = type.pointer->get(pointer);
  if (!pointee) return true;
  if (!holds_nothing(*type.element, pointee)) return settle(*type.element, const_cast<void*>(pointee));
  type.pointer->reset(pointer);
  return true;
}

bool settle_list(const ValueType& type, void* list) {
  if (type.element->kind == Kind::kString) return true;
  size_t size = type.list->size(list);
  if (size > 0 && may_vanish(*type.element, false)) return false;
  char* element = static_cast<char*>(type.list->data(list));
  for (; size > 0; size--, element += type.element->size)
    if (!settle(*type.element, element)) return false;
  return true;
}

bool settle_map(const ValueType& type, void* map) {
  if (type.element->kind == Kind::kString) return true;
  size_t size = type.map->size(map);
  if (size > 0 && may_vanish(*type.element, true)) return false;
  for (size_t i = 0; i < size; i++)
    if (!settle(*type.element, type.map->value(map, i))) return false;
  return true;
}

bool settle(const ValueType& type, void* value) {
  switch (type.kind) {
    // A timestamp of two zeros reads as no time.
    case Kind::kTime:
      if (auto& time = *static_cast<Time*>(value); time.seconds == 0) time = Time();
      return true;
    case Kind::kMicroTime:
      if (auto& time = *static_cast<MicroTime*>(value); time.micros == 0) time = MicroTime();
      return true;
    case Kind::kQuantity: settle_quantity(*static_cast<Quantity*>(value)); return true;
    case Kind::kStruct: return settle(*type.type, value);
    case Kind::kPointer: return settle_pointer(type, value);
    case Kind::kList: return settle_list(type, value);
    case Kind::kMap: return settle_map(type, value);
    default: return true;
  }
}

bool settle(const TypeDesc& type, void* object) {
  if (type.own_fields.empty() && !type.fields.empty()) return false;
  for (const FieldDesc& field : type.own_fields)
    if (!settle(*field.value, static_cast<char*>(object) + field.offset)) return false;
  return true;
}

}  // namespace

bool settle_as_protobuf(Object& object) { return !object.is_tree() && settle(object.type(), object.mut_data()); }

}  // namespace reigen::api
