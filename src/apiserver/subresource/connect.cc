// log, exec, attach, portforward: what reaches into a pod on its node, through the NodeDialer. Proxies are in proxy.cc.

#include <charconv>

#include "api/corev1.h"
#include "api/errors.h"
#include "api/go_quote.h"
#include "api/metav1.h"
#include "apiserver/admission.h"
#include "apiserver/core.h"
#include "apiserver/http_answer.h"
#include "apiserver/node_dialer.h"
#include "apiserver/subresource/proxy.h"
#include "apiserver/subresource/stream_answer.h"
#include "apiserver/verb/verbs.h"
#include "apiserver/verb/write.h"
#include "http/server.h"
#include "http/stream_session.h"
#include "http/websocket.h"

namespace reigen::apiserver {
namespace {

using api::corev1::Pod;

Result<api::Object> find_pod(Call& call) {
  if (!call.core.dialer) return reigen::fail(api::service_unavailable("this server reaches no nodes"));
  if (!call.responder) return reigen::fail(api::bad_request("this subresource needs a connection"));
  return call.core.reader.get("", "pods", call.ns(), call.name());
}

PodTarget target_of(const Pod& pod) { return {pod.spec.node_name, pod.metadata.namespace_, pod.metadata.name, pod.metadata.uid}; }

std::string names(const std::vector<std::string>& list) {
  std::string out = "[";
  for (const std::string& name : list) out += (out.size() > 1 ? " " : "") + name;
  return out + "]";
}

// The container asked for; the only one, or the annotated default, when none is named.
Result<std::string> choose_container(const Pod& pod, std::string_view asked) {
  std::vector<std::string> main, init;
  std::vector<std::string> all;
  for (const auto& container : pod.spec.init_containers) init.push_back(container.name), all.push_back(container.name);
  for (const auto& container : pod.spec.containers) main.push_back(container.name), all.push_back(container.name);
  for (const auto& container : pod.spec.ephemeral_containers) all.push_back(container.name);
  if (!asked.empty()) {
    if (std::ranges::find(all, asked) != all.end()) return std::string(asked);
    return reigen::fail(api::bad_request("container " + std::string(asked) + " is not valid for pod " + pod.metadata.name));
  }
  if (main.size() == 1) return main[0];
  if (main.empty()) return reigen::fail(api::bad_request("a container name must be specified for pod " + pod.metadata.name));
  std::string text = "a container name must be specified for pod " + pod.metadata.name + ", choose one of: " + names(main);
  if (!init.empty()) text += " or one of the init containers: " + names(init);
  return reigen::fail(api::bad_request(text));
}

Status parse_number(const http::Query& query, std::string_view name, std::optional<int64_t>& into) {
  const std::string* text = query.find(name);
  if (!text || text->empty()) return {};
  int64_t value = 0;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size())
    return reigen::fail(api::bad_request("strconv.ParseInt: parsing " + api::go_quote(*text) + ": invalid syntax"));
  into = value;
  return {};
}

bool flag(const http::Query& query, std::string_view name) {
  const std::string* text = query.find(name);
  return text && query_bool(*text);
}

Status check_log(const LogOptions& options) {
  api::FieldErrors errors;
  auto minimum = [&](std::string_view name, const std::optional<int64_t>& value, int64_t least, std::string_view text) {
    if (value && *value < least) errors.push_back(api::FieldError::invalid(api::FieldPath(name), *value, std::string(text)));
  };
  minimum("tailLines", options.tail_lines, 0, "must be greater than or equal to 0");
  minimum("limitBytes", options.limit_bytes, 1, "must be greater than 0");
  if (options.since_seconds && !options.since_time.empty())
    errors.push_back(api::FieldError::forbidden(api::FieldPath("sinceTime"), "at most one of `sinceTime` or `sinceSeconds` may be specified"));
  minimum("sinceSeconds", options.since_seconds, 1, "must be greater than 0");
  if (errors.empty()) return {};
  return reigen::fail(api::invalid({"", "PodLogOptions"}, "", errors));
}

Result<LogOptions> log_options(Call& call) {
  const auto& query = call.request->query;
  LogOptions options;
  options.follow = flag(query, "follow");
  options.previous = flag(query, "previous");
  options.timestamps = flag(query, "timestamps");
  options.since_time = query.get("sinceTime");
  options.stream = query.get("stream");
  TRY(parse_number(query, "sinceSeconds", options.since_seconds));
  TRY(parse_number(query, "tailLines", options.tail_lines));
  TRY(parse_number(query, "limitBytes", options.limit_bytes));
  TRY(check_log(options));
  TRY_ASSIGN(api::Object object, find_pod(call));
  const Pod& pod = object.as<Pod>();
  TRY_ASSIGN(options.container, choose_container(pod, query.get("container")));
  options.pod = target_of(pod);
  return options;
}

// A log over a WebSocket: its bytes as messages, in base64 when the client asked for that.
void pump_log(const CallPtr& call, std::shared_ptr<ByteStream> source) {
  const std::string plain = "binary.k8s.io", encoded = "base64.binary.k8s.io";
  http::accept_websocket(*call->request, call->responder, {"", plain, encoded}, [call, source, encoded](Result<http::AcceptedWebSocket> accepted) {
    if (!accepted) return source->close();
    struct Sender : std::enable_shared_from_this<Sender> {
      std::shared_ptr<ByteStream> source;
      std::shared_ptr<http::WebSocket> socket;
      bool text = false;
      void next() {
        source->read(64 << 10, [self = shared_from_this()](Result<std::string> bytes) {
          if (!bytes || bytes->empty()) return self->socket->close(1000);
          self->socket->send(self->text ? api::base64_encode(*bytes) : *bytes, self->text, [self](Status status) {
            if (status) self->next();
            else self->source->close();
          });
        });
      }
      void listen() {
        socket->receive([self = shared_from_this()](Result<http::WebSocketMessage> message) {
          if (!message || message->kind == http::WebSocketMessage::Kind::kClose) return self->source->close();
          self->listen();
        });
      }
    };
    auto sender = std::make_shared<Sender>();
    sender->source = source;
    sender->socket = accepted->socket;
    sender->text = accepted->protocol == encoded;
    sender->listen();
    sender->next();
  });
}

bool wants_websocket(const http::Request& request) { return http::iequals(request.headers.get("Upgrade"), "websocket"); }

void do_log(const CallPtr& call) {
  auto options = log_options(*call);
  if (!options) return call->fail(options.error());
  // Nothing runs where there is no node yet: an empty log.
  if (options->pod.node.empty()) return call->responder->send(200, answer_headers(*call, "text/plain"), http::Body());
  call->core.dialer->logs(std::move(*options), [call](Result<std::shared_ptr<ByteStream>> stream) {
    if (!stream) return call->fail(api::find_status(stream.error()) ? stream.error() : api::bad_request(stream.error().message()));
    count_answer(*call, 200);
    if (wants_websocket(*call->request)) return pump_log(call, std::move(*stream));
    call->responder->start(200, answer_headers(*call, "text/plain"));
    stream_answer(std::move(*stream), call->responder);
  });
}

Result<ExecOptions> exec_options(Call& call, bool attach) {
  const auto& query = call.request->query;
  ExecOptions options;
  options.stdin_ = flag(query, "stdin");
  options.stdout_ = flag(query, "stdout");
  options.stderr_ = flag(query, "stderr");
  options.tty = flag(query, "tty");
  if (!attach)
    for (std::string_view part : query.all("command")) options.command.emplace_back(part);
  TRY_ASSIGN(api::Object object, find_pod(call));
  const Pod& pod = object.as<Pod>();
  TRY_ASSIGN(options.container, choose_container(pod, query.get("container")));
  if (!attach && options.command.empty()) return reigen::fail(api::bad_request("you must specify at least 1 command for the container"));
  if (!options.stdin_ && !options.stdout_ && !options.stderr_) return reigen::fail(api::bad_request("you must specify at least 1 of stdin, stdout, stderr"));
  if (options.tty) options.stderr_ = false;
  if (pod.spec.node_name.empty()) return reigen::fail(api::bad_request("pod " + pod.metadata.name + " does not have a host assigned"));
  options.pod = target_of(pod);
  return options;
}

Status admit_connect(Call& call) {
  AdmissionRequest request = admission_request(call, Operation::kConnect, false, nullptr, nullptr);
  TRY(admit(call, request));
  return admit_validate(call, request);
}

void do_session(const CallPtr& call, bool attach) {
  auto options = exec_options(*call, attach);
  if (!options) return call->fail(options.error());
  if (auto status = admit_connect(*call); !status) return call->fail(status.error());
  http::RemoteCommandOptions session{.stdin_open = options->stdin_, .stdout_open = options->stdout_, .stderr_open = options->stderr_, .tty = options->tty};
  auto accept = [call, session](Status status, NodeDialer::SessionDone done) {
    if (!status) return call->fail(api::find_status(status.error()) ? status.error() : api::internal_error(status.error().message()));
    count_answer(*call, 101);
    http::accept_remote_command(*call->request, call->responder, session, std::move(done));
  };
  if (attach) call->core.dialer->attach(std::move(*options), accept);
  else call->core.dialer->exec(std::move(*options), accept);
}

void forward_one(Core& core, const PodTarget& target, http::ForwardedConnection connection) {
  auto shared = std::make_shared<http::ForwardedConnection>(std::move(connection));
  core.dialer->port_forward(target, shared->port, [shared, target](Result<std::shared_ptr<ByteStream>> stream) {
    if (!stream) {
      shared->finish("error forwarding port " + std::to_string(shared->port) + " to pod " + target.name + ", uid : " + target.uid + ": " +
                     stream.error().message());
      return;
    }
    splice(shared->data, std::move(*stream), [shared] { shared->finish(""); });
  });
}

void do_port_forward(const CallPtr& call) {
  auto object = find_pod(*call);
  if (!object) return call->fail(object.error());
  const Pod& pod = object->as<Pod>();
  if (pod.spec.node_name.empty()) return call->fail(api::bad_request("pod " + pod.metadata.name + " does not have a host assigned"));
  if (auto status = admit_connect(*call); !status) return call->fail(status.error());
  http::PortForwardOptions options;
  for (std::string_view text : call->request->query.all("ports")) {
    uint16_t port = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port == 0) return call->fail(api::bad_request("invalid port " + api::go_quote(text)));
    options.ports.push_back(port);
  }
  count_answer(*call, 101);
  http::accept_port_forward(
      *call->request, call->responder, options,
      [&core = call->core, target = target_of(pod)](http::ForwardedConnection connection) { forward_one(core, target, std::move(connection)); },
      [call](Result<void>) {});
}

}  // namespace

void do_connect(const CallPtr& call) {
  std::string_view sub = call->info.verb == "proxy" ? std::string_view("proxy") : call->subresource->subresource;
  if (sub == "proxy") return do_proxy(call);
  if (sub == "log") return do_log(call);
  if (sub == "portforward") return do_port_forward(call);
  do_session(call, sub == "attach");
}

}  // namespace reigen::apiserver
