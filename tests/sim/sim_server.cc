#include "sim_server.h"

#include "apiserver/admission/plugins.h"
#include "apiserver/bootstrap/bootstrap.h"
#include "controllers/container/container_controller.h"

namespace reigen::sim {

Result<std::unique_ptr<SimServer>> SimServer::start(SimExecutor& machine, SimDisk& disk, Random& random, bool docker) {
  std::unique_ptr<SimServer> server(new SimServer(machine, random));
  TRY_ASSIGN(server->store_, store::EmbeddedStore::open({.directory = "/store", .executor = &server->process_, .inline_commit = true, .disk = &disk}));
  server->open_api();
  TRY(apiserver::install_bootstrap_objects(server->transport_as("system:apiserver", {"system:masters"})));
  server->start_controllers(docker);
  return server;
}

void SimServer::open_api() {
  admission_ = apiserver::default_admission_plugins();
  apiserver::ApiServerOptions options;
  for (const auto& plugin : admission_) options.admission.push_back(plugin.get());
  api_ = std::make_unique<apiserver::ApiServer>(std::move(options), *store_, process_, random_);
  nodes_ = std::make_unique<apiserver::NodeAuthorizer>(api_->reader());
  rbac_ = std::make_unique<apiserver::RbacAuthorizer>(api_->reader());
  authorizer_ = std::make_unique<apiserver::UnionAuthorizer>(std::vector<apiserver::Authorizer*>{&masters_, nodes_.get(), rbac_.get()});
  api_->options().authorizer = authorizer_.get();
  api_->options_changed();
}

client::Transport& SimServer::transport_as(const std::string& user, std::vector<std::string> groups) {
  auto& transport = transports_[user];
  if (!transport) transport = api_->local_transport({.name = user, .uid = {}, .groups = std::move(groups), .extra = {}});
  return *transport;
}

void SimServer::start_controllers(bool docker) {
  informers_ = std::make_unique<client::Informers>(transport_as("system:kube-controller-manager", {}), process_);
  context_ = std::make_unique<controllers::Context>(controllers::Context{
      process_, random_, *informers_,
      [this](std::string_view name) -> client::Transport& {
        return transport_as("system:serviceaccount:kube-system:" + std::string(name), {"system:serviceaccounts", "system:serviceaccounts:kube-system"});
      },
      "not a certificate"});
  controllers_ = controllers::make_all_controllers(*context_);
  if (docker) controllers_.push_back(controllers::make_container_controller(*context_, {}));
  for (auto& controller : controllers_) controller->start();
  scheduler_ = std::make_unique<scheduler::Scheduler>(scheduler::Options{}, transport_as("system:kube-scheduler", {}), *informers_, process_);
  scheduler_->start();
  informers_->start();
}

SimServer::~SimServer() {
  if (scheduler_) scheduler_->stop();
  for (auto& controller : controllers_) controller->stop();
  if (informers_) informers_->stop();
  process_.kill();
  scheduler_.reset();
  controllers_.clear();
  informers_.reset();
}

}  // namespace reigen::sim
