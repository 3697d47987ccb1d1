#pragma once
#if __has_include("api/yaml.h")
#include "api/yaml.h"
#else
#include "api/value.h"
namespace reigen::api {
inline Result<std::string> yaml_to_json(std::string_view text, std::vector<std::string>*) { return std::string(text); }
inline std::string to_yaml(const Value& value) { return to_json(value); }
}
#endif
