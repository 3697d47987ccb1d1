// What is asked of a registry without fetching an image: whether a login is right, and what a name stands for.
#pragma once

#include <string>

#include "base/result.h"
#include "image/puller.h"
#include "image/reference.h"

namespace reigen::image {

// `server`: a host, or Docker Hub's "https://index.docker.io/v1/". The identity token (OAuth2 refresh token) to store instead of the password;
// empty where there is none. kUnauthenticated when they are wrong, kUnavailable, kInvalidArgument for a server that is no host.
Result<std::string> check_login(const std::string& server, const Credentials& credentials, const PullerOptions& options);

// JSON as GET /distribution/NAME/json gives it: {"Descriptor": {mediaType, digest, size}, "Platforms": [{architecture, os, …}]}.
// The errors of Puller::pull.
Result<std::string> inspect_remote(const Reference& reference, const PullOptions& options, const PullerOptions& settings);

}  // namespace reigen::image
