// Docker's calls that are about streams: attach, exec, logs; and what a container does at the moment: stats, top.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>

#include "api/json.h"
#include "apiserver/docker_error.h"
#include "base/files.h"
#include "base/process.h"
#include "node/agent.h"
#include "node/container_log.h"
#include "node/container_service.h"
#include "node/container_stats.h"
#include "node/container_top.h"
#include "node/session_streams.h"

namespace reigen::node {

using apiserver::ContainerStreams;
using apiserver::ContainerTarget;
using apiserver::docker_error;
using apiserver::Done;

namespace {

constexpr auto kPidPeriod = std::chrono::milliseconds(2);
constexpr int kPidTries = 2500;
constexpr const char* kRelativeFolder = "Cwd must be an absolute path";

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find(by, at), text.size());
    if (end > at) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// What `logs --details` shows: the labels and variables that the log's options name, sorted.
std::string log_details(const DockerView& view) {
  std::map<std::string, std::string> found;
  for (const auto& key : split(view.host.log_config.config.value_or("labels", ""), ',')) {
    if (const auto* value = view.config.labels.get(key)) found[key] = *value;
  }
  for (const auto& key : split(view.host.log_config.config.value_or("env", ""), ',')) {
    for (const auto& entry : view.config.env) {
      if (entry.starts_with(key + "=")) found[key] = entry.substr(key.size() + 1);
    }
  }
  std::string out;
  for (const auto& [key, value] : found) out += (out.empty() ? "" : ",") + key + "=" + value;
  return out;
}

// Whether an exec's program began is known when it has a pid, or the runtime ended without one: then its errors say why.
struct ExecStart : std::enable_shared_from_this<ExecStart> {
  Executor& executor;
  std::unique_ptr<runtime::Session> session;
  std::move_only_function<void(Result<std::unique_ptr<runtime::Session>>, int pid)> done;
  std::atomic<bool> ended = false;
  std::string errors;
  int tries = 0;
  explicit ExecStart(Executor& e) : executor(e) {}

  void begin() {
    session->wait([self = shared_from_this()](Result<int>) { self->ended = true; });
    look();
  }
  void look() {
    bool over = ended;  // before the pid is looked at: it is written first
    int pid = session->pid();
    if (pid > 0 || (over && !session->errors()) || ++tries > kPidTries) return done(std::move(session), pid);
    if (over) return read_errors();
    executor.after(kPidPeriod, [self = shared_from_this()] { self->look(); });
  }
  void read_errors() {
    session->errors()->read(4096, [self = shared_from_this()](Result<std::string> data) {
      bool more = data && !data->empty() && self->errors.size() < 65536;
      if (more) {
        self->errors += *data;
        return self->executor.post([self] { self->read_errors(); });
      }
      self->executor.post([self] { self->done(fail(Code::kInvalidArgument, self->errors), 0); });
    });
  }
};

// crun's errors are lines like "2026-11-23T06:00:00Z: text" or "text".
std::string runtime_message(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  size_t line = text.rfind('\n');
  if (line != std::string::npos) text.erase(0, line + 1);
  if (size_t at = text.find("Z: "); at != std::string::npos && at < 40 && std::isdigit(static_cast<unsigned char>(text.front()))) text.erase(0, at + 3);
  return text;
}

Error exec_error(const std::string& message, const std::vector<std::string>& command) {
  if (size_t at = user_trouble(message); at != std::string::npos) return docker_error(400, message.substr(at));
  if (message == kRelativeFolder) return docker_error(400, "OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown");
  // crun's: "chdir `/x`: No such file or directory".
  if (auto trouble = folder_trouble(message)) {
    bool kind = trouble->why == "not a directory";
    return docker_error(
        400,
        fmt::format("OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd (\"{}\") set in config.json failed: {}: unknown{}",
                    trouble->folder, trouble->why, kind ? std::string(": ") + kWrongKind : ""));
  }
  StartFailure failure = exec_failure(message, command.empty() ? "" : command.front());
  return docker_error(failure.status, "OCI runtime exec failed: exec failed: unable to start container process: " + failure.text + ": unknown");
}

}  // namespace

// --- attach ---

void ContainerService::attach(apiserver::AttachRequest request, Done<ContainerStreams> done) {
  auto target = request.target;
  run(target, [this, request = std::move(request), done = std::move(done)]() mutable { done(attach_now(request)); });
}

Result<ContainerStreams> ContainerService::attach_now(const apiserver::AttachRequest& request) {
  TRY_ASSIGN(auto found, subject(request.target));
  if (found.paused) return fail(docker_error(409, "Container " + request.target.id + " is paused, unpause the container before attach."));
  if (found.entry && found.entry->status->current().state == "restarting") {
    return fail(docker_error(409, "Container " + request.target.id + " is restarting, wait until the container is running"));
  }
  AttachPoint::Wish wish{.in = request.in && found.stdin_open, .out = request.out, .err = request.err, .tty = found.tty, .stream = request.stream, .log = {}};
  if (request.logs) {
    if (found.log_path.empty()) return fail(docker_error(501, "configured logging driver does not support reading"));
    ContainerLogQuery query;
    query.out = request.out;
    query.err = request.err;
    query.framed = !found.tty;
    wish.log = read_container_log(parts_.executor, found.log_path, query, [] { return true; });
  }
  if (found.entry) return found.entry->attach->attach(std::move(wish));
  // A pod's: as it is now, nothing waits.
  auto point = std::make_shared<AttachPoint>(parts_.executor, parts_.runtime);
  if (found.running) point->adopt(found.runtime_id);
  else point->close();
  return point->attach(std::move(wish));
}

