#include "node/local_node_dialer.h"

#include <atomic>
#include <fmt/core.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <mutex>
#include <cerrno>

#include "api/errors.h"
#include "base/ip.h"
#include "http/client.h"
#include "http/stream_session.h"
#include "linux/wrapper/wrapper.h"
#include "node/container_service.h"
#include "node/host_logs.h"
#include "node/log_reader.h"
#include "node/pod_worker.h"
#include "runtime/runtime.h"

namespace reigen::node {
namespace {

constexpr auto kDialTimeout = std::chrono::seconds(30);

// Copies one way until either side ends, then half-closes the receiver.
void pump(std::shared_ptr<ByteStream> from, std::shared_ptr<ByteStream> to, Fn done) {
  auto* source = from.get();
  source->read(32 * 1024, [from = std::move(from), to = std::move(to), done = std::move(done)](Result<std::string> data) mutable {
    if (!data || data->empty()) {
      to->close_write();
      return done();
    }
    auto* sink = to.get();
    sink->write(std::move(*data), [from = std::move(from), to = std::move(to), done = std::move(done)](Status written) mutable {
      if (!written) return done();
      pump(std::move(from), std::move(to), std::move(done));
    });
  });
}

std::string exit_status_json(int code) {
  if (code == 0) return R"({"metadata":{},"status":"Success"})";
  return fmt::format(
      R"({{"metadata":{{}},"status":"Failure","message":"command terminated with non-zero exit code: exit status {0}","reason":"NonZeroExitCode","details":{{"causes":[{{"reason":"ExitCode","message":"{0}"}}]}}}})",
      code);
}

// One exec or attach: the runtime's session joined with the client's.
struct Joined : std::enable_shared_from_this<Joined> {
  Joined(Executor& e, std::unique_ptr<runtime::Session> s, std::shared_ptr<http::RemoteCommandSession> c)
      : executor(e), session(std::move(s)), client(std::move(c)) {}
  Executor& executor;
  std::unique_ptr<runtime::Session> session;
  std::shared_ptr<http::RemoteCommandSession> client;
  std::atomic<int> left = 1;  // outputs and the end
  std::atomic<int> code = 0;
  std::atomic<bool> finished = false;

