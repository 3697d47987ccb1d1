// What networks a container asks for: NetworkMode, NetworkingConfig, Links, aliases and fixed addresses as NetworkRequests.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "api/dockerv1.h"
#include "api/value.h"
#include "base/result.h"
#include "docker/create_request.h"

namespace reigen::docker {

struct NetworkContext {
  std::function<std::shared_ptr<const api::dockerv1::Network>(std::string_view)> find_network;  // null when there is none
  std::function<Result<std::string>(std::string_view)> find_container;                          // its id
};

// Errors in Docker's words. NetworkMode and Links in `request.host` are brought to ids ("container:ID").
Result<std::vector<api::dockerv1::NetworkRequest>> resolve_networks(CreateRequest& request, const NetworkContext& context);
// One endpoint as a client gave it, also by network connect. `network` null: not known yet.
Result<api::dockerv1::NetworkRequest> endpoint_request(const std::string& name, const api::dockerv1::Network* network, const api::Value& settings,
                                                       const NetworkContext& context);
bool is_predefined_network(std::string_view name);  // bridge, default, host, none

}  // namespace reigen::docker
