// OpenAPI schemas of the API's types. Pure functions over the tables; thread-safe.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "api/type_desc.h"
#include "api/value.h"

namespace reigen::apiserver::openapi {

// Version 2 refers to definitions, knows no oneOf and gets no defaults; version 3 does.
enum class Dialect : uint8_t { kV2, kV3 };

// Names of models, sorted as the documents list them.
using ModelNames = std::set<std::string_view>;

inline constexpr std::string_view kPatchModel = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";

// Adds the type and all types below it, scalars with a model of their own (Time, Quantity, ...) too.
void add_reachable(const api::TypeDesc& type, ModelNames& models);

// {"$ref": ...}
api::Value reference(std::string_view model, Dialect dialect);

// What stands under the model's name in `definitions` or `components/schemas`.
api::Value definition(std::string_view model, Dialect dialect);

// The schema of a field that is a query parameter: type and perhaps format.
api::Value scalar_schema(const api::ValueType& type);

}  // namespace reigen::apiserver::openapi
