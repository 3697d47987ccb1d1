// Kinds and resources the API knows: what can be encoded on its own, and under which path it is served.
//
// Tables live for ever. Thread-safe (constant).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "api/type_desc.h"

namespace reigen::api {

struct ResourceInfo;

// A column of a server-side table.
struct Column {
  std::string_view name;
  std::string_view type;
  std::string_view format;
  bool wide = false;  // only with -o wide (priority 1)
};

// What every kind of object, list or options is.
struct KindInfo {
  std::string_view group;  // "" for core
  std::string_view version;
  std::string_view kind;
  std::string_view api_version;  // "v1", "apps/v1"
  const TypeDesc* type = nullptr;
  int32_t meta_offset = -1;                // of the ObjectMeta in the struct; -1: none
  int32_t list_meta_offset = -1;           // of the ListMeta; -1: no list
  int32_t items_offset = -1;               // of `items`
  const KindInfo* item = nullptr;          // lists: the kind of an element
  const KindInfo* list = nullptr;          // objects: the list's kind
  const ResourceInfo* resource = nullptr;  // the main resource; nullptr for options and lists
  std::span<const Column> columns;         // of its server-side table; empty: name and age
  bool tree = false;                       // objects are documents (custom resources)

  bool is_list() const { return list_meta_offset >= 0; }
  bool has_meta() const { return meta_offset >= 0; }
};

enum Verb : uint16_t {
  kGet = 1,
  kList = 2,
  kWatch = 4,
  kCreate = 8,
  kUpdate = 16,
  kPatch = 32,
  kDelete = 64,
  kDeleteCollection = 128,
};

// A resource or subresource.
struct ResourceInfo {
  std::string_view group;
  std::string_view version;
  std::string_view plural;       // "pods"
  std::string_view subresource;  // "status", "" for the resource itself
  std::string_view singular;
  bool namespaced = false;
  uint16_t verbs = 0;  // of Verb
  std::span<const std::string_view> short_names;
  std::span<const std::string_view> categories;
  const KindInfo* kind = nullptr;  // what it reads and writes; of another group for scale, eviction, token
  std::span<const Column> columns;

  bool has(Verb verb) const { return (verbs & verb) != 0; }
};

template <class T>
struct KindTable {
  static const KindInfo info;
};
// The kind of a generated type that has one (Pod, PodList, DeleteOptions, Status, ...).
template <class T>
const KindInfo& kind_of() {
  return KindTable<T>::info;
}

// nullptr where there is none. Kinds of meta/v1 that every group serves (ListOptions, DeleteOptions, Status, WatchEvent, ...) are
// found under every group and version.
const KindInfo* find_kind(std::string_view group, std::string_view version, std::string_view kind);
// With "v1" or "apps/v1".
const KindInfo* find_kind(std::string_view api_version, std::string_view kind);
const ResourceInfo* find_resource(std::string_view group, std::string_view version, std::string_view plural, std::string_view subresource = "");

// Sorted by group, version, kind.
std::span<const KindInfo* const> all_kinds();
// In the order of discovery: by group (core first), version, plural, subresource.
std::span<const ResourceInfo* const> all_resources();

}  // namespace reigen::api
