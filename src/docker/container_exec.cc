// POST /containers/x/exec, POST /exec/x/start and resize, GET /exec/x/json
#include <fmt/core.h>

#include "api/json.h"
#include "apiserver/docker_error.h"
#include "apiserver/node_containers.h"
#include "docker/container_handlers.h"
#include "docker/container_lookup.h"
#include "docker/hijack.h"
#include "docker/stream_frames.h"
#include "docker/wire_form.h"
#include "docker/version_table.h"
#include "docker/error_answer.h"

namespace reigen::docker {

namespace {

using api::Value;
using api::dockerv1::ExecConfig;

constexpr size_t kMaxOutputRest = 64 << 10;

Status check_running(const api::dockerv1::Container& container, std::string_view name) {
  const std::string& id = container.metadata.name;
  const std::string& state = container.status.state;
  if (!is_running(container)) return fail(Code::kConflict, fmt::format("Container {} is not running", id));
  if (state == "paused") return fail(Code::kConflict, fmt::format("Container {} is paused, unpause the container before exec", name));
  if (state == "restarting") return fail(Code::kConflict, fmt::format("Container {} is restarting, wait until the container is running", id));
  return {};
}

Result<ExecConfig> read_config(const Call& call) {
  TRY_ASSIGN(Value body, as_bad_request(call.json_body()));
  TRY_ASSIGN(Value formed, wire_form<ExecConfig>(body));
  TRY_ASSIGN(auto config, api::decode_json_as<ExecConfig>(api::to_json(formed)));
  if (config.cmd.empty()) return fail(Code::kInvalidArgument, "No exec command specified");
  if (call.version < since::kExecEnv) config.env.clear();
  if (call.version < since::kExecWorkingDir) config.working_dir.clear();
  if (call.version < since::kConsoleSize || !config.tty) config.console_size.clear();
  if (!DetachKeys::parse(config.detach_keys)) return fail(apiserver::docker_error(500, fmt::format("Invalid escape keys ({}) provided", config.detach_keys)));
  return config;
}

// moby's codes for an exec that could not begin.
int exit_code_of(const Error& error, ApiVersion version) {
  if (version < since::kExecNotFound) return 126;
  const std::string& text = error.message();
  bool of_program = text.find("exec: \"") != std::string::npos;
  if (of_program && (text.find("executable file not found") != std::string::npos || text.find("no such file or directory") != std::string::npos)) return 127;
  if (text.find("permission denied") != std::string::npos || text.find("is a directory") != std::string::npos) return 126;
  return 126;
}

Result<Value> create_exec(Call& call) {
  TRY_ASSIGN(auto config, read_config(call));
  TRY_ASSIGN(auto container, find_container(call.engine, call.params[0]));
  TRY(check_running(*container, call.params[0]));
  auto instance = std::make_shared<ExecInstance>();
  instance->id = call.engine.random.hex(32);
  instance->container = container->metadata.name;
  instance->config = std::move(config);
  TRY(call.engine.execs.add(instance, call.engine.clock.now()));
  call.engine.events.add(container_event(*container, "exec_create: " + shown_command(instance->config.cmd), {{"execID", instance->id}}));
  return Value::object({{"Id", instance->id}});
}

// One start of an instance. Its program goes on when the client has gone.
struct Start : std::enable_shared_from_this<Start> {
  Start(Call call_, ExecPtr instance_, ContainerPtr container_)
      : call(std::move(call_)), engine(call.engine), instance(std::move(instance_)), container(std::move(container_)) {}

  Call call;
  Engine& engine;
  ExecPtr instance;
  ContainerPtr container;
  std::shared_ptr<ByteStream> client;  // when not detached
  bool detach = false;
  bool raw = false;  // as the start says, whatever the program has
  int width = 0, height = 0;
  // A client that sees its stream's end asks for the exit code at once.
  struct Told {
    bool over = false;
    std::move_only_function<void()> then;
  };
  Guarded<Told> told;

  Event event(std::string action, std::vector<std::pair<std::string, std::string>> more = {}) const {
    more.emplace_back("execID", instance->id);
    return container_event(*container, std::move(action), std::move(more));
  }

  apiserver::ContainerExec request() {
    const auto& config = instance->config;
    apiserver::ContainerExec out;
    out.target = target_of(*container);
    out.command = config.cmd;
    out.env = config.env;
    out.user = config.user;
    out.working_dir = config.working_dir;
    out.in = config.attach_stdin && !detach;
    out.out = config.attach_stdout && !detach;
    out.err = config.attach_stderr && !detach;
    out.tty = config.tty;
    out.framed = !raw;
    out.privileged = config.privileged;
    auto state = instance->state.lock();
    if (config.console_size.size() == 2) {
      out.height = static_cast<int>(config.console_size[0]);
      out.width = static_cast<int>(config.console_size[1]);
    }
    if (height > 0 || width > 0) {
      out.height = height;
      out.width = width;
    } else if (state->height > 0) {
      out.height = state->height;
      out.width = state->width;
    }
    out.started = [instance = instance](int pid) { instance->state.lock()->pid = pid; };
    return out;
  }

  // Docker takes the connection over before it starts the program.
  void take() {
    if (detach) return run();
    take_connection(call, raw, [self = shared_from_this()](std::shared_ptr<ByteStream> taken) {
      self->client = std::move(taken);
      self->run();
    });
  }

  void run() {
    engine.events.add(event("exec_start: " + shown_command(instance->config.cmd)));
    engine.nodes.exec(request(), [self = shared_from_this()](Result<apiserver::ContainerStreams> streams) {
      if (!streams) return self->failed(streams.error());
      self->started(std::move(*streams));
    });
  }

