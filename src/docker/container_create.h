// Making a container, for POST /containers/create and for the steps of a build.
#pragma once

#include <string>

#include "docker/create_request.h"
#include "docker/engine.h"

namespace reigen::docker {

// Checks and resolves the request and writes the Container (and missing volumes) under a name made up for it. `id`: 64 digits. Blocks on the API.
Status create_container(Engine& engine, CreateRequest request, const std::string& id);

}  // namespace reigen::docker
