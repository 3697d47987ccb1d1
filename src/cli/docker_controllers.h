// What Docker's side needs of the control plane's controllers.
#pragma once

#include <memory>

#include "cli/server_options.h"
#include "controllers/controller.h"

namespace reigen::cli {

// The container-controller; null without --docker-socket.
std::unique_ptr<controllers::Controller> make_docker_controller(controllers::Context& context, const ServerOptions& options);

}  // namespace reigen::cli