  void ended(int exit_code) {
    {
      auto state = instance->state.lock();
      state->running = false;
      state->exit_code = exit_code;
      state->ended = engine.clock.now();
      state->resize = nullptr;
    }
    engine.events.add(event("exec_die", {{"exitCode", std::to_string(exit_code)}}));
    std::move_only_function<void()> then;
    {
      auto end = told.lock();
      end->over = true;
      then = std::move(end->then);
    }
    if (then) then();
  }

  // The client reads the error where the output would be, and asks for the exit code.
  void failed(const Error& error) {
    ended(exit_code_of(error, call.version));
    if (detach) return call.error(error);
    auto [ours, theirs] = make_stream_pair(kMaxOutputRest);
    std::string text = error.message() + "\r\n";
    ours->write(raw ? text : frame(Channel::kStdout, text), [ours](Status) { ours->close_write(); });
    JoinOptions options;
    options.tty = instance->config.tty;
    join_client(std::move(client), nullptr, theirs, std::move(options), [](JoinEnd) {});
  }

  void started(apiserver::ContainerStreams streams) {
    int asked_width, asked_height;  // since the request was made
    {
      auto state = instance->state.lock();
      state->resize = streams.resize;
      asked_width = state->width;
      asked_height = state->height;
    }
    if (asked_width > 0 && streams.resize) streams.resize(asked_width, asked_height);
    auto output = streams.output;
    streams.ended([self = shared_from_this()](Result<int> code) { self->ended(code ? *code : 255); });
    if (detach) {
      if (output) output->close();
      return call.empty(200);
    }
    JoinOptions options;
    options.tty = instance->config.tty;
    options.ends_input = true;
    options.keys = *DetachKeys::parse(instance->config.detach_keys);
    options.hold_end = [self = shared_from_this()](std::move_only_function<void()> then) {
      {
        auto end = self->told.lock();
        if (!end->over) {
          end->then = std::move(then);
          return;
        }
      }
      then();
    };
    join_client(std::move(client), std::move(streams.input), std::move(output), std::move(options), [self = shared_from_this()](JoinEnd how) {
      if (how == JoinEnd::kDetached) self->engine.events.add(self->event("exec_detach"));
    });
  }
};

Status begin(const std::shared_ptr<Start>& start) {
  TRY_ASSIGN(Value body, as_bad_request(start->call.json_body()));
  TRY_ASSIGN(Value formed, wire_form<api::dockerv1::ExecStart>(body));
  TRY(check_running(*start->container, start->container->metadata.name));
  start->detach = formed.find("Detach")->bool_or(false);
  start->raw = formed.find("Tty")->bool_or(false);
  const Value* size = formed.find("ConsoleSize");
  if (size && start->call.version >= since::kConsoleSize && start->instance->config.tty) {
    start->height = static_cast<int>(size->items()[0].int_or(0));
    start->width = static_cast<int>(size->items()[1].int_or(0));
  }
  auto state = start->instance->state.lock();
  if (state->exit_code) return fail(Code::kConflict, fmt::format("Error: Exec command {} has already run", start->instance->id));
  if (state->started) return fail(Code::kConflict, fmt::format("Error: Exec command {} is already running", start->instance->id));
  state->started = state->running = true;
  return {};
}

}  // namespace

void container_exec_create(Call call) {
  auto answer = create_exec(call);
  if (!answer) return call.error(answer.error());
  call.json(201, std::move(*answer));
}

void exec_start(Call call) {
  if (auto body = as_bad_request(call.json_body()); !body) return call.error(body.error());  // comes before the instance is looked for
  auto instance = call.engine.execs.find(call.params[0]);
  if (!instance) return call.error(instance.error());
  auto container = find_container(call.engine, (*instance)->container);
  if (!container) return call.error(container.error());
  auto start = std::make_shared<Start>(std::move(call), *instance, *container);
  if (auto good = begin(start); !good) return start->call.error(good.error());
  start->take();
}

void exec_resize(Call call) {
  auto size = call.terminal_size();
  if (!size) return call.error(size.error());
  auto [height, width] = *size;
  auto instance = call.engine.execs.find(call.params[0]);
  if (!instance) return call.error(instance.error());
  std::function<void(int, int)> resize;
  {
    auto state = (*instance)->state.lock();
    state->height = height;
    state->width = width;
    resize = state->resize;
  }
  if (resize) resize(width, height);
  call.empty(200);
}

void exec_inspect(Call call) {
  auto instance = call.engine.execs.find(call.params[0]);
  if (!instance) return call.error(instance.error());
  const auto& config = (*instance)->config;
  Value arguments = Value::array();
  for (size_t i = 1; i < config.cmd.size(); ++i) arguments.push_back(config.cmd[i]);
  Value process = Value::object({{"tty", config.tty}, {"entrypoint", config.cmd[0]}, {"arguments", std::move(arguments)}, {"privileged", config.privileged}});
  if (!config.user.empty()) process.set("user", config.user);
  auto state = (*instance)->state.lock();
  call.json(200,
            Value::object({{"ID", (*instance)->id},
                           {"Running", state->running},
                           {"ExitCode", state->exit_code ? Value(*state->exit_code) : Value()},
                           {"ProcessConfig", std::move(process)},
                           {"OpenStdin", config.attach_stdin},
                           {"OpenStderr", config.attach_stderr},
                           {"OpenStdout", config.attach_stdout},
                           {"CanRemove", false},
                           {"ContainerID", (*instance)->container},
                           {"DetachKeys", config.detach_keys},
                           {"Pid", state->pid}}),
            "exec.inspect");
}

}  // namespace reigen::docker
