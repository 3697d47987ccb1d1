// POST /build's arguments.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/value.h"
#include "base/result.h"
#include "docker/call.h"
#include "image/image_config.h"
#include "image/reference.h"

namespace reigen::docker {

struct BuildRequest {
  std::vector<image::Reference> tags;
  std::string dockerfile;  // inside the context; empty: Dockerfile
  std::string remote;      // a URL instead of a body
  std::string target;
  std::map<std::string, std::string> args, labels;
  std::vector<std::string> empty_args;                 // without a value
  std::optional<std::vector<std::string>> cache_from;  // names
  api::Value host;                                     // HostConfig of what runs: network, limits, hosts
  std::optional<image::Platform> platform;
  bool quiet = false, no_cache = false, pull = false, remove = true, force_remove = false;
};

// kInvalidArgument in Docker's words; what only BuildKit can do is refused by name.
Result<BuildRequest> read_build_request(const Call& call);

}  // namespace reigen::docker
