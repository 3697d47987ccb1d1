#include "api/field_access.h"

#include <charconv>

#include "api/json.h"
#include "api/metav1.h"
#include "api/scalars.h"
#include "api/value.h"

namespace reigen::api {
namespace {

// Cuts the next step off the path: a name, or what stands in brackets.
std::string_view next_step(std::string_view& path) {
  if (path.starts_with('.')) path.remove_prefix(1);
  if (path.starts_with('[')) {
    size_t end = std::min(path.find(']'), path.size() - 1);
    std::string_view step = path.substr(1, end - 1);
    path.remove_prefix(end + 1);
    return step;
  }
  size_t end = std::min(path.find_first_of(".["), path.size());
  std::string_view step = path.substr(0, end);
  path.remove_prefix(end);
  return step;
}

bool index_of(std::string_view step, size_t& index) {
  auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
  return error == std::errc() && end == step.data() + step.size();
}

FieldRef follow_pointers(FieldRef ref) {
  while (ref && ref.type->kind == Kind::kPointer) ref = {ref.type->element, ref.type->pointer->get(ref.data)};
  return ref;
}

FieldRef step_into(FieldRef ref, std::string_view step) {
  size_t index = 0;
  switch (ref.type->kind) {
    case Kind::kStruct:
      if (const FieldDesc* field = ref.type->type->find(step)) return {field->value, static_cast<const char*>(ref.data) + field->offset};
      return {};
    case Kind::kMap: return {ref.type->element, ref.type->map->find(ref.data, step)};
    case Kind::kList:
      if (!index_of(step, index) || index >= ref.type->list->size(ref.data)) return {};
      return {ref.type->element, static_cast<const char*>(ref.type->list->data(ref.data)) + index * ref.type->element->size};
    default: return {};
  }
}

const Value* find_in_tree(const Value& tree, std::string_view path) {
  const Value* at = &tree;
  while (at && !path.empty()) {
    std::string_view step = next_step(path);
    size_t index = 0;
    if (!at->is_array()) at = at->find(step);
    else at = index_of(step, index) && index < at->size() ? &at->items()[index] : nullptr;
  }
  return at;
}

bool is_set(FieldRef ref) {
  switch (ref.type->kind) {
    case Kind::kPointer: return ref.type->pointer->get(ref.data) != nullptr;
    case Kind::kList: return ref.type->list->size(ref.data) != 0;
    case Kind::kMap: return ref.type->map->size(ref.data) != 0;
    case Kind::kString: return !static_cast<const std::string*>(ref.data)->empty();
    case Kind::kBytes: return !static_cast<const Bytes*>(ref.data)->empty();
    case Kind::kRaw: return !static_cast<const RawExtension*>(ref.data)->empty();
    case Kind::kBool: return *static_cast<const bool*>(ref.data);
    case Kind::kInt32: return *static_cast<const int32_t*>(ref.data) != 0;
    case Kind::kInt64: return *static_cast<const int64_t*>(ref.data) != 0;
    case Kind::kTime: return !static_cast<const Time*>(ref.data)->is_zero();
    default: return true;
  }
}

class Walk {
 public:
  explicit Walk(const FieldVisitor& visit) : visit_(visit) {}

  void object(const TypeDesc& type, const void* data) {
    for (const FieldDesc& field : type.fields) {
      FieldRef ref{field.value, static_cast<const char*>(data) + field.offset};
      if (!is_set(ref)) continue;
      size_t before = path_.size();
      if (!path_.empty()) path_ += '.';
      path_ += field.name;
      if (visit_(path_, field, follow_pointers(ref))) inside(ref);
      path_.resize(before);
    }
  }

 private:
  void inside(FieldRef ref) {
    ref = follow_pointers(ref);
    if (!ref) return;
    const ValueType& type = *ref.type;
    size_t before = path_.size();
    if (type.kind == Kind::kStruct) {
      object(*type.type, ref.data);
    } else if (type.kind == Kind::kList) {
      for (size_t i = 0, n = type.list->size(ref.data); i < n; i++) {
        path_ += "[" + std::to_string(i) + "]";
        inside({type.element, static_cast<const char*>(type.list->data(ref.data)) + i * type.element->size});
        path_.resize(before);
      }
    } else if (type.kind == Kind::kMap) {
      for (size_t i = 0, n = type.map->size(ref.data); i < n; i++) {
        path_.append("[").append(type.map->key(ref.data, i)).append("]");
        inside({type.element, type.map->value(ref.data, i)});
        path_.resize(before);
      }
    }
  }

  const FieldVisitor& visit_;
  std::string path_;
};

}  // namespace

FieldRef find_field(const TypeDesc& type, const void* data, std::string_view path) {
  ValueType self{.kind = Kind::kStruct, .type = &type};
  FieldRef ref{&self, data};
  while (ref && !path.empty()) ref = follow_pointers(step_into(ref, next_step(path)));
  return ref.type == &self ? FieldRef{} : ref;
}

std::string text_of(FieldRef field) {
  field = follow_pointers(field);
  if (!field) return {};
  switch (field.type->kind) {
    case Kind::kString: return *static_cast<const std::string*>(field.data);
    case Kind::kInt32: return std::to_string(*static_cast<const int32_t*>(field.data));
    case Kind::kInt64: return std::to_string(*static_cast<const int64_t*>(field.data));
    case Kind::kBool: return *static_cast<const bool*>(field.data) ? "true" : "false";
    case Kind::kDouble: {
      std::string out;
      append_json_double(out, *static_cast<const double*>(field.data));
      return out;
    }
    case Kind::kBytes: return base64_encode(*static_cast<const Bytes*>(field.data));
    case Kind::kTime: return static_cast<const Time*>(field.data)->to_string();
    case Kind::kMicroTime: return static_cast<const MicroTime*>(field.data)->to_string();
    case Kind::kDuration: return static_cast<const Duration*>(field.data)->to_string();
    case Kind::kQuantity: return static_cast<const Quantity*>(field.data)->to_string();
    case Kind::kIntOrString: return static_cast<const IntOrString*>(field.data)->to_string();
    default: return {};
  }
}

std::string field_text(const Object& object, std::string_view path) {
  if (!object.is_tree()) return text_of(find_field(object.type(), object.data(), path));
  if (path.starts_with("metadata.")) return text_of(find_field(type_of<metav1::ObjectMeta>(), &object.meta(), path.substr(9)));
  const Value* found = find_in_tree(object.tree(), path);
  if (!found || found->is_null() || found->is_object() || found->is_array()) return {};
  return found->is_string() ? std::string(found->text()) : to_json(*found);
}

void for_each_field(const TypeDesc& type, const void* data, const FieldVisitor& visit) { Walk(visit).object(type, data); }

}  // namespace reigen::api
