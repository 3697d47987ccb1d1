// OpenAPI v2 as protobuf: the messages of gnostic's openapi.v2, made from the same trees as the JSON. Pure functions;
// thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "api/value.h"

namespace reigen::apiserver::openapi {

// Parts of a gnostic Document, ready to be put one after the other.
void append_gnostic_text(std::string& document, int field, std::string_view text);
void append_gnostic_info(std::string& document, const api::Value& info);

// Fields 8 and 9 of a Document: collect the entries of `paths` and `definitions`, then append them.
void append_gnostic_path(std::string& paths, std::string_view path, const api::Value& item);
void append_gnostic_definition(std::string& definitions, std::string_view name, const api::Value& schema);

inline constexpr int kDocumentSwagger = 1;
inline constexpr int kDocumentPaths = 8;
inline constexpr int kDocumentDefinitions = 9;

}  // namespace reigen::apiserver::openapi
