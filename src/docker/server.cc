#include "docker/server.h"

#include <fmt/core.h>
#include <grp.h>

#include <charconv>
#include <vector>

#include "base/files.h"
#include "base/log.h"
#include "docker/engine.h"
#include "docker/go_json.h"
#include "docker/router.h"
#include "http/server.h"

namespace reigen::docker {

namespace {

constexpr size_t kMaxJson = 4 << 20;
constexpr size_t kMaxIgnored = 64 << 10;

// How much of a body is taken, by its route; a request that leads nowhere may say little.
http::BodyPolicy policy_of(const http::Request& request) {
  auto match = Router::all().find(request);
  http::BodyPolicy policy{.limit = kMaxIgnored};
  if (!match) return policy;
  switch (match->route->body) {
    case BodyKind::kNone: break;
    case BodyKind::kJson: policy.limit = kMaxJson; break;
    case BodyKind::kHijack:
      policy.limit = kMaxJson;
      policy.hijack = true;
      break;
    case BodyKind::kStream:
      policy.stream = true;
      policy.stall_timeout = Duration::max();
      break;
  }
  return policy;
}

}  // namespace

Result<gid_t> find_group(const std::string& name) {
  std::vector<char> buffer(16 << 10);
  group entry{};
  group* found = nullptr;
  if (!name.empty() && getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == 0 && found) return entry.gr_gid;
  gid_t number = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error == std::errc() && end == name.data() + name.size() && number < static_cast<gid_t>(-1)) return number;
  return fail(Code::kNotFound, fmt::format("\"{}\" is no group of this host", name));
}

struct Server::State {
  explicit State(Engine& engine) : engine(engine) {}

  Engine& engine;
  std::unique_ptr<http::Server> http;
  uint16_t port = 0;

  void handle(std::shared_ptr<http::Request> request, std::shared_ptr<http::Responder> responder);
  Status listen(const ServerOptions& options);
};

void Server::State::handle(std::shared_ptr<http::Request> request, std::shared_ptr<http::Responder> responder) {
  if (request->method == "OPTIONS") return Call(std::move(request), std::move(responder), kNewestVersion, {}, engine).empty(200);
  auto match = Router::all().find(*request);
  Call call(std::move(request), std::move(responder), match ? match->version : kNewestVersion, match ? std::move(match->params) : std::vector<std::string>(),
            engine);
  if (!match) return call.error(match.error());
  Executor& pool = match->route->pool == Pool::kSlow ? engine.slow : engine.work;
  pool.post([handle = match->route->handle, call = std::move(call)]() mutable { handle(std::move(call)); });
}

Status Server::State::listen(const ServerOptions& options) {
  if (!options.socket_path.empty()) {
    auto group = find_group(options.group);
    if (!group) LOG(kWarning, "docker", "{}: {}; only root may use it", options.socket_path, group.error().message());
    TRY(http->listen_unix(options.socket_path, 0660, group.value_or(static_cast<gid_t>(-1))));
  }
  if (!options.tcp_address.empty()) {
    if (!options.tls) return fail(Code::kInvalidArgument, "the Docker API over TCP needs TLS: whoever reaches it is root on this host");
    TRY_ASSIGN(port, http->listen_tcp(options.tcp_address, options.tcp_port, options.tls));
  }
  return {};
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() { stop(); }

Result<std::unique_ptr<Server>> Server::open(Engine& engine, const ServerOptions& options) {
  auto state = std::make_unique<State>(engine);
  http::ServerOptions http_options;
  http_options.name = "docker";
  http_options.threads = 1;
  http_options.body_policy = policy_of;
  http_options.gzip_threshold = 0;
  std::string too_large = message_json("http: request body too large");
  too_large.pop_back();
  http_options.too_large_json = std::move(too_large);
  http_options.idle_timeout = std::chrono::minutes(5);
  state->http = std::make_unique<http::Server>(std::move(http_options),
                                               [raw = state.get()](auto request, auto responder) { raw->handle(std::move(request), std::move(responder)); });
  TRY(state->listen(options));
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

uint16_t Server::tcp_port() const { return state_->port; }
void Server::stop() {
  if (state_->http) state_->http->stop();
}

}  // namespace reigen::docker
