// POST /containers/x/wait
#include <fmt/core.h>

#include "docker/container_handlers.h"
#include "docker/container_lookup.h"
#include "docker/go_json.h"
#include "docker/version_table.h"

namespace reigen::docker {

namespace {

enum class Condition { kNotRunning, kNextExit, kRemoved };

Result<Condition> read_condition(const Call& call) {
  std::string_view text = call.version < since::kWaitCondition ? std::string_view() : call.arg("condition");
  if (text == "next-exit") return Condition::kNextExit;
  if (text == "removed") return Condition::kRemoved;
  if (text.empty() || text == "not-running" || call.version < since::kBadWaitCondition) return Condition::kNotRunning;
  return fail(Code::kInvalidArgument, fmt::format("invalid condition: \"{}\"", text));
}

// One client that waits. From 1.30 on the head leaves at once, so that who waits knows it is waited.
struct Wait : std::enable_shared_from_this<Wait> {
  Wait(Call call_, ContainerPtr container_) : call(std::move(call_)), container(std::move(container_)) {}

  Call call;
  ContainerPtr container;
  int32_t exit_code = 0;
  bool streamed = false;

  bool is_over(Condition condition, const ContainerPtr& now) {
    if (now) exit_code = now->status.exit_code;
    switch (condition) {
      case Condition::kNotRunning: return !now || !is_running(*now) || now->status.exits > container->status.exits;  // the policy may start it again
      case Condition::kNextExit: return !now || now->status.exits > container->status.exits || now->status.run_number > container->status.run_number + 1;
      case Condition::kRemoved: return !now;
    }
    return true;
  }

  void run(Condition condition) {
    if (call.version >= since::kWaitCondition) {
      streamed = true;
      call.responder->start(200, answer_headers("application/json"));
    }
    auto id = call.engine.waits.until(
        container->metadata.name, [self = shared_from_this(), condition](const ContainerPtr& now) { return self->is_over(condition, now); },
        [self = shared_from_this()](Result<ContainerPtr> waited) { self->answer(waited); });
    call.responder->on_close([&waits = call.engine.waits, id] { waits.cancel(id); });
  }

  void answer(const Result<ContainerPtr>& waited) {
    api::Value out = api::Value::object({{"StatusCode", exit_code}});
    if (!waited) {
      out.set("Error", api::Value::object({{"Message", waited.error().message()}}));
    } else if (call.version >= since::kWaitCondition && call.version < since::kNoWaitError) {
      out.set("Error", api::Value());
    }
    if (!streamed) return call.json(200, std::move(out));
    call.responder->write(go_json(out));
    call.responder->finish();
  }
};

}  // namespace

void container_wait(Call call) {
  auto condition = read_condition(call);
  if (!condition) return call.error(condition.error());
  auto container = find_container(call.engine, call.params[0]);
  if (!container) return call.error(container.error());
  std::make_shared<Wait>(std::move(call), *container)->run(*condition);
}

}  // namespace reigen::docker
