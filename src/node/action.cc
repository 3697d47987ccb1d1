#include "node/action.h"

#include <fmt/core.h>

#include <mutex>

#include "base/byte_stream.h"
#include "http/client.h"
#include "http/tls.h"

namespace reigen::node {
namespace {

using namespace api::corev1;

constexpr size_t kOutputLimit = 10 * 1024;  // kubelet's limit for what a probe may say
constexpr size_t kFrameLimit = 64 * 1024;
constexpr int kRedirects = 10;

int port_number(const api::IntOrString& port, const Container& container) {
  if (!port.is_string) return port.number;
  for (const auto& candidate : container.ports) {
    if (candidate.name == port.text) return candidate.container_port;
  }
  return std::atoi(port.text.c_str());
}

std::string host_port(const std::string& host, int port) {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

// Collects an exec's outputs and its code; done once, also when the time is up.
struct ExecRun : std::enable_shared_from_this<ExecRun> {
  ExecRun(Executor& e, size_t l, std::function<void(Result<runtime::ExecResult>)> d) : executor(e), limit(l), done(std::move(d)) {}
  Executor& executor;
  size_t limit;
  std::function<void(Result<runtime::ExecResult>)> done;
  std::mutex mutex;
  std::unique_ptr<runtime::Session> session;
  runtime::ExecResult result;
  int open_streams = 0;
  bool exited = false, finished = false;
  TimerId timer = 0;

  void read(std::shared_ptr<ByteStream> stream) {
    stream->read(4096, [self = shared_from_this(), stream](Result<std::string> data) {
      bool more = data && !data->empty();
      if (more) {
        std::lock_guard lock(self->mutex);
        size_t room = self->limit - std::min(self->limit, self->result.out.size());
        self->result.out.append(*data, 0, room);
      }
      if (more) return self->read(stream);
      self->step([](ExecRun& run) { --run.open_streams; });
    });
  }
  void step(const std::function<void(ExecRun&)>& change) {
    {
      std::lock_guard lock(mutex);
      change(*this);
      if (finished || !exited || open_streams > 0) return;
      finished = true;
    }
    finish(result);
  }
  void time_out() {
    {
      std::lock_guard lock(mutex);
      if (std::exchange(finished, true)) return;
    }
    finish(fail(Code::kDeadlineExceeded, "command timed out"));
  }
  // The session is dropped on another thread: this one may be inside its callback.
  void finish(Result<runtime::ExecResult> outcome) {
    if (timer) executor.cancel(timer);
    executor.post([self = shared_from_this(), outcome = std::move(outcome)]() mutable {
      self->session.reset();
      self->done(std::move(outcome));
    });
  }
};

// One HTTP probe. Redirects to the same host are followed (whatever the port), others end it with a warning: pkg/probe/http.
struct HttpProbe : std::enable_shared_from_this<HttpProbe> {
  HttpProbe(Executor& e, Duration limit, ActionDone d) : executor(e), deadline(e.clock().now() + limit), done(std::move(d)) {}
  Executor& executor;
  const TimePoint deadline;
  ActionDone done;
  std::string scheme, host, authority, target;
  http::Headers headers;
  int redirects = 0;
  std::unique_ptr<http::Client> client;

  std::string url() const { return scheme + "://" + authority + target; }

  void send() {
    http::ClientOptions options;
    options.url = scheme + "://" + authority;
    options.connect_timeout = options.timeout = std::max<Duration>(deadline - executor.clock().now(), std::chrono::milliseconds(1));
    options.max_idle = 0;
    options.max_body = kOutputLimit * 100;
    if (scheme == "https") {
      auto tls = http::ClientTls::create({.insecure = true});
      if (!tls) return done({.errored = true, .output = tls.error().message()});
      options.tls = *tls;
    }
    client = std::make_unique<http::Client>(std::move(options));
    http::ClientRequest request;
    request.target = target;
    request.headers = headers;
    client->request_async(std::move(request), [self = shared_from_this()](Result<http::Response> response) {
      // Not here: the client that calls must not go.
      auto shared = std::make_shared<Result<http::Response>>(std::move(response));
      self->executor.post([self, shared] {
        self->client.reset();
        self->answered(*shared);
      });
    });
  }

  void answered(const Result<http::Response>& response) {
    if (!response) return done({.output = "Get \"" + url() + "\": " + response.error().message()});
    int status = response->status;
    std::string body = response->body.substr(0, kOutputLimit);
    if (status < 200 || status >= 400) return done({.answered = true, .output = fmt::format("HTTP probe failed with statuscode: {}", status)});
    if (status < 300) return done({.success = true, .answered = true, .output = body});
    bool moved = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    std::string location(response->headers.get("Location"));
    if (!moved || location.empty() || !follow(location)) {
      return done({.success = true, .answered = true, .warning = true, .output = "Probe terminated redirects, Response body: " + body});
    }
    if (++redirects >= kRedirects) return done({.output = "Get \"" + url() + "\": stopped after 10 redirects"});
    send();
  }

  // False when the location is on another host.
  bool follow(const std::string& location) {
    auto at = location.find("://");
    if (at == std::string::npos) {
      target = location.front() == '/' ? location : target.substr(0, target.rfind('/') + 1) + location;
      return true;
    }
    std::string to = location.substr(0, at), rest = location.substr(at + 3);
    size_t path = std::min(rest.find_first_of("/?"), rest.size());
    std::string where = rest.substr(0, path);
    size_t colon = where.rfind(':'), bracket = where.rfind(']');
    bool has_port = colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
    std::string name = where.substr(0, has_port ? colon : where.size());
    if (name.size() > 2 && name.front() == '[') name = name.substr(1, name.size() - 2);
    if (name != host || (to != "http" && to != "https")) return false;
    scheme = to;
    authority = host_port(host, has_port ? std::atoi(where.c_str() + colon + 1) : to == "https" ? 443 : 80);
    target = path == rest.size() ? "/" : rest[path] == '?' ? "/" + rest.substr(path) : rest.substr(path);
    return true;
  }
};

void probe_http(const std::string& pod_ip, const HTTPGetAction& get, const Container& container, Executor& executor, Duration timeout, ActionDone done) {
  auto probe = std::make_shared<HttpProbe>(executor, timeout, std::move(done));
  probe->scheme = get.scheme == "HTTPS" ? "https" : "http";
  probe->host = get.host.empty() ? pod_ip : get.host;
  probe->authority = host_port(probe->host, port_number(get.port, container));
  probe->target = get.path.empty() ? "/" : get.path.front() == '/' ? get.path : "/" + get.path;
  for (const auto& header : get.http_headers) probe->headers.add(header.name, header.value);
  if (!probe->headers.has("User-Agent")) probe->headers.add("User-Agent", "kube-probe/1.32");
  if (!probe->headers.has("Accept")) probe->headers.add("Accept", "*/*");
  probe->send();
}

void probe_tcp(const std::string& address, Duration timeout, ActionDone done) {
  http::dial(address, timeout, [address, done = std::move(done)](Result<std::shared_ptr<ByteStream>> stream) {
    if (!stream) return done({.output = "dial tcp " + address + ": " + stream.error().message()});
    (*stream)->close();
    done({.success = true});
  });
}

// --- gRPC health checking (grpc.health.v1) as bytes: HTTP/2 frames (RFC 9113) without dynamic header compression (RFC 7541). ---

std::string frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  std::string out;
  size_t n = payload.size();
  for (int shift : {16, 8, 0}) out += static_cast<char>(n >> shift);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift);
  return out + payload;
}

std::string literal(const std::string& name, const std::string& value) {
  auto text = [](const std::string& s) {
    std::string out;
    if (s.size() < 127) return std::string(1, static_cast<char>(s.size())) + s;
    out += static_cast<char>(127);
    size_t rest = s.size() - 127;
    for (; rest >= 128; rest /= 128) out += static_cast<char>(rest % 128 + 128);
    out += static_cast<char>(rest);
    return out + s;
  };
  return std::string(1, '\0') + text(name) + text(value);
}

std::string health_request(const std::string& authority, const std::string& service) {
  std::string headers = literal(":method", "POST") + literal(":scheme", "http") + literal(":path", "/grpc.health.v1.Health/Check") +
                        literal(":authority", authority) + literal("content-type", "application/grpc") + literal("te", "trailers") +
                        literal("user-agent", "kube-probe/1.32");
  std::string name = service.substr(0, 120), message = name.empty() ? "" : std::string("\x0a") + static_cast<char>(name.size()) + name;
  std::string body(4, '\0');
  body += static_cast<char>(message.size());
  body.insert(0, 1, '\0');
  body.erase(1, 1);
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "") + frame(1, 4, 1, headers) + frame(0, 1, 1, body + message);
}

