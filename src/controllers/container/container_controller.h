// The container-controller: between what Docker's users want (spec of a Container) and what runs (its status) it makes the pod of each run
// and takes it away, gives addresses, starts what has to start with the server, removes what removes itself, and keeps names clean.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/ip.h"
#include "controllers/controller.h"

namespace reigen::controllers {

struct ContainerControllerOptions {
  // What the network `bridge` must not overlap beside other networks: the cluster's ranges, and what the host uses (may block shortly).
  std::vector<IpNetwork> cluster_ranges;
  std::function<std::vector<IpNetwork>()> networks_in_use;
};

// Not one of make_all_controllers: it is there when Docker's endpoint is.
std::unique_ptr<Controller> make_container_controller(Context& context, ContainerControllerOptions options);

}  // namespace reigen::controllers
