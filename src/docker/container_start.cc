// POST /containers/x/start
#include <fmt/core.h>

#include "apiserver/docker_error.h"
#include "docker/container_handlers.h"
#include "docker/run_control.h"

namespace reigen::docker {

void container_start(Call call) {
  // Docker takes the few bytes some clients send for "nothing".
  if (call.request->body.size() > 7) {
    return call.error(Error(Code::kInvalidArgument, "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24"));
  }
  auto container = find_changeable(call.engine, call.params[0]);
  if (!container) return call.error(container.error());
  if (!call.arg("checkpoint").empty() || !call.arg("checkpoint-dir").empty())
    return call.error(Error(Code::kInvalidArgument, "checkpoint is only supported in experimental mode"));
  const std::string& state = (*container)->status.state;
  if (state == "paused") return call.error(Error(Code::kConflict, "cannot start a paused container, try unpause instead"));
  if (is_running(**container)) return call.empty(304);
  if (state == "dead" || (*container)->metadata.deletion_timestamp.has_value())
    return call.error(Error(Code::kConflict, "container is marked for removal and cannot be started"));
  Engine& engine = call.engine;
  auto shared = std::make_shared<Call>(std::move(call));
  begin_run(engine, **container, std::nullopt, [shared](Status status) {
    if (!status) return shared->error(status.error());
    shared->empty(204);
  });
}

}  // namespace reigen::docker
