// A service as the body of POST /containers/create. Pure.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "api/value.h"
#include "base/result.h"
#include "compose/model.h"

namespace reigen::compose {

struct InheritedVolume {  // an anonymous volume of the container that is replaced
  std::string name, target;
  bool read_only = false;
};

struct RequestFacts {
  std::string name;  // of the container, an alias on its networks
  int number = 1;
  bool one_off = false;
  bool use_aliases = true;
  std::string image_id;                                        // for the label; may be empty
  std::map<std::string, std::string> containers;               // a container's id of each service whose namespace or volumes are used
  std::map<std::string, std::vector<std::string>> link_names;  // Docker names of the containers of linked services
  std::vector<InheritedVolume> inherited;
  int api_minor = 44;
};

struct ContainerRequest {
  api::Value body;
  std::vector<std::pair<std::string, api::Value>> further_networks;  // to be connected after the creation: name, EndpointConfig
};

// kInvalidArgument names the service and key.
Result<ContainerRequest> make_container_request(const Project& project, const Service& service, const RequestFacts& facts);

// A file that is written into the created container: configs and secrets from variables and texts.
struct InlineFile {
  std::string path, content;
  uint32_t uid = 0, gid = 0, mode = 0444;
};
Result<std::vector<InlineFile>> inline_files(const Project& project, const Service& service);

// The body of POST /networks/create, without what the engine decides.
api::Value network_body(const Project& project, const Resource& network);
api::Value volume_body(const Project& project, const Resource& volume);

}  // namespace reigen::compose
