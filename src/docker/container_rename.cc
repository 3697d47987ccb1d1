// POST /containers/x/rename
#include <fmt/core.h>

#include "api/docker_names.h"
#include "docker/container_handlers.h"
#include "docker/container_lookup.h"
#include "docker/object_writes.h"

namespace reigen::docker {

namespace {

Status rename(Call& call) {
  std::string_view given = call.arg("name");
  TRY_ASSIGN(auto container, find_changeable(call.engine, call.params[0]));
  if (given.empty()) return fail(Code::kInvalidArgument, "Neither old nor new names may be empty");
  std::string name(given.starts_with("/") ? given.substr(1) : given);
  std::string old = container->spec.docker_name;
  if (name == old) return fail(Code::kInvalidArgument, "Renaming a container with the same name as its current name");
  if (!api::is_docker_name(name)) {
    return fail(Code::kInvalidArgument,
                fmt::format("Error when allocating new name: Invalid container name (/{}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name));
  }
  const std::string id = container->metadata.name;
  if (auto claimed = claim_name(call.engine, "Container", name, id); !claimed) {
    if (claimed.error().code() != Code::kAlreadyExists) return claimed;
    return fail(name_conflict(name, claimed.error().message()).context("Error when allocating new name"));
  }
  auto hold = call.engine.container_events.hold(id);
  auto changed = change_container(call.engine, id, [&](api::dockerv1::Container& object) -> Result<bool> {
    object.spec.docker_name = name;
    return true;
  });
  if (!changed) {
    release_name(call.engine, "Container", name);
    return fail(changed.error());
  }
  release_name(call.engine, "Container", old);
  call.engine.events.add(container_event(**changed, "rename", {{"oldName", "/" + old}}));
  wait_seen(call.engine, call.engine.containers.untyped(), (*changed)->metadata.resource_version);
  return {};
}

}  // namespace

void container_rename(Call call) {
  if (auto done = rename(call); !done) return call.error(done.error());
  call.empty(204);
}

}  // namespace reigen::docker