  void start() {
    auto self = shared_from_this();
    client->on_resize([weak = weak_from_this()](http::TerminalSize size) {
      if (auto joined = weak.lock(); joined && joined->session) joined->session->resize(size.width, size.height);
    });
    auto output = [&](std::shared_ptr<ByteStream> from, std::shared_ptr<ByteStream> to) {
      if (!from || !to) return;
      ++left;
      pump(std::move(from), std::move(to), [self] { self->step(); });
    };
    output(session->output(), client->stdout_stream());
    output(session->errors(), client->stderr_stream());
    if (session->input() && client->stdin_stream()) pump(client->stdin_stream(), session->input(), [self] {});
    client->on_close([self] { self->finish(false); });
    session->wait([self](Result<int> result) {
      self->code = result.value_or(-1);
      // A child of the command may hold its outputs open for ever.
      self->executor.after(std::chrono::seconds(2), [self] { self->finish(true); });
      self->step();
    });
  }
  void step() {
    if (--left == 0) finish(true);
  }
  void finish(bool tell) {
    if (finished.exchange(true)) return;
    if (tell) {
      int value = code;
      client->finish(exit_status_json(value), value == 0 ? "" : fmt::format("command terminated with exit code {}", value));
    }
    // Not on this thread: it may be inside a callback of the session.
    executor.post([self = shared_from_this()] { self->session.reset(); });
  }
};

// Waits for a connection in progress on the poller.
void finish_connect(Poller& poller, Fd fd, Executor& executor, LocalNodeDialer::StreamDone done) {
  struct Waiting {
    Fd fd;
    LocalNodeDialer::StreamDone done;
  };
  int watched = fd.get();
  auto waiting = std::make_shared<Waiting>(std::move(fd), std::move(done));
  auto added = poller.once(watched, EPOLLOUT, [&poller, &executor, waiting](uint32_t) {
    executor.post([&poller, waiting] {
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(waiting->fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error) return waiting->done(fail_errno("connect", error));
      waiting->done(make_fd_stream(poller, std::move(waiting->fd), Fd()));
    });
  });
  if (!added) waiting->done(fail(added.error()));
}

}  // namespace

LocalNodeDialer::LocalNodeDialer(Executor& executor, Poller& poller, runtime::Runtime& runtime, std::string wrapper)
    : executor_(executor), poller_(poller), runtime_(runtime), wrapper_(std::move(wrapper)) {}

void LocalNodeDialer::add(Agent& agent) {
  std::lock_guard lock(mutex_);
  agents_[agent.options().node_name] = &agent;
}

void LocalNodeDialer::remove(Agent& agent) {
  std::lock_guard lock(mutex_);
  agents_.erase(agent.options().node_name);
}

Result<std::shared_ptr<PodWorker>> LocalNodeDialer::find(const apiserver::PodTarget& target) {
  std::lock_guard lock(mutex_);
  auto it = agents_.find(target.node);
  if (it == agents_.end()) return fail(Code::kUnavailable, "node " + target.node + " is not reachable from here");
  auto worker = it->second->find_pod(target.namespace_, target.name, target.uid);
  if (!worker) return fail(Code::kNotFound, "pod \"" + target.name + "_" + target.namespace_ + "\" not found");
  return worker;
}

void LocalNodeDialer::run_session(apiserver::ExecOptions options, bool attach, Accept accept) {
  auto worker = find(options.pod);
  if (!worker) return accept(fail(worker.error()), nullptr);
  auto handle = (*worker)->find_container(options.container);
  if (!handle) return accept(fail(handle.error()), nullptr);
  if (!handle->running) return accept(fail(Code::kNotFound, "container not found (\"" + options.container + "\")"), nullptr);
  accept({}, [this, options, attach, handle = *handle](Result<std::shared_ptr<http::RemoteCommandSession>> client) {
    if (!client) return;
    executor_.post(tasks_.wrap([this, options, attach, handle, client = *client] {
      runtime::ExecSpec spec{.argv = options.command, .tty = options.tty, .in = options.stdin_, .out = options.stdout_, .err = options.stderr_ && !options.tty};
      auto session = attach ? runtime_.attach(handle.id, options.stdin_) : runtime_.exec(handle.id, spec);
      if (!session) {
        api::ApiStatus status;
        status.message = "error executing command in container: " + session.error().message();
        status.reason = "InternalError";
        return client->finish(api::status_json(status), status.message);
      }
      std::make_shared<Joined>(executor_, std::move(*session), client)->start();
    }));
  });
}

apiserver::NodeContainers* LocalNodeDialer::containers() {
  std::lock_guard lock(mutex_);
  for (const auto& [name, agent] : agents_) {
    if (auto* docker = agent->docker()) return docker;
  }
  return nullptr;
}

void LocalNodeDialer::exec(apiserver::ExecOptions options, Accept accept) { run_session(std::move(options), false, std::move(accept)); }
void LocalNodeDialer::attach(apiserver::ExecOptions options, Accept accept) { run_session(std::move(options), true, std::move(accept)); }

void LocalNodeDialer::logs(apiserver::LogOptions options, StreamDone done) {
  auto worker = find(options.pod);
  if (!worker) return done(fail(worker.error()));
  auto handle = (*worker)->find_container(options.container);
  if (!handle) return done(fail(handle.error()));
  std::string name = options.container;
  if (options.previous && !handle->has_previous) {
    return done(fail(Code::kInvalidArgument, "previous terminated container \"" + name + "\" in pod \"" + options.pod.name + "\" not found"));
  }
  if (handle->log_path.empty()) {
    return done(fail(Code::kInvalidArgument, "container \"" + name + "\" in pod \"" + options.pod.name + "\" is waiting to start: ContainerCreating"));
  }
  LogQuery query;
  query.follow = options.follow && !options.previous;
  query.timestamps = options.timestamps;
  query.tail_lines = options.tail_lines;
  query.limit_bytes = options.limit_bytes;
  query.stream = options.stream;
  query.since = options.since_time;
  if (options.since_seconds) query.since = api::Time(executor_.clock().wall() - std::chrono::seconds(*options.since_seconds)).to_string();
  auto running = [worker = *worker, name, id = handle->id] {
    auto now = worker->find_container(name);
    return now && now->running && now->id == id;
  };
  done(read_log(executor_, options.previous ? handle->previous_log_path : handle->log_path, std::move(query), std::move(running)));
}

void LocalNodeDialer::port_forward(apiserver::PodTarget pod, uint16_t port, StreamDone done) {
  auto worker = find(pod);
  if (!worker) return done(fail(worker.error()));
  std::string netns = (*worker)->netns();
  if ((*worker)->host_network()) return http::dial("127.0.0.1:" + std::to_string(port), kDialTimeout, std::move(done));
  if (netns.empty()) return done(fail(Code::kUnavailable, "pod is not running - cannot forward ports"));
  executor_.post(tasks_.wrap([this, netns, port, done = std::move(done)]() mutable {
    auto fd = linux::connect_loopback_in(wrapper_, netns, port);
    if (!fd) return done(fail(fd.error()));
    finish_connect(poller_, std::move(*fd), executor_, std::move(done));
  }));
}

void LocalNodeDialer::dial(std::string, std::string address, uint16_t port, StreamDone done) {
  bool v6 = address.find(':') != std::string::npos;
  http::dial((v6 ? "[" + address + "]" : address) + ":" + std::to_string(port), kDialTimeout, std::move(done));
}

void LocalNodeDialer::node_http(apiserver::NodeHttpRequest request, HttpDone done) {
  Agent* agent = nullptr;
  {
    std::lock_guard lock(mutex_);
    auto it = agents_.find(request.node);
    if (it != agents_.end()) agent = it->second;
  }
  if (!agent) return done(fail(Code::kUnavailable, "node " + request.node + " is not reachable from here"));
  std::string path = request.path_and_query.substr(0, request.path_and_query.find('?'));
  while (path.starts_with("//")) path.erase(0, 1);
  if (path == "/healthz" || path == "healthz") return done(apiserver::NodeHttpResponse{200, "text/plain; charset=utf-8", "ok"});
  if (path == "/stats/summary" || path == "stats/summary") {
    executor_.post(
        tasks_.wrap([agent, done = std::move(done)]() mutable { done(apiserver::NodeHttpResponse{200, "application/json", agent->stats_summary()}); }));
    return;
  }
  while (path.starts_with('/')) path.erase(0, 1);
  if (path.starts_with("logs/") && !agent->options().hollow) {
    executor_.post(tasks_.wrap([this, path = path.substr(5), done = std::move(done)]() mutable { done(serve_host_log(executor_, "/var/log", path)); }));
    return;
  }
  while (path.ends_with('/')) path.pop_back();
  if (path == "pods" || path == "runningpods") {
    bool running = path == "runningpods";
    executor_.post(tasks_.wrap(
        [agent, running, done = std::move(done)]() mutable { done(apiserver::NodeHttpResponse{200, "application/json", agent->pods_json(running)}); }));
    return;
  }
  done(apiserver::NodeHttpResponse{404, "text/plain; charset=utf-8", "404 page not found\n"});
}

}  // namespace reigen::node
