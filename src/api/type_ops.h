// The C++ side of the tables: one ValueType per C++ type, made at compile time. Only generated sources include this.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "api/box.h"
#include "api/map.h"
#include "api/scalars.h"
#include "api/type_desc.h"

namespace reigen::api {

template <class T>
struct TypeOps {
  static void* create() { return new T(); }
  static void destroy(void* object) { delete static_cast<T*>(object); }
  static void* copy(const void* from) { return new T(*static_cast<const T*>(from)); }
  static void assign(void* to, const void* from) { *static_cast<T*>(to) = *static_cast<const T*>(from); }
};

template <class T>
struct OptionalOps {
  using Optional = std::optional<T>;
  static const void* get(const void* p) {
    auto& o = *static_cast<const Optional*>(p);
    return o ? &*o : nullptr;
  }
  static void* ensure(void* p) {
    auto& o = *static_cast<Optional*>(p);
    return o ? &*o : &o.emplace();
  }
  static void reset(void* p) { static_cast<Optional*>(p)->reset(); }
  static constexpr PointerOps ops = {get, ensure, reset};
};

template <class T>
struct BoxOps {
  static const void* get(const void* p) { return static_cast<const Box<T>*>(p)->get(); }
  static void* ensure(void* p) { return &static_cast<Box<T>*>(p)->ensure(); }
  static void reset(void* p) { static_cast<Box<T>*>(p)->reset(); }
  static constexpr PointerOps ops = {get, ensure, reset};
};

template <class V>
struct VectorOps {
  static size_t size(const void* p) { return static_cast<const V*>(p)->size(); }
  static void* data(const void* p) { return const_cast<V*>(static_cast<const V*>(p))->data(); }
  static void* append(void* p) { return &static_cast<V*>(p)->emplace_back(); }
  static void clear(void* p) { static_cast<V*>(p)->clear(); }
  static void reserve(void* p, size_t n) { static_cast<V*>(p)->reserve(n); }
  static constexpr ListOps ops = {size, data, append, clear, reserve};
};

template <class T>
struct StructMapOps {
  using M = Map<T>;
  static size_t size(const void* p) { return static_cast<const M*>(p)->size(); }
  static std::string_view key(const void* p, size_t i) { return static_cast<const M*>(p)->begin()[i].first; }
  static void* value(const void* p, size_t i) { return &const_cast<M*>(static_cast<const M*>(p))->begin()[i].second; }
  static void* insert(void* p, std::string_view k) { return &(*static_cast<M*>(p))[k]; }
  static const void* find(const void* p, std::string_view k) { return static_cast<const M*>(p)->get(k); }
  static bool erase(void* p, std::string_view k) { return static_cast<M*>(p)->erase(k) != 0; }
  static void clear(void* p) { static_cast<M*>(p)->clear(); }
  static constexpr MapOps ops = {size, key, value, insert, find, erase, clear};
};

template <class T>
struct ValueTypeMaker;
template <class T>
inline constexpr ValueType value_type = ValueTypeMaker<T>::make();

constexpr ValueType scalar_type(Kind kind, size_t size) { return {.kind = kind, .size = static_cast<uint32_t>(size)}; }

template <class T>
struct ValueTypeMaker {
  static constexpr ValueType make() {
    if constexpr (std::is_same_v<T, std::string>) return scalar_type(Kind::kString, sizeof(T));
    else if constexpr (std::is_same_v<T, int32_t>) return scalar_type(Kind::kInt32, sizeof(T));
    else if constexpr (std::is_same_v<T, int64_t>) return scalar_type(Kind::kInt64, sizeof(T));
    else if constexpr (std::is_same_v<T, double>) return scalar_type(Kind::kDouble, sizeof(T));
    else if constexpr (std::is_same_v<T, bool>) return scalar_type(Kind::kBool, sizeof(T));
    else if constexpr (std::is_same_v<T, Bytes>) return scalar_type(Kind::kBytes, sizeof(T));
    else if constexpr (std::is_same_v<T, Time>) return scalar_type(Kind::kTime, sizeof(T));
    else if constexpr (std::is_same_v<T, MicroTime>) return scalar_type(Kind::kMicroTime, sizeof(T));
    else if constexpr (std::is_same_v<T, Duration>) return scalar_type(Kind::kDuration, sizeof(T));
    else if constexpr (std::is_same_v<T, Quantity>) return scalar_type(Kind::kQuantity, sizeof(T));
    else if constexpr (std::is_same_v<T, IntOrString>) return scalar_type(Kind::kIntOrString, sizeof(T));
    else if constexpr (std::is_same_v<T, RawExtension> || std::is_same_v<T, FieldsV1>) return scalar_type(Kind::kRaw, sizeof(T));
    else return {.kind = Kind::kStruct, .size = static_cast<uint32_t>(sizeof(T)), .type = &TypeTable<T>::desc};
  }
};
template <class T>
struct ValueTypeMaker<std::optional<T>> {
  static constexpr ValueType make() {
    return {.kind = Kind::kPointer, .size = sizeof(std::optional<T>), .element = &value_type<T>, .pointer = &OptionalOps<T>::ops};
  }
};
template <class T>
struct ValueTypeMaker<Box<T>> {
  static constexpr ValueType make() { return {.kind = Kind::kPointer, .size = sizeof(Box<T>), .element = &value_type<T>, .pointer = &BoxOps<T>::ops}; }
};
template <class T>
struct ValueTypeMaker<std::vector<T>> {
  static constexpr ValueType make() {
    return {.kind = Kind::kList, .size = sizeof(std::vector<T>), .element = &value_type<T>, .list = &VectorOps<std::vector<T>>::ops};
  }
};
template <>
struct ValueTypeMaker<StringList> {
  static constexpr ValueType make() {
    return {.kind = Kind::kList, .wrapped = true, .size = sizeof(StringList), .element = &value_type<std::string>, .list = &VectorOps<StringList>::ops};
  }
};
template <class T>
struct ValueTypeMaker<Map<T>> {
  static constexpr ValueType make() { return {.kind = Kind::kMap, .size = sizeof(Map<T>), .element = &value_type<T>, .map = &StructMapOps<T>::ops}; }
};

}  // namespace reigen::api
