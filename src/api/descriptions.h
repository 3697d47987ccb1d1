// Texts about types and fields, for OpenAPI and kubectl explain. Apart from the tables, so that they cost no memory until they
// are asked for and a changed text compiles one file. Thread-safe (constant).
#pragma once

#include <span>
#include <string_view>

namespace reigen::api {

struct TypeTexts {
  std::string_view model_name;
  std::string_view lines;  // the type's own, then one "field: text" a field
};
// Sorted by model name.
std::span<const TypeTexts> type_texts();

// Empty where there is none.
std::string_view type_description(std::string_view model_name);
std::string_view field_description(std::string_view model_name, std::string_view field);

}  // namespace reigen::api
