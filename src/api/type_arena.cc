#include "api/type_arena.h"

#include <algorithm>
#include <numeric>

#include "api/metav1.h"
#include "api/type_ops.h"

namespace reigen::api {

const ValueType* TypeArena::scalar(Kind kind) { return &values_.emplace_back(ValueType{.kind = kind}); }
const ValueType* TypeArena::list(const ValueType* element) { return &values_.emplace_back(ValueType{.kind = Kind::kList, .element = element}); }
const ValueType* TypeArena::map(const ValueType* element) { return &values_.emplace_back(ValueType{.kind = Kind::kMap, .element = element}); }
const ValueType* TypeArena::structure(const TypeDesc& type) { return &values_.emplace_back(ValueType{.kind = Kind::kStruct, .type = &type}); }

TypeDesc& TypeArena::make_type(std::string_view name, std::string_view group, std::string_view version, std::string_view go_name) {
  return types_.emplace_back(TypeDesc{.name = keep(name), .group = keep(group), .version = keep(version), .go_name = keep(go_name)});
}

void TypeArena::set_fields(TypeDesc& type, std::vector<FieldDesc> fields) {
  for (FieldDesc& field : fields) {
    for (std::string_view FieldDesc::* text :
         {&FieldDesc::name, &FieldDesc::merge_key, &FieldDesc::default_json, &FieldDesc::type_name, &FieldDesc::description})
      if (!(field.*text).empty()) field.*text = keep(field.*text);
    for (std::span<const std::string_view> FieldDesc::* list : {&FieldDesc::list_map_keys, &FieldDesc::enum_values}) {
      auto& copy = keys_.emplace_back();
      for (std::string_view text : field.*list) copy.push_back(keep(text));
      field.*list = copy;
    }
  }
  type.fields = fields_.emplace_back(std::move(fields));
  auto& order = orders_.emplace_back(type.fields.size());
  std::iota(order.begin(), order.end(), uint16_t{0});
  std::ranges::sort(order, {}, [&](uint16_t i) { return type.fields[i].name; });
  type.by_name = order;
}

const KindInfo& TypeArena::make_kind(std::string_view kind, TypeDesc& type) {
  type.has_type_meta = true;
  if (!type.find("metadata")) {
    std::vector<FieldDesc> fields(type.fields.begin(), type.fields.end());
    fields.insert(fields.begin(), FieldDesc{.name = "metadata", .value = &value_type<metav1::ObjectMeta>, .optional = true, .type_name = "v1.ObjectMeta"});
    set_fields(type, std::move(fields));
  }
  std::string api_version(type.group);
  if (!api_version.empty()) api_version += '/';
  api_version += type.version;
  // metadata is decoded beside the document: Object::meta() looks at no offset.
  return kinds_.emplace_back(KindInfo{
      .group = type.group, .version = type.version, .kind = keep(kind), .api_version = keep(api_version), .type = &type, .meta_offset = 0, .tree = true});
}

}  // namespace reigen::api
