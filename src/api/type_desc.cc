#include "api/type_desc.h"

#include <algorithm>

namespace reigen::api {

const FieldDesc* TypeDesc::find(std::string_view json_name, size_t hint) const {
  if (hint < fields.size() && fields[hint].name == json_name) return &fields[hint];
  auto it = std::lower_bound(by_name.begin(), by_name.end(), json_name, [this](uint16_t index, std::string_view name) { return fields[index].name < name; });
  if (it == by_name.end() || fields[*it].name != json_name) return nullptr;
  return &fields[*it];
}

const TypeDesc* find_type(std::string_view model_name) {
  auto types = all_types();
  auto it = std::lower_bound(types.begin(), types.end(), model_name, [](const TypeDesc* type, std::string_view name) { return type->model_name < name; });
  return it == types.end() || (*it)->model_name != model_name ? nullptr : *it;
}

}  // namespace reigen::api
