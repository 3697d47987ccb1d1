// POST /containers/x/pause and unpause
#include <fmt/core.h>

#include "apiserver/docker_error.h"
#include "docker/container_handlers.h"
#include "apiserver/node_containers.h"
#include "docker/container_lookup.h"

namespace reigen::docker {

namespace {

Status check(const api::dockerv1::Container& container, bool pause) {
  const std::string& id = container.metadata.name;
  const std::string& state = container.status.state;
  if (!pause) {
    if (state != "paused") return fail(apiserver::docker_error(500, fmt::format("Container {} is not paused", id)));
    return {};
  }
  if (!is_running(container)) return fail(Code::kConflict, fmt::format("Container {} is not running", id));
  if (state == "paused") return fail(Code::kConflict, fmt::format("Container {} is already paused", id));
  if (state == "restarting") return fail(Code::kConflict, fmt::format("Container {} is restarting, wait until the container is running", id));
  return {};
}

void freeze(Call call, bool pause) {
  auto container = find_changeable(call.engine, call.params[0]);
  if (!container) return call.error(container.error());
  if (auto good = check(**container, pause); !good) return call.error(good.error());
  Engine& engine = call.engine;
  auto shared = std::make_shared<Call>(std::move(call));
  engine.nodes.pause(target_of(**container), pause, [shared, pause, id = (*container)->metadata.name](Status status) {
    if (!status) return shared->error(status.error());
    // The status is stored; our own informer may be behind.
    shared->engine.waits.until(
        id, [pause](const ContainerPtr& now) { return !now || (now->status.state == "paused") == pause; },
        [shared](Result<ContainerPtr>) { shared->empty(204); }, std::chrono::seconds(5));
  });
}

}  // namespace

void container_pause(Call call) { freeze(std::move(call), true); }
void container_unpause(Call call) { freeze(std::move(call), false); }

}  // namespace reigen::docker