struct GrpcRun : std::enable_shared_from_this<GrpcRun> {
  std::shared_ptr<ByteStream> stream;
  std::string received;
  ActionDone done;
  std::mutex mutex;
  bool finished = false;
  Executor* executor = nullptr;
  TimerId timer = 0;

  void finish(ActionResult result) {
    {
      std::lock_guard lock(mutex);
      if (std::exchange(finished, true)) return;
    }
    if (timer) executor->cancel(timer);
    stream->close();
    done(std::move(result));
  }
  void read() {
    stream->read(16384, [self = shared_from_this()](Result<std::string> data) {
      if (!data || data->empty()) return self->finish({.output = "service unhealthy (the connection ended without an answer)"});
      self->received += *data;
      if (self->received.size() > kFrameLimit) return self->finish({.output = "service unhealthy (the answer is too long)"});
      self->consume();
    });
  }
  void consume() {
    while (received.size() >= 9) {
      auto byte = [&](size_t i) { return static_cast<unsigned char>(received[i]); };
      size_t length = (size_t{byte(0)} << 16) | (size_t{byte(1)} << 8) | byte(2);
      if (received.size() < 9 + length) break;
      uint8_t type = byte(3), flags = byte(4);
      std::string payload = received.substr(9, length);
      received.erase(0, 9 + length);
      if (type == 4 && !(flags & 1)) stream->write(frame(4, 1, 0, ""), [](Status) {});
      if (type == 0 && payload.size() >= 5) {
        bool serving = payload.size() >= 7 && payload[5] == 0x08 && payload[6] == 1;
        return finish({.success = serving, .output = serving ? "service healthy" : "service unhealthy (responded with \"NOT_SERVING\")"});
      }
      if (type == 1 && (flags & 1)) return finish({.output = "error: this server does not implement the grpc health protocol (grpc.health.v1.Health)"});
      if (type == 3 || type == 7) return finish({.output = "service unhealthy (the server refused the call)"});
    }
    read();
  }
};

