// ApiServer: the Kubernetes API over a store. handle() takes a request through the chain:
//
//   authenticate -> audit -> impersonate -> priority and fairness -> authorize -> decode -> default -> managedFields -> mutating admission ->
//   default -> prepare, validate -> validating admission -> quota -> compare and set
//
// Threads: handle() may be called from any thread and does not block; answers come later from any thread. Everything in Options must
// outlive the server.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/random.h"
#include "base/result.h"

namespace reigen::http {
struct Request;
class Responder;
}  // namespace reigen::http
namespace reigen::store {
class Store;
}

namespace reigen::apiserver {

class AdmissionPlugin;
class Authenticator;
class Authorizer;
class LocalTransport;
class NodeDialer;
class ObjectReader;
class TokenAuthenticator;
class TokenIssuer;
struct Core;
struct User;

struct OpenApiDocument {
  std::shared_ptr<const std::string> body;
  std::string media_type;
  std::string etag;  // without quotes; changes with the content
};

// Makes /openapi/v2 and /openapi/v3 documents.
class OpenApiProvider {
 public:
  virtual ~OpenApiProvider() = default;
  // `path` as asked ("/openapi/v2", "/openapi/v3", "/openapi/v3/apis/apps/v1"). No body and no etag: 404. No body but an etag: the
  // one the client knows (without quotes) is still right.
  virtual OpenApiDocument document(std::string_view path, std::string_view accept, std::string_view known_etag) = 0;
};

// One part of /readyz, /livez and /healthz.
struct HealthCheck {
  std::string name;
  std::function<Status()> check;
  bool live = true;  // also of /livez
};

// Where addresses and ports of services come from. Changing them for a cluster that runs is not supported.
struct ServiceRanges {
  std::vector<std::string> cidrs = {"10.43.0.0/16"};  // one, or one a family; the first is the default family's
  uint16_t node_port_low = 30000, node_port_high = 32767;
};

struct ApiServerOptions {
  ServiceRanges services;                             // must pass check_service_ranges()
  Authenticator* authenticator = nullptr;             // null: everybody is anonymous
  TokenAuthenticator* token_authenticator = nullptr;  // TokenReview
  TokenIssuer* token_issuer = nullptr;                // serviceaccounts/token
  Authorizer* authorizer = nullptr;                   // null: everything is allowed (tests)
  std::vector<AdmissionPlugin*> admission;            // in order
  NodeDialer* dialer = nullptr;                       // null: exec, logs and proxies answer 503
  OpenApiProvider* openapi = nullptr;
  // OpenID Connect discovery of who signs service accounts' tokens; empty: not served.
  std::string openid_configuration, openid_keys;
  std::vector<HealthCheck> health;
  bool anonymous = true;
  size_t cache_bytes = 12 << 20;
};

// What is wrong with the ranges, for the command line.
Status check_service_ranges(const ServiceRanges& ranges);

class ApiServer {
 public:
  ApiServer(ApiServerOptions options, store::Store& store, Executor& executor, Random& random);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  // The http::Handler.
  void handle(std::shared_ptr<http::Request> request, std::shared_ptr<http::Responder> responder);
  // The newest objects, for authorizers and admission, also before the server is in use.
  ObjectReader& reader();
  // A transport that acts as the user.
  std::unique_ptr<LocalTransport> local_transport(User user);
  // For what is made after the server because it reads through it; before the first request.
  ApiServerOptions& options() { return options_; }
  void options_changed();

 private:
  friend class LocalTransport;
  ApiServerOptions options_;
  std::unique_ptr<Core> core_;
};

}  // namespace reigen::apiserver
