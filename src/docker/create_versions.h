// What older versions of the API meant by a create request: what they did not know yet is ignored or refused, and their defaults are said. Pure.
#pragma once

#include "docker/api_version.h"
#include "docker/create_request.h"

namespace reigen::docker {

// `request` comes out as the newest version would say it, with warnings. kInvalidArgument in Docker's words.
Status bring_up(CreateRequest& request, ApiVersion version, const HostFacts& facts);

}  // namespace reigen::docker