void probe_grpc(const std::string& address, const std::string& service, Executor& executor, Duration timeout, ActionDone done) {
  auto shared = std::make_shared<ActionDone>(std::move(done));
  http::dial(address, timeout, [=, &executor](Result<std::shared_ptr<ByteStream>> stream) {
    if (!stream)
      return (*shared)({.output = fmt::format("timeout: failed to connect service \"{}\" within {}s: {}", address, timeout / std::chrono::seconds(1),
                                              stream.error().message())});
    auto run = std::make_shared<GrpcRun>();
    run->stream = *stream;
    run->done = *shared;
    run->executor = &executor;
    run->timer = executor.after(timeout, [run] { run->finish({.output = "timeout: health rpc did not complete in time"}); });
    run->stream->write(health_request(address, service), [](Status) {});
    run->read();
  });
}

void exec_action(const ActionTarget& target, const ExecAction& action, Duration timeout, ActionDone done) {
  run_exec(target.runtime, target.executor, target.container_id, action.command, timeout, kOutputLimit,
           [done = std::move(done)](Result<runtime::ExecResult> result) {
             if (!result && result.error().code() == Code::kDeadlineExceeded) return done({.output = "command timed out"});
             if (!result) return done({.errored = true, .output = result.error().message()});
             done({.success = result->exit_code == 0, .output = result->out});
           });
}

}  // namespace

void run_exec(runtime::Runtime& runtime, Executor& executor, const std::string& container_id, std::vector<std::string> argv, Duration timeout, size_t limit,
              std::function<void(Result<runtime::ExecResult>)> done) {
  auto session = runtime.exec(container_id, {.argv = std::move(argv)});
  if (!session) return done(fail(session.error()));
  auto run = std::make_shared<ExecRun>(executor, limit, std::move(done));
  run->session = std::move(*session);
  auto out = run->session->output(), err = run->session->errors();
  run->open_streams = (out ? 1 : 0) + (err ? 1 : 0);
  run->timer = executor.after(timeout, [run] { run->time_out(); });
  if (out) run->read(out);
  if (err) run->read(err);
  run->session->wait([run](Result<int> code) {
    run->step([&](ExecRun& r) {
      r.exited = true;
      r.result.exit_code = code.value_or(-1);
    });
  });
}

void run_probe(const ActionTarget& target, const ProbeHandler& handler, Duration timeout, ActionDone done) {
  if (handler.exec) return exec_action(target, *handler.exec, timeout, std::move(done));
  if (handler.http_get) return probe_http(target.pod_ip, *handler.http_get, target.container, target.executor, timeout, std::move(done));
  if (handler.tcp_socket) {
    const auto& tcp = *handler.tcp_socket;
    return probe_tcp(host_port(tcp.host.empty() ? target.pod_ip : tcp.host, port_number(tcp.port, target.container)), timeout, std::move(done));
  }
  if (handler.grpc)
    return probe_grpc(host_port(target.pod_ip, handler.grpc->port), handler.grpc->service.value_or(""), target.executor, timeout, std::move(done));
  done({.errored = true, .output = "missing probe handler"});
}

void run_hook(const ActionTarget& target, const LifecycleHandler& handler, Duration timeout, ActionDone done) {
  if (handler.sleep) {
    target.executor.after(std::min<Duration>(timeout, std::chrono::seconds(handler.sleep->seconds)), [done = std::move(done)] { done({.success = true}); });
    return;
  }
  ProbeHandler probe;
  probe.exec = handler.exec;
  probe.http_get = handler.http_get;
  probe.tcp_socket = handler.tcp_socket;
  if (!handler.http_get) return run_probe(target, probe, timeout, std::move(done));
  // A hook has done its work when there was an answer, whatever it says.
  run_probe(target, probe, timeout, [done = std::move(done)](ActionResult result) {
    result.success = result.success || result.answered;
    done(std::move(result));
  });
}

}  // namespace reigen::node
