// Images of services: what is there, pulling, building.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compose/session.h"

namespace reigen::compose {

struct ImageOptions {
  bool build = false, no_build = false;  // --build, --no-build
  std::string pull;                      // always, missing, never; empty: each service's policy
  bool quiet_pull = false;
};

struct BuildOptions {
  bool no_cache = false, pull = false, quiet = false, push = false;
  std::string memory;
  std::vector<std::string> arguments;  // --build-arg
};

// Pulls and builds what the services need. The images' ids by service; empty where there is none (with `never`).
Result<std::map<std::string, std::string>> ensure_images(Session& session, const Project& project, const std::vector<std::string>& services,
                                                         const ImageOptions& options);

// The id of a local image; empty when there is none.
Result<std::string> image_id(EngineClient& engine, const std::string& name);

Status pull_image(Session& session, const std::string& service, const std::string& image, const std::string& platform, bool quiet);
Status push_image(Session& session, const std::string& service, const std::string& image);
Status build_image(Session& session, const Project& project, const Service& service, const BuildOptions& options);

// "name:tag" into both; a digest stays with the name ("name@sha256:..." has an empty tag); no tag is "latest".
std::pair<std::string, std::string> split_image(const std::string& image);

}  // namespace reigen::compose
