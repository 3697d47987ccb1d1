#include <algorithm>
#include <array>
#include <string>
#include <unordered_set>

#include <fmt/core.h>

#include "api/managed_fields/typed.h"

namespace reigen::api {
namespace {

// Types that Kubernetes marks +structType=atomic: their fields are owned together.
constexpr std::pair<std::string_view, std::string_view> kAtomicTypes[] = {
    {"", "ConfigMapKeySelector"},
    {"", "EndpointAddress"},
    {"", "EndpointPort"},
    {"", "LocalObjectReference"},
    {"", "NodeSelector"},
    {"", "NodeSelectorTerm"},
    {"", "ObjectFieldSelector"},
    {"", "ObjectReference"},
    {"", "ResourceFieldSelector"},
    {"", "ScopeSelector"},
    {"", "SecretKeySelector"},
    {"", "SecretReference"},
    {"", "TopologySelectorTerm"},
    {"", "TypedLocalObjectReference"},
    {"meta", "LabelSelector"},
    {"meta", "OwnerReference"},
    {"admissionregistration.k8s.io", "MatchResources"},
    {"admissionregistration.k8s.io", "NamedRuleWithOperations"},
    {"admissionregistration.k8s.io", "ParamKind"},
    {"admissionregistration.k8s.io", "ParamRef"},
    {"admissionregistration.k8s.io", "Variable"},
    {"discovery.k8s.io", "EndpointPort"},
    {"networking.k8s.io", "ServiceBackendPort"},
    {"rbac.authorization.k8s.io", "RoleRef"},
    {"rbac.authorization.k8s.io", "Subject"},
};

bool is_atomic_type(const TypeDesc& type) {
  // CrossVersionObjectReference is marked in autoscaling/v1 only.
  if (type.name == "CrossVersionObjectReference") return type.version == "v1";
  return std::ranges::any_of(kAtomicTypes, [&](const auto& entry) { return entry.second == type.name && entry.first == type.group; });
}

}  // namespace

bool is_atomic_struct(const TypeDesc* type) {
  static const std::unordered_set<const TypeDesc*> atomic = [] {
    std::unordered_set<const TypeDesc*> found;
    for (const TypeDesc* candidate : all_types())
      if (is_atomic_type(*candidate)) found.insert(candidate);
    return found;
  }();
  return atomic.contains(type);
}

namespace {

// The value a missing key has: the schema's default, or the zero value where the field is required.
Value default_of(const FieldDesc& field) {
  if (!field.default_json.empty()) {
    auto parsed = parse_json(field.default_json);
    return parsed ? std::move(*parsed) : Value();
  }
  if (field.omitempty || field.optional) return Value();
  switch (field.value->kind) {
    case Kind::kString: return Value("");
    case Kind::kInt32:
    case Kind::kInt64: return Value(0);
    case Kind::kBool: return Value(false);
    default: return Value();
  }
}

}  // namespace

const ValueType* Schema::behind_pointer(const ValueType* type) {
  while (type && type->kind == Kind::kPointer) type = type->element;
  return type;
}

const TypeDesc* Schema::object() const {
  if (root) return root;
  return value && value->kind == Kind::kStruct ? value->type : nullptr;
}

Schema::Shape Schema::shape(const View& view) const {
  if (deduced()) {
    if (view.is_list()) return Shape::kList;
    return view.is() == View::Is::kScalar ? Shape::kScalar : Shape::kMap;
  }
  if (root) return Shape::kMap;
  switch (value->kind) {
    case Kind::kStruct:
    case Kind::kMap: return Shape::kMap;
    case Kind::kList: return Shape::kList;
    default: return Shape::kScalar;
  }
}

bool Schema::atomic() const {
  if (root) return false;
  if (!value || deduced()) return false;
  if (value->kind == Kind::kList) return !field || field->list_type == ListType::kNone || field->list_type == ListType::kAtomic;
  if (field && field->atomic_map && field->value && behind_pointer(field->value) == value) return true;
  if (value->kind != Kind::kStruct) return false;
  // A persistent volume's claimRef is marked structType=granular.
  return is_atomic_struct(value->type) && !(field && field->name == "claimRef");
}

Schema Schema::member(std::string_view name, bool* declared) const {
  if (declared) *declared = false;
  if (const TypeDesc* type = object(); type && !deduced()) {
    const FieldDesc* found = type->find(name);
    if (declared) *declared = found || (type->has_type_meta && (name == "kind" || name == "apiVersion"));
    return found ? member(*found) : Schema();
  }
  if (value && value->kind == Kind::kMap) return {behind_pointer(value->element), nullptr, nullptr};
  return {};
}

bool Schema::allows(std::string_view name) const {
  const TypeDesc* type = object();
  if (!type || deduced() || type->preserve_unknown) return true;
  return type->find(name) || (type->has_type_meta && (name == "kind" || name == "apiVersion"));
}

Schema Schema::element() const {
  if (value && value->kind == Kind::kList) return {behind_pointer(value->element), nullptr, nullptr};
  return {};
}

Result<PathElement> element_of(const Schema& list, const View& item) {
  auto bad = [](std::string message) { return fail(Code::kInvalidArgument, std::move(message)); };
  if (list.field->list_type == ListType::kSet) {
    if (item.is_map()) return bad("associative list without keys has an element that's a map type");
    if (item.is_list()) return bad("not supported: associative list with lists as elements");
    if (item.is_null()) return bad("associative list without keys has an element that's an explicit null");
    return PathElement::of_value(item.scalar());
  }
  if (item.is_null()) return bad("associative list with keys may not have a null element");
  if (!item.is_map()) return bad("associative list with keys may not have non-map elements");
  const TypeDesc* type = list.element().object();
  std::vector<std::string_view> names(list.field->list_map_keys.begin(), list.field->list_map_keys.end());
  std::ranges::sort(names);
  Value keys = Value::object();
  for (auto name : names) {
    View member = item.member(name);
    if (!member.absent()) {
      keys.set(name, member.to_value());
      continue;
    }
    const FieldDesc* field = type ? type->find(name) : nullptr;
    Value fallback = field ? default_of(*field) : Value();
    if (fallback.is_null())
      return bad(fmt::format("associative list with keys has an element that omits key field \"{}\" (and doesn't have default value)", name));
    keys.set(name, std::move(fallback));
  }
  return PathElement::key(std::move(keys));
}

}  // namespace reigen::api
