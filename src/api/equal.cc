#include "api/equal.h"

#include "api/metav1.h"
#include "api/scalars.h"
#include "api/value.h"

namespace reigen::api {
namespace {

template <class T>
bool same(const void* a, const void* b) {
  return *static_cast<const T*>(a) == *static_cast<const T*>(b);
}

bool equal_lists(const ValueType& type, const void* a, const void* b) {
  size_t size = type.list->size(a);
  if (size != type.list->size(b)) return false;
  const char* left = static_cast<const char*>(type.list->data(a));
  const char* right = static_cast<const char*>(type.list->data(b));
  for (size_t i = 0; i < size; i++, left += type.element->size, right += type.element->size)
    if (!equal(*type.element, left, right)) return false;
  return true;
}

bool equal_maps(const ValueType& type, const void* a, const void* b) {
  size_t size = type.map->size(a);
  if (size != type.map->size(b)) return false;
  for (size_t i = 0; i < size; i++) {
    if (type.map->key(a, i) != type.map->key(b, i)) return false;
    if (!equal(*type.element, type.map->value(a, i), type.map->value(b, i))) return false;
  }
  return true;
}

}  // namespace

bool equal(const ValueType& type, const void* a, const void* b) {
  switch (type.kind) {
    case Kind::kString: return same<std::string>(a, b);
    case Kind::kInt32: return same<int32_t>(a, b);
    case Kind::kInt64: return same<int64_t>(a, b);
    case Kind::kDouble: return same<double>(a, b);
    case Kind::kBool: return same<bool>(a, b);
    case Kind::kBytes: return same<Bytes>(a, b);
    case Kind::kTime: return same<Time>(a, b);
    case Kind::kMicroTime: return same<MicroTime>(a, b);
    case Kind::kDuration: return same<Duration>(a, b);
    case Kind::kQuantity: return same<Quantity>(a, b);
    case Kind::kIntOrString: return same<IntOrString>(a, b);
    case Kind::kRaw: return same<RawExtension>(a, b);
    case Kind::kStruct: return equal(*type.type, a, b);
    case Kind::kPointer: {
      const void* left = type.pointer->get(a);
      const void* right = type.pointer->get(b);
      return left && right ? equal(*type.element, left, right) : !left && !right;
    }
    case Kind::kList: return equal_lists(type, a, b);
    case Kind::kMap: return equal_maps(type, a, b);
  }
  return false;
}

bool equal(const TypeDesc& type, const void* a, const void* b) {
  for (const FieldDesc& field : type.fields)
    if (!equal(*field.value, static_cast<const char*>(a) + field.offset, static_cast<const char*>(b) + field.offset)) return false;
  return true;
}

bool equal(const Object& a, const Object& b) {
  if (!a || !b) return !a && !b;
  if (&a.kind() != &b.kind()) return false;
  if (a.same(b)) return true;
  if (a.is_tree()) return a.meta() == b.meta() && a.tree() == b.tree();
  return equal(a.type(), a.data(), b.data());
}

}  // namespace reigen::api
