// apiserver_testserver DIR PORT: an API server alone, with a fixed administrator token, for replaying recorded conversations.

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "api/corev1.h"
#include "api/metav1.h"
#include "apiserver/admission/plugins.h"
#include "apiserver/api_server.h"
#include "apiserver/auth/credential_file.h"
#include "apiserver/auth/node_authorizer.h"
#include "apiserver/auth/rbac_authorizer.h"
#include "apiserver/auth/service_account_tokens.h"
#include "apiserver/authenticator.h"
#include "apiserver/authorizer.h"
#include "apiserver/bootstrap/bootstrap.h"
#include "apiserver/kubernetes_service.h"
#include "apiserver/local_transport.h"
#include "apiserver/object_reader.h"
#include "base/log.h"
#include "http/certificate.h"
#include "http/server.h"
#include "http/tls.h"
#include "store/embedded_store.h"

namespace reigen::apiserver {
namespace {

// Stands in for the service account controller: every namespace gets its default account.
class DefaultAccounts final : public store::WatchSink {
 public:
  DefaultAccounts(Executor& executor, LocalTransport& transport) : executor_(executor), transport_(transport) {}
  void on_events(std::span<const store::EventPtr> events) override {
    for (const auto& event : events) {
      if (!event->is_create()) continue;
      executor_.post([this, name = event->key().substr(std::string_view("/registry/namespaces/").size())] {
        client::Request request{
            .verb = client::Verb::kCreate, .kind = &api::kind_of<api::corev1::ServiceAccount>(), .group = {}, .version = {}, .plural = {}, .namespace_ = name};
        api::corev1::ServiceAccount account;
        account.metadata.name = "default";
        request.body = api::Object::of(std::move(account));
        transport_.call_async(std::move(request), [](Result<client::Response>) {});
      });
    }
  }

 private:
  Executor& executor_;
  LocalTransport& transport_;
};

Result<std::shared_ptr<http::ServerTls>> make_tls(WallTime now) {
  TRY_ASSIGN(http::KeyPair ca, http::make_ca("test-ca", now - std::chrono::hours(1), now + std::chrono::hours(24)));
  http::CertificateRequest request;
  request.common_name = "apiserver";
  request.dns_names = {"localhost"};
  request.ip_addresses = {"127.0.0.1"};
  request.server = true;
  request.not_before = now - std::chrono::hours(1);
  request.not_after = now + std::chrono::hours(24);
  TRY_ASSIGN(http::KeyPair identity, http::issue(ca, request));
  return http::ServerTls::create({.identity = identity, .client_ca_pem = ca.certificate_pem});
}

Status run(const std::string& directory, uint16_t port) {
  ThreadExecutor executor(2);
  TRY_ASSIGN(auto store, store::EmbeddedStore::open({.directory = directory, .executor = &executor}));
  TokenFileAuthenticator tokens({{"admintoken", "admin", "admin-uid", {"system:masters"}}, {"alicetoken", "alice", "alice-uid", {"devs"}}});
  TRY_ASSIGN(SigningKey key, SigningKey::generate());
  ServiceAccountTokens accounts_tokens({}, std::move(key), executor.clock(), system_random());
  UnionAuthenticator authenticators({&tokens, &accounts_tokens});
  UnionTokenAuthenticator token_authenticators({&tokens, &accounts_tokens});
  auto plugins = default_admission_plugins();
  ApiServerOptions options;
  options.authenticator = &authenticators;
  options.token_authenticator = &token_authenticators;
  options.token_issuer = &accounts_tokens;
  for (auto& plugin : plugins) options.admission.push_back(plugin.get());
  ApiServer server(options, *store, executor, system_random());
  accounts_tokens.set_reader(&server.reader());
  MastersAuthorizer masters;
  NodeAuthorizer nodes(server.reader());
  RbacAuthorizer rbac(server.reader());
  UnionAuthorizer authorizer({&masters, &nodes, &rbac});
  server.options().authorizer = &authorizer;
  server.options_changed();
  auto transport = server.local_transport({.name = "system:apiserver", .uid = {}, .groups = {"system:masters"}, .extra = {}});
  auto accounts = std::make_shared<DefaultAccounts>(executor, *transport);
  TRY_ASSIGN(auto watch, store->watch("/registry/namespaces/", 0, accounts));
  TRY(install_bootstrap_objects(*transport));
  KubernetesService kubernetes(*transport, executor,
                               {.service_cidr = "10.43.0.0/16", .advertise_address = "10.0.0.1", .port = port, .cluster_dns = "10.43.0.10"});
  kubernetes.start();
  http::ServerOptions http_options;
  http::Server http(http_options, [&](auto request, auto responder) { server.handle(std::move(request), std::move(responder)); });
  TRY_ASSIGN(auto tls, make_tls(executor.clock().wall()));
  TRY_ASSIGN(uint16_t bound, http.listen_tcp("127.0.0.1", port, tls));
  std::printf("serving on https://127.0.0.1:%u\n", bound);
  std::fflush(stdout);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  int signal = 0;
  sigwait(&signals, &signal);
  http.stop();
  kubernetes.stop();
  watch.reset();
  return {};
}

}  // namespace
}  // namespace reigen::apiserver

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: apiserver_testserver DIR PORT\n");
    return 2;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  auto status = reigen::apiserver::run(argv[1], static_cast<uint16_t>(std::atoi(argv[2])));
  if (!status) std::fprintf(stderr, "%s\n", status.error().message().c_str());
  return status ? 0 : 1;
}
