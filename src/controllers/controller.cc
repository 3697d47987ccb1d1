#include "controllers/controller.h"

namespace reigen::controllers {

std::vector<std::unique_ptr<Controller>> make_all_controllers(Context& context) {
  std::vector<std::unique_ptr<Controller>> all;
  all.push_back(make_serviceaccount_controller(context));
  all.push_back(make_root_ca_controller(context));
  all.push_back(make_clusterrole_aggregation_controller(context));
  all.push_back(make_nodelifecycle_controller(context));
  all.push_back(make_ttl_controller(context));
  all.push_back(make_replicaset_controller(context));
  all.push_back(make_replication_controller(context));
  all.push_back(make_deployment_controller(context));
  all.push_back(make_endpoints_controller(context));
  all.push_back(make_endpointslice_controller(context));
  all.push_back(make_endpointslicemirroring_controller(context));
  all.push_back(make_namespace_controller(context));
  all.push_back(make_disruption_controller(context));
  all.push_back(make_claim_protection_controller(context));
  all.push_back(make_volume_protection_controller(context));
  all.push_back(make_podgc_controller(context));
  all.push_back(make_garbage_collector(context));
  return all;
}

}  // namespace reigen::controllers
