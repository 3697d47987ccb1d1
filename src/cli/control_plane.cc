#include "cli/control_plane.h"

#include <fmt/core.h>

#include <atomic>
#include <map>
#include <mutex>

#include "api/errors.h"
#include "apiserver/admission/plugins.h"
#include "apiserver/api_server.h"
#include "apiserver/auth/certificate_authenticator.h"
#include "apiserver/auth/credential_file.h"
#include "apiserver/auth/node_authorizer.h"
#include "apiserver/auth/rbac_authorizer.h"
#include "apiserver/auth/service_account_tokens.h"
#include "apiserver/bootstrap/bootstrap.h"
#include "apiserver/kubernetes_service.h"
#include "apiserver/local_transport.h"
#include "apiserver/openapi/openapi_provider.h"
#include "base/log.h"
#include "cli/docker_controllers.h"
#include "cli/host_facts.h"
#include "cli/kubeconfig.h"
#include "client/informer.h"
#include "controllers/controller.h"
#include "http/server.h"
#include "scheduler/scheduler.h"
#include "store/embedded_store.h"

namespace reigen::cli {
namespace {

ServerNames server_names(const ServerOptions& options, const std::string& node_name) {
  ServerNames names;
  names.dns_names = {"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", node_name};
  names.addresses = {"127.0.0.1", "::1"};
  if (auto service = apiserver::first_address(options.service_cidr)) names.addresses.push_back(std::move(*service));
  for (auto& address : host_addresses()) names.addresses.push_back(std::move(address));
  return names;
}

}  // namespace

struct ControlPlane::State {
  State(const ServerOptions& options, const Instance& instance, Executor& executor) : options(options), instance(instance), executor(executor) {}

  const ServerOptions options;
  const Instance instance;
  Executor& executor;
  Pki pki;
  std::string kubeconfig;
  uint16_t port = 0;

  std::unique_ptr<store::EmbeddedStore> store;
  apiserver::CertificateAuthenticator certificates;
  std::unique_ptr<apiserver::TokenFileAuthenticator> tokens;
  std::unique_ptr<apiserver::BasicFileAuthenticator> passwords;
  std::unique_ptr<apiserver::ServiceAccountTokens> account_tokens;
  std::unique_ptr<apiserver::UnionAuthenticator> authenticator;
  std::unique_ptr<apiserver::UnionTokenAuthenticator> token_authenticator;
  std::vector<std::unique_ptr<apiserver::AdmissionPlugin>> admission;
  std::unique_ptr<apiserver::OpenApiProvider> openapi;
  std::unique_ptr<apiserver::ApiServer> api;
  apiserver::MastersAuthorizer masters;
  std::unique_ptr<apiserver::NodeAuthorizer> nodes;
  std::unique_ptr<apiserver::RbacAuthorizer> rbac;
  std::unique_ptr<apiserver::UnionAuthorizer> authorizer;

  std::mutex mutex;
  std::map<std::string, std::unique_ptr<apiserver::LocalTransport>> transports;

  std::unique_ptr<client::Informers> informers;
  std::unique_ptr<controllers::Context> context;
  std::vector<std::unique_ptr<controllers::Controller>> controllers;
  std::unique_ptr<apiserver::KubernetesService> own_services;
  std::unique_ptr<client::Informers> scheduler_informers;
  std::unique_ptr<scheduler::Scheduler> scheduler;
  std::unique_ptr<http::Server> http;
  std::atomic<bool> bootstrapped{false};

