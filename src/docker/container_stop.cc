// POST /containers/x/stop
#include "docker/container_handlers.h"
#include "docker/create_checks.h"
#include "docker/run_control.h"
#include "docker/version_table.h"

namespace reigen::docker {

namespace {

Result<StopWish> read_wish(const Call& call) {
  StopWish wish;
  TRY_ASSIGN(int64_t seconds, call.number("t", 0));
  if (!call.arg("t").empty()) wish.grace_seconds = seconds;
  if (call.version < since::kStopSignal) return wish;
  wish.signal = call.arg("signal");
  if (!wish.signal.empty() && !parse_signal(wish.signal)) return fail(Code::kInvalidArgument, "invalid signal: " + wish.signal);
  return wish;
}

void stop_now(const std::shared_ptr<Call>& call, const ContainerPtr& container, const StopWish& wish) {
  tell_signals(call->engine, *container, wish);
  end_run(call->engine, *container, wish, [call, container](Status status) {
    if (!status) return call->error(status.error());
    call->engine.events.add(container_event(*container, "stop"));
    call->empty(204);
  });
}

// A restart's: behind what the end means, before the next start.
void tell_stop(Engine& engine, const ContainerPtr& container) {
  engine.waits.until(
      container->metadata.name, [exits = container->status.exits](const ContainerPtr& now) { return !now || now->status.exits > exits || !is_running(*now); },
      [&engine, container](const Result<ContainerPtr>& waited) {
        if (waited) engine.events.add(container_event(*container, "stop"));
      });
}

}  // namespace

void container_stop(Call call) {
  auto container = find_changeable(call.engine, call.params[0]);
  if (!container) return call.error(container.error());
  auto wish = read_wish(call);
  if (!wish) return call.error(wish.error());
  if (!is_running(**container)) return call.empty(304);
  stop_now(std::make_shared<Call>(std::move(call)), *container, *wish);
}

void container_restart(Call call) {
  auto container = find_changeable(call.engine, call.params[0]);
  if (!container) return call.error(container.error());
  auto wish = read_wish(call);
  if (!wish) return call.error(wish.error());
  Engine& engine = call.engine;
  tell_signals(engine, **container, *wish);
  if (is_running(**container)) tell_stop(engine, *container);
  auto shared = std::make_shared<Call>(std::move(call));
  begin_run(engine, **container, *wish, [shared, container = *container](Status status) {
    if (!status) return shared->error(Error(status.error()).context("Cannot restart container " + shared->params[0]));
    shared->engine.events.add(container_event(*container, "restart"));
    shared->empty(204);
  });
}

}  // namespace reigen::docker
