// What `docker login` stored: DOCKER_CONFIG or ~/.docker/config.json, credential helpers too.
#pragma once

#include <string>

#include "compose/interpolation.h"

namespace reigen::compose {

// X-Registry-Auth for an image's registry, base64; empty when nobody logged in there.
std::string registry_auth(const std::string& image, const Environment& environment);
// X-Registry-Config: all that are stored in the file.
std::string registry_config(const Environment& environment);
// "docker.io" of "redis", "r.example:5000" of "r.example:5000/a/b".
std::string registry_of(const std::string& image);

}  // namespace reigen::compose