  Status open_credentials();
  Status open_api(apiserver::NodeDialer* dialer);
  client::Transport& transport_as(std::string_view user, std::vector<std::string> groups);
  Status listen();
  Status write_kubeconfigs();
  void start_controllers();
  void start_scheduler();
  void start_own_services();
  void stop();
};

Status ControlPlane::State::open_credentials() {
  auto node_name = options.node_name.empty() ? host_name() : options.node_name;
  TRY_ASSIGN(pki, open_pki(instance.pki_dir(), server_names(options, node_name), executor.clock()));
  TRY_ASSIGN(auto key, apiserver::SigningKey::load_or_create(pki.sa_key_path));
  account_tokens =
      std::make_unique<apiserver::ServiceAccountTokens>(apiserver::ServiceAccountTokens::Options{}, std::move(key), executor.clock(), system_random());
  std::vector<apiserver::Authenticator*> authenticators = {&certificates};
  std::vector<apiserver::TokenAuthenticator*> token_authenticators;
  if (!options.token_auth_file.empty()) {
    TRY_ASSIGN(auto lines, apiserver::read_credential_file(options.token_auth_file));
    tokens = std::make_unique<apiserver::TokenFileAuthenticator>(std::move(lines));
    authenticators.push_back(tokens.get());
    token_authenticators.push_back(tokens.get());
  }
  if (!options.basic_auth_file.empty()) {
    TRY_ASSIGN(auto lines, apiserver::read_credential_file(options.basic_auth_file));
    passwords = std::make_unique<apiserver::BasicFileAuthenticator>(std::move(lines));
    authenticators.push_back(passwords.get());
  }
  authenticators.push_back(account_tokens.get());
  token_authenticators.push_back(account_tokens.get());
  authenticator = std::make_unique<apiserver::UnionAuthenticator>(std::move(authenticators));
  token_authenticator = std::make_unique<apiserver::UnionTokenAuthenticator>(std::move(token_authenticators));
  return {};
}

Status ControlPlane::State::open_api(apiserver::NodeDialer* dialer) {
  admission = apiserver::default_admission_plugins();
  apiserver::ApiServerOptions api_options;
  api_options.services.cidrs = {options.service_cidr};
  TRY(apiserver::check_service_ranges(api_options.services));
  api_options.authenticator = authenticator.get();
  api_options.token_authenticator = token_authenticator.get();
  api_options.token_issuer = account_tokens.get();
  api_options.openid_configuration = account_tokens->openid_configuration();
  api_options.openid_keys = account_tokens->jwks();
  api_options.dialer = dialer;
  openapi = apiserver::make_openapi_provider(&executor);
  api_options.openapi = openapi.get();
  for (const auto& plugin : admission) api_options.admission.push_back(plugin.get());
  api_options.health.push_back({"etcd", [this] { return store->health(); }, true});
  api_options.health.push_back({"poststarthook/bootstrap",
                                [this]() -> Status {
                                  if (bootstrapped) return {};
                                  return fail(Code::kUnavailable, "the first objects are not there yet");
                                },
                                false});
  api = std::make_unique<apiserver::ApiServer>(std::move(api_options), *store, executor, system_random());
  nodes = std::make_unique<apiserver::NodeAuthorizer>(api->reader());
  rbac = std::make_unique<apiserver::RbacAuthorizer>(api->reader());
  authorizer = std::make_unique<apiserver::UnionAuthorizer>(std::vector<apiserver::Authorizer*>{&masters, nodes.get(), rbac.get()});
  api->options().authorizer = authorizer.get();
  api->options_changed();
  account_tokens->set_reader(&api->reader());
  return {};
}

client::Transport& ControlPlane::State::transport_as(std::string_view user, std::vector<std::string> groups) {
  std::lock_guard lock(mutex);
  auto& slot = transports[std::string(user)];
  if (!slot) {
    apiserver::User identity;
    identity.name = user;
    identity.groups = std::move(groups);
    slot = api->local_transport(std::move(identity));
  }
  return *slot;
}

Status ControlPlane::State::listen() {
  http::ServerTls::Options tls_options;
  tls_options.identity = pki.server;
  tls_options.client_ca_pem = pki.ca.certificate_pem;
  TRY_ASSIGN(auto tls, http::ServerTls::create(tls_options));
  http::ServerOptions http_options;
  http_options.too_large_json = api::status_json(api::status_of(api::request_entity_too_large(fmt::format("limit is {}", http_options.body.limit))));
  http =
      std::make_unique<http::Server>(std::move(http_options), [this](auto request, auto responder) { api->handle(std::move(request), std::move(responder)); });
  auto bound = http->listen_tcp(options.bind_address, options.https_port, std::move(tls));
  if (!bound) return Fail(std::move(bound).error().context(fmt::format("listen on {}:{}", options.bind_address, options.https_port)));
  port = *bound;
  return {};
}

Status ControlPlane::State::write_kubeconfigs() {
  KubeconfigEntry entry;
  bool any = options.bind_address == "0.0.0.0" || options.bind_address == "::";
  entry.server = fmt::format("https://{}:{}", any ? "127.0.0.1" : options.bind_address, port);
  entry.ca_pem = pki.ca.certificate_pem;
  entry.identity = pki.admin;
  kubeconfig = options.write_kubeconfig.empty() ? instance.data_dir + "/kubeconfig" : options.write_kubeconfig;
  TRY(write_kubeconfig(kubeconfig, entry));
  if (!options.merge_kubeconfig) return {};
  // Several instances may be merged into one file: only that of the default folder has the plain name.
  if (instance.data_dir != ServerOptions().data_dir) entry.name += "-" + instance.id;
  const char* home = std::getenv("HOME");
  return merge_kubeconfig(std::string(home ? home : "/root") + "/.kube/config", entry);
}

void ControlPlane::State::start_controllers() {
  informers = std::make_unique<client::Informers>(transport_as("system:kube-controller-manager", {}), executor);
  context = std::make_unique<controllers::Context>(controllers::Context{executor, system_random(), *informers,
                                                                        [this](std::string_view name) -> client::Transport& {
                                                                          return transport_as(fmt::format("system:serviceaccount:kube-system:{}", name),
                                                                                              {"system:serviceaccounts", "system:serviceaccounts:kube-system"});
                                                                        },
                                                                        pki.ca.certificate_pem});
  controllers = controllers::make_all_controllers(*context);
  if (auto docker = make_docker_controller(*context, options)) controllers.push_back(std::move(docker));
  for (auto& controller : controllers) controller->start();
  informers->start();
}

// default/kubernetes and kube-system/kube-dns.
void ControlPlane::State::start_own_services() {
  apiserver::KubernetesServiceOptions service_options;
  service_options.service_cidr = options.service_cidr;
  auto addresses = host_addresses();
  bool any = options.bind_address == "0.0.0.0" || options.bind_address == "::";
  service_options.advertise_address = any ? (addresses.empty() ? "127.0.0.1" : addresses[0]) : options.bind_address;
  service_options.port = port;
  if (!options.disable_agent) service_options.cluster_dns = options.cluster_dns;
  own_services = std::make_unique<apiserver::KubernetesService>(transport_as("system:apiserver", {"system:masters"}), executor, std::move(service_options));
  own_services->start();
}

void ControlPlane::State::start_scheduler() {
  auto& transport = transport_as("system:kube-scheduler", {});
  scheduler_informers = std::make_unique<client::Informers>(transport, executor);
  scheduler = std::make_unique<scheduler::Scheduler>(scheduler::Options{}, transport, *scheduler_informers, executor);
  scheduler->start();
  scheduler_informers->start();
}

void ControlPlane::State::stop() {
  if (http) http->stop();
  if (own_services) own_services->stop();
  if (scheduler) scheduler->stop();
  for (auto& controller : controllers) controller->stop();
  for (auto* each : {informers.get(), scheduler_informers.get()}) {
    if (each) each->stop();
  }
  scheduler.reset();
  controllers.clear();
  informers.reset();
}

ControlPlane::ControlPlane(std::unique_ptr<State> state) : state_(std::move(state)) {}

ControlPlane::~ControlPlane() { stop(); }

Result<std::unique_ptr<ControlPlane>> ControlPlane::open(const ServerOptions& options, const Instance& instance, Executor& executor,
                                                         apiserver::NodeDialer* dialer) {
  auto state = std::make_unique<State>(options, instance, executor);
  store::EmbeddedOptions store_options;
  store_options.directory = instance.store_dir();
  store_options.executor = &executor;
  TRY_ASSIGN(state->store, store::EmbeddedStore::open(std::move(store_options)));
  TRY(state->open_credentials());
  TRY(state->open_api(dialer));
  return std::unique_ptr<ControlPlane>(new ControlPlane(std::move(state)));
}

Status ControlPlane::start() {
  TRY(state_->listen());
  TRY(apiserver::install_bootstrap_objects(state_->transport_as("system:apiserver", {"system:masters"})));
  state_->bootstrapped = true;
  TRY(state_->write_kubeconfigs());
  state_->start_own_services();
  state_->start_controllers();
  if (!state_->options.disable_scheduler) state_->start_scheduler();
  return {};
}

void ControlPlane::stop() { state_->stop(); }
uint16_t ControlPlane::port() const { return state_->port; }
const Pki& ControlPlane::pki() const { return state_->pki; }
const std::string& ControlPlane::kubeconfig_path() const { return state_->kubeconfig; }
client::Transport& ControlPlane::transport_as(std::string_view user, std::vector<std::string> groups) { return state_->transport_as(user, std::move(groups)); }

}  // namespace reigen::cli