// --- exec ---

void ContainerService::exec(apiserver::ContainerExec request, Done<ContainerStreams> done) {
  parts_.executor.post(tasks_->wrap([this, request = std::move(request), done = std::move(done)]() mutable { exec_now(request, std::move(done)); }));
}

Result<std::unique_ptr<runtime::Session>> ContainerService::begin_exec(const apiserver::ContainerExec& request) {
  TRY_ASSIGN(auto found, running_subject(request.target));
  if (found.paused) return fail(docker_error(409, "Container " + request.target.id + " is paused, unpause the container before exec"));
  runtime::ExecSpec spec;
  spec.argv = request.command;
  spec.env = request.env;
  spec.cwd = request.working_dir;
  if (!request.user.empty()) {
    spec.user.emplace();
    spec.user->name = request.user;
  }
  spec.privileged = request.privileged;
  spec.tty = request.tty;
  spec.in = request.in;
  spec.out = request.out || request.tty;
  spec.err = !request.tty;  // also for the runtime's own
  spec.console_width = request.width;
  spec.console_height = request.height;
  if (!spec.cwd.empty() && spec.cwd.front() != '/') return fail(exec_error(kRelativeFolder, request.command));
  auto session = parts_.runtime.exec(found.runtime_id, spec);
  if (session) return session;
  if (session.error().code() == Code::kUnavailable) return fail(docker_error(409, "Container " + request.target.id + " is not running"));
  return fail(exec_error(runtime_message(session.error().message()), request.command));
}

void ContainerService::exec_now(const apiserver::ContainerExec& request, Done<ContainerStreams> done) {
  auto session = begin_exec(request);
  if (!session) return done(fail(session.error()));
  auto start = std::make_shared<ExecStart>(parts_.executor);
  start->session = std::move(*session);
  start->done = [this, request, done = std::move(done)](Result<std::unique_ptr<runtime::Session>> begun, int pid) mutable {
    if (!begun) return done(fail(exec_error(runtime_message(begun.error().message()), request.command)));
    SessionStreamsOptions options{.in = request.in, .out = request.out || request.tty, .err = request.err, .framed = request.framed, .outlives_client = true};
    auto streams = SessionStreams::make(parts_.executor, options);
    auto client = client_side(streams);
    streams->join(std::move(*begun));
    if (request.started && pid > 0) request.started(pid);
    done(std::move(client));
  };
  start->begin();
}

// --- logs ---

void ContainerService::logs(apiserver::ContainerLogs request, Done<std::shared_ptr<ByteStream>> done) {
  parts_.executor.post(tasks_->wrap([this, request = std::move(request), done = std::move(done)]() mutable { done(logs_now(request)); }));
}

Result<std::shared_ptr<ByteStream>> ContainerService::logs_now(const apiserver::ContainerLogs& request) {
  TRY_ASSIGN(auto found, subject(request.target));
  if (found.log_path.empty() && found.entry) return fail(docker_error(501, "configured logging driver does not support reading"));
  ContainerLogQuery query;
  query.out = request.out;
  query.err = request.err;
  query.follow = request.follow && found.running;
  query.timestamps = request.timestamps;
  query.framed = !found.tty;
  query.gather = request.gather;
  query.tail = request.tail;
  query.since = request.since;
  query.until = request.until;
  if (request.details && found.object) {
    TRY_ASSIGN(auto view, DockerView::of(found.object));
    query.with_details = true;
    query.details = log_details(view);
  }
  return read_container_log(parts_.executor, found.log_path, std::move(query), found.ended);
}

// --- stats, top ---

void ContainerService::stats(ContainerTarget target, Done<std::string> done) {
  parts_.executor.post(tasks_->wrap([this, target = std::move(target), done = std::move(done)]() mutable { done(stats_now(target)); }));
}

Result<std::string> ContainerService::stats_now(const ContainerTarget& target) {
  TRY_ASSIGN(auto found, subject(target));
  StatsSample sample;
  sample.id = target.id.empty() ? found.runtime_id : target.id;
  sample.name = "/" + found.name;
  sample.read = parts_.executor.clock().wall();
  if (found.running) {
    TRY_ASSIGN(auto usage, parts_.runtime.container_stats(found.runtime_id, false));
    sample.usage = std::move(usage);
    if (found.entry) {
      if (auto counters = parts_.network.counters(found.sandbox)) sample.networks = std::move(*counters);
    }
    sample.host = read_stats_host();
  }
  return stats_json(sample);
}

void ContainerService::top(ContainerTarget target, std::string ps_arguments, Done<apiserver::TopResult> done) {
  parts_.executor.post(tasks_->wrap([this, target = std::move(target), ps_arguments = std::move(ps_arguments), done = std::move(done)]() mutable {
    auto found = running_subject(target);
    if (!found) return done(fail(found.error()));
    auto pids = parts_.runtime.processes(found->runtime_id);
    if (!pids) return done(fail(pids.error()));
    done(run_ps(ps_arguments, *pids));
  }));
}

}  // namespace reigen::node
