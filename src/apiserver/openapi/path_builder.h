// Paths and operations of the API's resources. Pure functions over the tables; thread-safe.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "api/kind_info.h"
#include "apiserver/openapi/schema_builder.h"

namespace reigen::apiserver::openapi {

// Calls `sink` with every path of the resources and its path item, paths of one resource after the other. Adds the models that
// the operations name, with all below them.
void build_paths(std::span<const api::ResourceInfo* const> resources, Dialect dialect, ModelNames& models,
                 const std::function<void(std::string_view path, const api::Value& item)>& sink);

}  // namespace reigen::apiserver::openapi
