// TypeArena: owns tables made at run time, for documents of custom resources. Not thread-safe while it grows; the tables are constant
// once handed out, and live as long as the arena.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/kind_info.h"
#include "api/type_desc.h"

namespace reigen::api {

class TypeArena {
 public:
  TypeArena() = default;
  TypeArena(const TypeArena&) = delete;
  TypeArena& operator=(const TypeArena&) = delete;

  std::string_view keep(std::string_view text) { return texts_.emplace_back(text); }
  const ValueType* scalar(Kind kind);
  const ValueType* list(const ValueType* element);
  const ValueType* map(const ValueType* element);
  const ValueType* structure(const TypeDesc& type);

  // An empty type; go_name is what error messages call it.
  TypeDesc& make_type(std::string_view name, std::string_view group, std::string_view version, std::string_view go_name);
  // Names and texts of the fields are copied.
  void set_fields(TypeDesc& type, std::vector<FieldDesc> fields);
  // A kind whose objects are documents of the type; the type gets kind, apiVersion and metadata.
  const KindInfo& make_kind(std::string_view kind, TypeDesc& type);

 private:
  std::deque<std::string> texts_;
  std::deque<ValueType> values_;
  std::deque<TypeDesc> types_;
  std::deque<KindInfo> kinds_;
  std::deque<std::vector<FieldDesc>> fields_;
  std::deque<std::vector<uint16_t>> orders_;
  std::deque<std::vector<std::string_view>> keys_;
};

}  // namespace reigen::api
