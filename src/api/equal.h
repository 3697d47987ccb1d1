// Equality of values of any type, by the tables: nothing that would read back the same differs.
#pragma once

#include "api/object.h"
#include "api/type_desc.h"

namespace reigen::api {

// `a` and `b` are values of the type. Quantities compare by amount; an empty list or map equals an absent one.
bool equal(const ValueType& type, const void* a, const void* b);
bool equal(const TypeDesc& type, const void* a, const void* b);
// Objects of different kinds differ. With their metadata.
bool equal(const Object& a, const Object& b);

}  // namespace reigen::api
