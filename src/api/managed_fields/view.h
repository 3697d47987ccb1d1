// One way to look at an object for server-side apply, whether it is a struct with its table or a document.
//
// A View refers to the object and to the arena it was made with; both must outlive it. Not thread-safe (the arena).
#pragma once

#include <deque>
#include <functional>
#include <string_view>
#include <vector>

#include "api/type_desc.h"
#include "api/value.h"

namespace reigen::api {

// Holds documents that stand inside structs as text (RawExtension) while they are looked at.
using ViewArena = std::deque<Value>;

class View {
 public:
  enum class Is : unsigned char { kAbsent, kNull, kScalar, kList, kMap };

  View() = default;  // absent
  static View of(const Value& tree);
  static View of(const void* data, const ValueType& type, ViewArena& arena);
  static View of(const void* data, const TypeDesc& type, ViewArena& arena);

  Is is() const { return is_; }
  bool absent() const { return is_ == Is::kAbsent; }
  bool is_null() const { return is_ == Is::kNull; }
  bool is_list() const { return is_ == Is::kList; }
  bool is_map() const { return is_ == Is::kMap; }
  // Elements or members.
  size_t size() const;
  // A list's elements, in order.
  View item(size_t index) const;
  // A struct's or map's member by name.
  View member(std::string_view name) const;
  // Members in the order of their names.
  struct Member;
  void members(std::vector<Member>& out) const;
  // The struct behind, where both are of the same type and their members can be walked together.
  const TypeDesc* struct_type() const { return tree_ ? nullptr : desc_; }
  View field(const FieldDesc& field) const;  // of a struct

  Value scalar() const;    // null for anything else
  Value to_value() const;  // deep; absent members are left out
  static bool equal(const View& a, const View& b);

 private:
  Is is_ = Is::kAbsent;
  const Value* tree_ = nullptr;
  const void* data_ = nullptr;
  const ValueType* type_ = nullptr;  // nullptr: the root struct, described by desc_
  const TypeDesc* desc_ = nullptr;
  ViewArena* arena_ = nullptr;
};

struct View::Member {
  std::string_view name;
  View value;
};

}  // namespace reigen::api
