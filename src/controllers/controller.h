// Controller: brings one aspect of the cluster to the state wanted. What all controllers are made from, and all of them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/executor.h"
#include "base/random.h"
#include "client/informer.h"
#include "client/transport.h"

namespace reigen::controllers {

struct Context {
  Executor& executor;
  Random& random;
  // Shared by all controllers; started by the owner after they were made.
  client::Informers& informers;
  // The transport of a controller's own user: system:serviceaccount:kube-system:<name>. Lives as long as the context.
  std::function<client::Transport&(std::string_view name)> transport_as;
  std::string root_ca;  // PEM, for kube-root-ca.crt
};

class Controller {
 public:
  virtual ~Controller() = default;
  virtual std::string_view name() const = 0;
  virtual void start() = 0;
  // Waits for what it is at. Before the executor stops.
  virtual void stop() = 0;
};

// Each folder's factory.
std::unique_ptr<Controller> make_replicaset_controller(Context& context);
std::unique_ptr<Controller> make_replication_controller(Context& context);
std::unique_ptr<Controller> make_deployment_controller(Context& context);
std::unique_ptr<Controller> make_endpoints_controller(Context& context);
std::unique_ptr<Controller> make_endpointslice_controller(Context& context);
std::unique_ptr<Controller> make_endpointslicemirroring_controller(Context& context);
std::unique_ptr<Controller> make_namespace_controller(Context& context);
std::unique_ptr<Controller> make_serviceaccount_controller(Context& context);
std::unique_ptr<Controller> make_root_ca_controller(Context& context);
std::unique_ptr<Controller> make_clusterrole_aggregation_controller(Context& context);
std::unique_ptr<Controller> make_podgc_controller(Context& context);
std::unique_ptr<Controller> make_nodelifecycle_controller(Context& context);
std::unique_ptr<Controller> make_disruption_controller(Context& context);
std::unique_ptr<Controller> make_ttl_controller(Context& context);
std::unique_ptr<Controller> make_claim_protection_controller(Context& context);
std::unique_ptr<Controller> make_volume_protection_controller(Context& context);
std::unique_ptr<Controller> make_garbage_collector(Context& context);

// One of each, in the order in which they are started.
std::vector<std::unique_ptr<Controller>> make_all_controllers(Context& context);

}  // namespace reigen::controllers
