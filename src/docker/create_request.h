// What POST /containers/create asks for: read, brought to today's version, and filled with the defaults that inspect shows. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/dockerv1.h"
#include "api/value.h"
#include "docker/api_version.h"
#include "docker/host_facts.h"
#include "image/image_config.h"

namespace reigen::docker {

struct CreateRequest {
  api::Value config, host;  // every field in order, as they will be stored
  bool host_given = false;
  std::map<std::string, api::Value, std::less<>> endpoints;  // NetworkingConfig.EndpointsConfig
  std::vector<std::string> warnings;

  // The typed views of the two, as they are now.
  api::dockerv1::Config typed_config() const;
  api::dockerv1::HostConfig typed_host() const;
};

// Errors in Docker's words (400).
Result<CreateRequest> read_create_request(const api::Value& body, ApiVersion version, const HostFacts& facts);
// What the user did not say, from the image (moby's merge). kInvalidArgument "No command specified".
Status merge_image(CreateRequest& request, const image::ImageConfig& image);
// Docker's defaults: memory and swap, shm, ipc, cgroup namespace, log driver, masked paths.
void fill_defaults(CreateRequest& request, const HostFacts& facts);
// The program and its arguments.
void resolve_command(const CreateRequest& request, std::string& path, std::vector<std::string>& arguments);

}  // namespace reigen::docker
