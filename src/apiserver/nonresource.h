// What is no resource: discovery, health, version, metrics, OpenAPI.
#pragma once

#include <memory>

#include "apiserver/call.h"

namespace reigen::apiserver {

struct ApiServerOptions;

// Answers the request; always.
void serve_nonresource(Call& call, const ApiServerOptions& options);

}  // namespace reigen::apiserver
