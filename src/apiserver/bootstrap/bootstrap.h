// The objects a cluster has from its first moment: system namespaces, default roles and bindings, priority classes, flow schemas and
// priority levels.
#pragma once

#include <vector>

#include "api/object.h"
#include "base/result.h"
#include "client/transport.h"

namespace reigen::apiserver {

// All of them, namespaces first.
std::vector<api::Object> bootstrap_objects();

// Creates what is missing; what is there stays as it is. `transport` must be of a user of system:masters.
Status install_bootstrap_objects(client::Transport& transport);

}  // namespace reigen::apiserver
