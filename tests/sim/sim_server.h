// SimServer: store, API server, controllers and scheduler as `reigen server` has them, on a simulated disk and in a simulated process.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apiserver/admission.h"
#include "apiserver/api_server.h"
#include "apiserver/auth/node_authorizer.h"
#include "apiserver/auth/rbac_authorizer.h"
#include "apiserver/authorizer.h"
#include "apiserver/local_transport.h"
#include "base/sim_disk.h"
#include "client/informer.h"
#include "controllers/controller.h"
#include "scheduler/scheduler.h"
#include "sim_process.h"
#include "store/embedded_store.h"

namespace reigen::sim {

class SimServer {
 public:
  // Opens the store and makes what a cluster begins with. Fails when the disk does.
  // `docker`: with the container-controller.
  static Result<std::unique_ptr<SimServer>> start(SimExecutor& machine, SimDisk& disk, Random& random, bool docker = false);
  // As by kill -9.
  ~SimServer();

  client::Transport& admin() { return transport_as("admin", {"system:masters"}); }

 private:
  SimServer(SimExecutor& machine, Random& random) : process_(machine), random_(random) {}
  void open_api();
  void start_controllers(bool docker);
  client::Transport& transport_as(const std::string& user, std::vector<std::string> groups);

  SimProcess process_;
  Random& random_;
  std::unique_ptr<store::EmbeddedStore> store_;
  std::vector<std::unique_ptr<apiserver::AdmissionPlugin>> admission_;
  apiserver::MastersAuthorizer masters_;
  std::unique_ptr<apiserver::ApiServer> api_;
  std::unique_ptr<apiserver::NodeAuthorizer> nodes_;
  std::unique_ptr<apiserver::RbacAuthorizer> rbac_;
  std::unique_ptr<apiserver::UnionAuthorizer> authorizer_;
  std::map<std::string, std::unique_ptr<apiserver::LocalTransport>> transports_;
  std::unique_ptr<client::Informers> informers_;
  std::unique_ptr<controllers::Context> context_;
  std::vector<std::unique_ptr<controllers::Controller>> controllers_;
  std::unique_ptr<scheduler::Scheduler> scheduler_;
};

}  // namespace reigen::sim
