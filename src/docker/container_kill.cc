// POST /containers/x/kill
#include <fmt/core.h>

#include <charconv>
#include <csignal>

#include "docker/container_handlers.h"
#include "apiserver/node_containers.h"
#include "docker/container_lookup.h"
#include "docker/create_checks.h"
#include "docker/object_writes.h"
#include "docker/run_control.h"
#include "docker/error_answer.h"

namespace reigen::docker {

namespace {

using api::dockerv1::Container;

constexpr Duration kKillLimit = std::chrono::seconds(10);
constexpr int kLastSignal = 64;

std::optional<int> parse_number(std::string_view text) {
  int number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number > 0 ? std::optional(number) : std::nullopt;
}

struct Kill : std::enable_shared_from_this<Kill> {
  Kill(Call call_, ContainerPtr container_, int signal_)
      : call(std::move(call_)), container(std::move(container_)), signal(signal_), hold(call.engine.container_events.hold(container->metadata.name)) {}

  Call call;
  ContainerPtr container;
  const int signal;
  ContainerEvents::Hold hold;

  // moby's killWithSignal: the policy does not act on an end the user asked for.
  bool ends_it() const {
    if (signal == SIGKILL) return true;
    auto config = config_of(*container);
    return config.stop_signal.empty() || parse_signal(config.stop_signal) == signal;
  }

  Status note_wish() {
    auto policy = host_config_of(*container).restart_policy.name;
    if (policy.empty() || policy == "no") return {};
    TRY(change_container(call.engine, container->metadata.name, [&](Container& object) -> Result<bool> {
      bool exit = object.spec.run.exit_on_next || ends_it();
      if (object.spec.run.stopped_by_user && object.spec.run.exit_on_next == exit) return false;
      object.spec.run.stopped_by_user = true;
      object.spec.run.exit_on_next = exit;
      return true;
    }));
    return {};
  }

  void run() {
    if (auto noted = note_wish(); !noted) return call.error(noted.error());
    if (container->status.state == "restarting") return end_restarts();
    call.engine.nodes.kill(target_of(*container), signal, [self = shared_from_this()](Status status) { self->killed(std::move(status)); });
  }

  // There is no process; that it does not start again is enough.
  void end_restarts() {
    if (!ends_it()) return call.empty(204);
    end_run(call.engine, *container, {.grace_seconds = 0, .signal = "SIGKILL"}, [self = shared_from_this()](Status status) {
      if (!status) return self->call.error(status.error());
      self->call.empty(204);
    });
  }

  void killed(Status status) {
    if (!status)
      return call.error(
          Error(status.error().code(), fmt::format("Cannot kill container: {}: {}", call.params[0], status.error().message()), status.error().detail()));
    call.engine.events.add(container_event(*container, "kill", {{"signal", std::to_string(signal)}}));
    hold.release();
    if (container->status.state == "paused" && ends_it()) {
      return call.engine.nodes.pause(target_of(*container), false, [self = shared_from_this()](Status) { self->wait_end(); });
    }
    wait_end();
  }

  void wait_end() {
    if (signal != SIGKILL) return call.empty(204);
    int64_t exits = container->status.exits;
    call.engine.waits.until(
        container->metadata.name, [exits](const ContainerPtr& now) { return !now || now->status.exits > exits || !is_running(*now); },
        [self = shared_from_this()](Result<ContainerPtr>) { self->call.empty(204); }, kKillLimit);
  }
};

}  // namespace

void container_kill(Call call) {
  std::string text(call.arg("signal"));
  int signal = SIGKILL;
  if (!text.empty()) {
    auto parsed = parse_signal(text);
    if (!parsed) parsed = parse_number(text);
    if (!parsed) return call.error(Error(Code::kInvalidArgument, "Invalid signal: " + text));
    signal = *parsed;
  }
  auto cannot = [&call](const Error& error) {
    call.error(Error(error.code(), fmt::format("Cannot kill container: {}: {}", call.params[0], error.message()), error.detail()));
  };
  auto container = find_changeable(call.engine, call.params[0]);
  if (!container) return cannot(container.error());
  if (signal > kLastSignal) return cannot(unreadable(fmt::format("The linux daemon does not support signal {}", signal)));
  const std::string& id = (*container)->metadata.name;
  if (!is_running(**container)) {
    return cannot(Error(Code::kConflict, fmt::format("Container {} is not running", id)));
  }
  std::make_shared<Kill>(std::move(call), *container, signal)->run();
}

}  // namespace reigen::docker
