#include "api/managed_fields/view.h"

#include <algorithm>

#include "api/scalars.h"

namespace reigen::api {
namespace {

using Is = View::Is;

Is kind_of_tree(const Value& tree) {
  switch (tree.kind()) {
    case Value::Kind::kNull: return Is::kNull;
    case Value::Kind::kArray: return Is::kList;
    case Value::Kind::kObject: return Is::kMap;
    default: return Is::kScalar;
  }
}

template <class T>
const T& as(const void* data) {
  return *static_cast<const T*>(data);
}

// What Go's omitempty leaves out.
bool is_empty(const void* data, const ValueType& type) {
  switch (type.kind) {
    case Kind::kString: return as<std::string>(data).empty();
    case Kind::kInt32: return as<int32_t>(data) == 0;
    case Kind::kInt64: return as<int64_t>(data) == 0;
    case Kind::kDouble: return as<double>(data) == 0;
    case Kind::kBool: return !as<bool>(data);
    case Kind::kBytes: return as<Bytes>(data).empty();
    case Kind::kPointer: return type.pointer->get(data) == nullptr;
    case Kind::kList: return type.list->size(data) == 0;
    case Kind::kMap: return type.map->size(data) == 0;
    case Kind::kRaw: return as<RawExtension>(data).empty();
    default: return false;
  }
}

Value scalar_of(const void* data, Kind kind) {
  switch (kind) {
    case Kind::kString: return Value(as<std::string>(data));
    case Kind::kInt32: return Value(as<int32_t>(data));
    case Kind::kInt64: return Value(as<int64_t>(data));
    case Kind::kDouble: return Value(as<double>(data));
    case Kind::kBool: return Value(as<bool>(data));
    case Kind::kBytes: return Value(base64_encode(as<Bytes>(data).view()));
    case Kind::kTime: return Value(as<Time>(data).to_string());
    case Kind::kMicroTime: return Value(as<MicroTime>(data).to_string());
    case Kind::kDuration: return Value(as<Duration>(data).to_string());
    case Kind::kQuantity: return Value(as<Quantity>(data).to_string());
    case Kind::kIntOrString: {
      const auto& value = as<IntOrString>(data);
      return value.is_string ? Value(value.text) : Value(value.number);
    }
    default: return Value();
  }
}

bool equal_scalars(const void* a, const void* b, Kind kind) {
  switch (kind) {
    case Kind::kString: return as<std::string>(a) == as<std::string>(b);
    case Kind::kInt32: return as<int32_t>(a) == as<int32_t>(b);
    case Kind::kInt64: return as<int64_t>(a) == as<int64_t>(b);
    case Kind::kBool: return as<bool>(a) == as<bool>(b);
    case Kind::kBytes: return as<Bytes>(a) == as<Bytes>(b);
    case Kind::kTime: return as<Time>(a) == as<Time>(b);
    case Kind::kMicroTime: return as<MicroTime>(a) == as<MicroTime>(b);
    default: return scalar_of(a, kind) == scalar_of(b, kind);
  }
}

}  // namespace

View View::of(const Value& tree) {
  View view;
  view.is_ = kind_of_tree(tree);
  view.tree_ = &tree;
  return view;
}

View View::of(const void* data, const TypeDesc& type, ViewArena& arena) {
  View view;
  view.is_ = Is::kMap;
  view.data_ = data;
  view.desc_ = &type;
  view.arena_ = &arena;
  return view;
}

View View::of(const void* data, const ValueType& given, ViewArena& arena) {
  const ValueType* type = &given;
  View view;
  view.is_ = Is::kNull;
  while (type->kind == Kind::kPointer) {
    data = type->pointer->get(data);
    if (!data) return view;
    type = type->element;
  }
  view.data_ = data;
  view.type_ = type;
  view.arena_ = &arena;
  switch (type->kind) {
    case Kind::kStruct:
      view.is_ = Is::kMap;
      view.desc_ = type->type;
      break;
    case Kind::kList: view.is_ = is_empty(data, *type) ? Is::kNull : Is::kList; break;
    case Kind::kMap: view.is_ = is_empty(data, *type) ? Is::kNull : Is::kMap; break;
    case Kind::kTime: view.is_ = as<Time>(data).is_zero() ? Is::kNull : Is::kScalar; break;
    case Kind::kMicroTime: view.is_ = as<MicroTime>(data).is_zero() ? Is::kNull : Is::kScalar; break;
    case Kind::kRaw: {
      if (is_empty(data, *type)) break;
      auto parsed = parse_json(as<RawExtension>(data).raw);
      arena.push_back(parsed ? std::move(*parsed) : Value(as<RawExtension>(data).raw));
      return of(arena.back());
    }
    default: view.is_ = Is::kScalar; break;
  }
  return view;
}

View View::field(const FieldDesc& field) const {
  const void* data = static_cast<const char*>(data_) + field.offset;
  if (field.omitempty && is_empty(data, *field.value)) return {};
  return of(data, *field.value, *arena_);
}

size_t View::size() const {
  if (tree_) return tree_->size();
  if (is_ == Is::kList) return type_->list->size(data_);
  if (is_ != Is::kMap) return 0;
  if (!desc_) return type_->map->size(data_);
  size_t count = 0;
  for (const auto& f : desc_->fields) count += !field(f).absent();
  return count;
}

View View::item(size_t index) const {
  if (tree_) return of(tree_->items()[index]);
  return of(static_cast<const char*>(type_->list->data(data_)) + index * type_->element->size, *type_->element, *arena_);
}

View View::member(std::string_view name) const {
  if (is_ != Is::kMap) return {};
  if (tree_) {
    const Value* found = tree_->find(name);
    return found ? of(*found) : View();
  }
  if (desc_) {
    const FieldDesc* found = desc_->find(name);
    return found ? field(*found) : View();
  }
  const void* found = type_->map->find(data_, name);
  return found ? of(found, *type_->element, *arena_) : View();
}

void View::members(std::vector<Member>& out) const {
  out.clear();
  if (is_ != Is::kMap) return;
  if (tree_) {
    for (const auto& member : tree_->members()) out.push_back({member.key(), of(member.value)});
    auto by_name = [](const Member& m) { return m.name; };
    if (!std::ranges::is_sorted(out, {}, by_name)) std::ranges::sort(out, {}, by_name);
    return;
  }
  if (!desc_) {
    size_t count = type_->map->size(data_);
    for (size_t i = 0; i < count; ++i) {
      const void* value = type_->map->value(data_, i);
      out.push_back({type_->map->key(data_, i), of(value, *type_->element, *arena_)});
    }
    return;
  }
  for (uint16_t index : desc_->by_name) {
    const FieldDesc& f = desc_->fields[index];
    View value = field(f);
    if (!value.absent()) out.push_back({f.name, value});
  }
}

Value View::scalar() const {
  if (is_ != Is::kScalar) return Value();
  return tree_ ? *tree_ : scalar_of(data_, type_->kind);
}

Value View::to_value() const {
  if (tree_) return *tree_;
  switch (is_) {
    case Is::kScalar: return scalar();
    case Is::kList: {
      Value::Array items;
      items.reserve(size());
      for (size_t i = 0, count = size(); i < count; ++i) items.push_back(item(i).to_value());
      return Value(std::move(items));
    }
    case Is::kMap: break;
    default: return Value();
  }
  Value out = Value::object();
  if (desc_) {
    for (const auto& f : desc_->fields)
      if (View value = field(f); !value.absent()) out.set(f.name, value.to_value());
    return out;
  }
  std::vector<Member> list;
  members(list);
  for (const auto& member : list) out.set(member.name, member.value.to_value());
  return out;
}

bool View::equal(const View& a, const View& b) {
  if (a.is_ != b.is_) return false;
  if (a.tree_ && b.tree_) return *a.tree_ == *b.tree_;
  if (a.is_ == Is::kScalar) {
    if (!a.tree_ && !b.tree_ && a.type_->kind == b.type_->kind) return equal_scalars(a.data_, b.data_, a.type_->kind);
    return a.scalar() == b.scalar();
  }
  if (a.is_ == Is::kList) {
    size_t count = a.size();
    if (count != b.size()) return false;
    for (size_t i = 0; i < count; ++i)
      if (!equal(a.item(i), b.item(i))) return false;
    return true;
  }
  if (a.is_ != Is::kMap) return true;
  if (a.struct_type() && a.struct_type() == b.struct_type())
    return std::ranges::all_of(a.desc_->fields, [&](const FieldDesc& f) { return equal(a.field(f), b.field(f)); });
  std::vector<Member> left, right;
  a.members(left);
  b.members(right);
  return std::ranges::equal(left, right, [](const Member& x, const Member& y) { return x.name == y.name && equal(x.value, y.value); });
}

}  // namespace reigen::api
