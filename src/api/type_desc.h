// The tables that describe every API type, and that every engine (codecs, patches, OpenAPI, selectors) walks.
//
// Tables of built-in types are generated from src/schema/*.schema and live for ever. Tables of custom resources are built at run
// time (type_arena.h) and describe documents (api::Value), never structs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace reigen::api {

enum class Kind : uint8_t {
  kString,
  kInt32,
  kInt64,
  kDouble,
  kBool,
  kBytes,
  kTime,
  kMicroTime,
  kDuration,
  kQuantity,
  kIntOrString,
  kRaw,  // any JSON value (RawExtension, FieldsV1, JSON, any)
  kStruct,
  kPointer,  // *element: absent and zero differ
  kList,     // []element
  kMap,      // map[string]element
};

struct TypeDesc;
struct ValueType;

// What the engines need of the C++ container behind a pointer, list or map.
struct PointerOps {
  const void* (*get)(const void*);  // nullptr when absent
  void* (*ensure)(void*);           // made where absent
  void (*reset)(void*);
};
struct ListOps {
  size_t (*size)(const void*);
  void* (*data)(const void*);  // contiguous, element->size apart
  void* (*append)(void*);      // a new default element
  void (*clear)(void*);
  void (*reserve)(void*, size_t);
};
struct MapOps {
  size_t (*size)(const void*);
  std::string_view (*key)(const void*, size_t index);  // entries are sorted by key
  void* (*value)(const void*, size_t index);
  void* (*insert)(void*, std::string_view key);  // found or made
  const void* (*find)(const void*, std::string_view key);
  bool (*erase)(void*, std::string_view key);
  void (*clear)(void*);
};

// The type of a value. `size` is that of the C++ type behind it.
struct ValueType {
  Kind kind;
  bool wrapped = false;  // a list that is a message {1: items} in protobuf
  uint32_t size = 0;
  const ValueType* element = nullptr;  // pointer, list, map
  const TypeDesc* type = nullptr;      // struct
  union {
    const PointerOps* pointer = nullptr;
    const ListOps* list;
    const MapOps* map;
  };
};

enum class ListType : uint8_t { kNone, kAtomic, kSet, kMap };

struct FieldDesc {
  std::string_view name;  // in JSON
  const ValueType* value = nullptr;
  uint32_t offset = 0;  // in the struct
  uint16_t number = 0;  // in protobuf; 0: not there
  bool omitempty = false;
  bool optional = false;           // +optional (OpenAPI: not in `required`)
  bool inlined = false;            // only in TypeDesc::own_fields: the fields of value->type stand in the parent's JSON
  bool empty_list = false;         // an empty list is [] and not null in JSON
  bool type_meta = false;          // elements carry kind and apiVersion of their own in JSON
  bool patch_merge = false;        // patchStrategy contains "merge"
  bool patch_replace = false;      // ... "replace"
  bool patch_retain_keys = false;  // ... "retainKeys"
  bool atomic_map = false;         // mapType=atomic or structType=atomic
  ListType list_type = ListType::kNone;
  std::string_view merge_key;  // patchMergeKey
  std::span<const std::string_view> list_map_keys;
  std::string_view default_json;  // JSON text of the schema's default; empty: none
  std::string_view type_name;     // as the schema spells it: "*PullPolicy"
  std::span<const std::string_view> enum_values;
  std::string_view feature_gate;
  std::string_view description;
};

// Types whose JSON is not an object of their fields.
enum class JsonForm : uint8_t { kObject, kOrArray, kOrBool, kOrStringArray };

struct TypeDesc {
  std::string_view name;        // "Pod"
  std::string_view group;       // "", "apps", ...; "meta" for metav1
  std::string_view version;     // "v1"
  std::string_view model_name;  // "io.k8s.api.core.v1.Pod"
  std::string_view go_name;     // "v1.Pod", as errors of Go's JSON name it
  std::string_view description;
  // In the order of JSON output, inlined structs flattened.
  std::span<const FieldDesc> fields;
  // As declared, inlined structs as one field, ordered by protobuf number.
  std::span<const FieldDesc> own_fields;
  // Indexes into `fields`, sorted by name.
  std::span<const uint16_t> by_name;
  bool has_type_meta = false;     // kind and apiVersion come first in JSON (only written at the top)
  bool preserve_unknown = false;  // documents only: members outside the table are kept
  JsonForm json_form = JsonForm::kObject;
  uint32_t size = 0;
  void* (*create)() = nullptr;  // nullptr for documents
  void (*destroy)(void*) = nullptr;
  void* (*copy)(const void*) = nullptr;
  void (*assign)(void* to, const void* from) = nullptr;

  // nullptr where there is none. `hint` is the index tried first.
  const FieldDesc* find(std::string_view json_name, size_t hint = 0) const;
};

// The table of a generated type.
template <class T>
struct TypeTable {
  static const TypeDesc desc;
};
template <class T>
const TypeDesc& type_of() {
  return TypeTable<T>::desc;
}

// Every generated type, sorted by model name.
std::span<const TypeDesc* const> all_types();
// By model name ("io.k8s.api.core.v1.Pod"); nullptr where there is none.
const TypeDesc* find_type(std::string_view model_name);

}  // namespace reigen::api
