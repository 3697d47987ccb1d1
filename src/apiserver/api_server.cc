#include "apiserver/api_server.h"

#include "api/errors.h"
#include "apiserver/chain.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "apiserver/http_answer.h"
#include "apiserver/local_transport.h"
#include "apiserver/nonresource.h"
#include "apiserver/service_allocator.h"
#include "http/server.h"

namespace reigen::apiserver {
namespace {

bool is_long_running(const Call& call) {
  return call.info.verb == "watch" || call.info.verb == "proxy" ||
         (call.subresource && (call.subresource->subresource == "log" || call.subresource->subresource == "exec" || call.subresource->subresource == "attach" ||
                               call.subresource->subresource == "portforward" || call.subresource->subresource == "proxy"));
}

bool reads_only(const Call& call) { return call.info.verb == "get" || call.info.verb == "list" || call.info.verb == "watch"; }

// Counts a call under way until it is gone.
struct Slot {
  std::atomic<int>& counter;
  ~Slot() { counter.fetch_sub(1, std::memory_order_relaxed); }
};

// The place of priority and fairness: for now two bounds. False: the call was answered 429.
bool take_slot(const CallPtr& call) {
  if (is_long_running(*call)) return true;
  Core& core = call->core;
  bool reading = reads_only(*call);
  std::atomic<int>& counter = reading ? core.reading_in_flight : core.mutating_in_flight;
  if (counter.fetch_add(1, std::memory_order_relaxed) < (reading ? core.max_reading : core.max_mutating)) {
    call->slot = std::make_shared<Slot>(counter);
    return true;
  }
  counter.fetch_sub(1, std::memory_order_relaxed);
  call->fail(api::too_many_requests("too many requests, please try again later.", 1));
  return false;
}

bool wants_pretty(const http::Request& request) {
  if (const std::string* pretty = request.query.find("pretty")) return query_bool(*pretty);
  std::string_view agent = request.headers.get("User-Agent");
  return agent.starts_with("curl") || agent.starts_with("Wget") || agent.starts_with("Mozilla/5.0");
}

// The form of the answer; reviews and the like have no table.
Status negotiate(Call& call, HttpAnswer& answer) {
  bool shapes = !call.resource->virtual_ || call.resource->plural() == "componentstatuses";
  bool reads = call.info.verb == "get" || call.info.verb == "list" || call.info.verb == "watch";
  auto type = negotiate_output(call.request->headers.get("Accept"), {.table = shapes, .partial = shapes, .partial_list = shapes, .discovery = false});
  if (!type) return reigen::fail(not_acceptable(call.request->headers.get("Accept")));
  type->pretty = type->pretty || (reads && wants_pretty(*call.request)) || call.request->query.has("pretty");
  answer.set_type(*type);
  return {};
}

bool is_connect(const Call& call) {
  return call.info.verb == "proxy" || (call.subresource && (is_long_running(call) || call.subresource->subresource == "log"));
}

}  // namespace

ApiServer::ApiServer(ApiServerOptions options, store::Store& store, Executor& executor, Random& random)
    : options_(std::move(options)), core_(std::make_unique<Core>(store, executor, random, options_.cache_bytes)) {
  core_->services = std::make_unique<ServiceAllocator>(store, core_->reader, random, executor, options_.services);
  core_->services->start_repair();
  options_changed();
}

ApiServer::~ApiServer() = default;

void ApiServer::options_changed() {
  core_->authenticator = options_.authenticator;
  core_->token_authenticator = options_.token_authenticator;
  core_->token_issuer = options_.token_issuer;
  core_->authorizer = options_.authorizer;
  core_->admission = options_.admission;
  core_->dialer = options_.dialer;
  core_->anonymous = options_.anonymous;
}

ObjectReader& ApiServer::reader() { return core_->reader; }

std::unique_ptr<LocalTransport> ApiServer::local_transport(User user) {
  return std::make_unique<LocalTransport>(*core_, std::make_shared<const User>(std::move(user)));
}

void ApiServer::handle(std::shared_ptr<http::Request> request, std::shared_ptr<http::Responder> responder) {
  auto call = std::make_shared<Call>(*core_);
  call->request = std::move(request);
  call->responder = responder;
  call->started = core_->executor.clock().now();
  auto answer = std::make_shared<HttpAnswer>(std::move(responder), OutputType{});
  call->answer = answer;
  auto info = parse_request_info(*call->request);
  if (!info) return call->fail(api::internal_error(info.error().message()));
  call->info = std::move(*info);
  auto user = authenticate(*core_, *call->request);
  if (!user) return call->fail(user.error());
  call->user = std::move(*user);
  user = impersonate(*core_, *call->request, call->user);
  if (!user && !api::find_status(user.error()))
    return call->responder->send(500, {{"Content-Type", "text/plain; charset=utf-8"}},
                                 "Internal Server Error: \"" + call->request->target + "\": " + user.error().message() + "\n");
  if (!user) return call->fail(user.error());
  call->user = std::move(*user);
  if (auto status = authorize(*call); !status) return call->fail(status.error());
  if (!call->info.resource_request) return serve_nonresource(*call, options_);
  if (auto status = resolve(*call); !status) return call->fail(status.error());
  if (!is_connect(*call))
    if (auto status = negotiate(*call, *answer); !status) return call->fail(status.error());
  if (take_slot(call)) dispatch(call);
}

}  // namespace reigen::apiserver
