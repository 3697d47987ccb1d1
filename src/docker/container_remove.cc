// DELETE /containers/x
#include <fmt/core.h>

#include "api/docker_names.h"
#include "api/errors.h"
#include "apiserver/docker_error.h"
#include "docker/container_handlers.h"
#include "docker/container_remove.h"
#include "docker/object_writes.h"
#include "docker/run_control.h"
#include "docker/version_table.h"

namespace reigen::docker {

namespace {

using api::dockerv1::Container;

void remove_volumes(Engine& engine, const Container& container) {
  const bool told = host_config_of(container).auto_remove;  // with the container's own end
  for (const auto& mount : container.spec.mounts) {
    if (mount.type != "volume" || !mount.anonymous) continue;
    bool used = false;
    for (const auto& other : engine.containers.list()) {
      if (other->metadata.name == container.metadata.name) continue;
      for (const auto& theirs : other->spec.mounts) used = used || theirs.name == mount.name;
    }
    if (used) continue;
    if (engine.client.remove<api::dockerv1::Volume>("", api::volume_object_name(mount.name)) && !told)
      engine.events.add({.type = "volume", .action = "destroy", .id = mount.name, .attributes = {{"driver", "local"}}});
  }
}

// `name`: "parent/alias", as the linked container is called beside its own name.
Status remove_link(Engine& engine, const std::string& name) {
  size_t slash = name.find('/', 1);
  if (slash == std::string::npos) {
    TRY(find_container(engine, name));
    return fail(apiserver::docker_error(500, "Conflict, cannot remove the default link name of the container"));
  }
  auto parent = find_changeable(engine, name.substr(0, slash));
  auto unknown = [&] { return fail(Code::kNotFound, fmt::format("No such container: {}", name)); };
  if (!parent && parent.error().code() == Code::kNotFound) return unknown();
  if (!parent) return fail(parent.error());
  std::string end = ":" + name.substr(slash + 1);
  TRY(change_container(engine, (*parent)->metadata.name, [&](Container& object) -> Result<bool> {
    size_t gone = 0;
    for (auto& request : object.spec.networks) gone += std::erase_if(request.links, [&](const std::string& link) { return link.ends_with(end); });
    if (gone == 0) return unknown();
    return true;
  }));
  return {};
}

}  // namespace

Status delete_container(Engine& engine, const Container& container, bool volumes) {
  auto hold = engine.container_events.hold(container.metadata.name);            // its volumes' end is told before its own
  const bool volumes_first = volumes && host_config_of(container).auto_remove;  // somebody may wait for its removal
  if (volumes_first) remove_volumes(engine, container);
  auto removed = engine.client.remove<Container>("", container.metadata.name, {.uid = container.metadata.uid});
  if (!removed && !api::is_not_found(removed.error())) return fail(removed.error().context("removing container " + container.metadata.name));
  release_name(engine, "Container", container.spec.docker_name);
  if (volumes && !volumes_first) remove_volumes(engine, container);
  return {};
}

void remove_container(Engine& engine, const ContainerPtr& container, bool force, bool volumes, RunDone done) {
  const std::string& id = container->metadata.name;
  auto wait_gone = [&engine, id](RunDone tell) {
    engine.waits.until(
        id, [](const ContainerPtr& now) { return !now; }, [tell = std::move(tell)](Result<ContainerPtr>) mutable { tell({}); }, std::chrono::seconds(10));
  };
  if (!is_running(*container)) {
    auto deleted = delete_container(engine, *container, volumes);
    if (!deleted) return done(std::move(deleted));
    return wait_gone(std::move(done));
  }
  if (!force) {
    const char* hint = container->status.state == "paused"
                           ? "You cannot remove a paused container {}. Unpause and then stop the container before attempting removal or force remove"
                       : container->status.state == "restarting"
                           ? "You cannot remove a restarting container {}. Stop the container before attempting removal or force remove"
                           : "You cannot remove a running container {}. Stop the container before attempting removal or force remove";
    return done(fail(Code::kConflict, fmt::format(fmt::runtime(hint), id)));
  }
  if (has_process(*container)) engine.events.add(container_event(*container, "kill", {{"signal", "9"}}));
  end_run(engine, *container, {.grace_seconds = 0, .signal = "SIGKILL"},
          [&engine, container, volumes, wait_gone, done = std::move(done)](Status ended) mutable {
            if (!ended) return done(std::move(ended));
            // The informer's strand must not block on the API.
            engine.work.post([&engine, container, volumes, wait_gone, done = std::move(done)]() mutable {
              auto deleted = delete_container(engine, *container, volumes);
              if (!deleted) return done(std::move(deleted));
              wait_gone(std::move(done));
            });
          });
}

void container_remove(Call call) {
  if (call.flag("link")) {
    auto gone = remove_link(call.engine, call.params[0]);
    return gone ? call.empty(204) : call.error(gone.error());
  }
  auto container = find_changeable(call.engine, call.params[0]);
  if (!container) return call.error(container.error());
  bool force = call.flag("force");
  bool volumes = call.flag("v");
  Engine& engine = call.engine;
  // A client that old removes its container itself and takes "destroy" for the end of everything, the request under way included.
  std::optional<ContainerEvents::Hold> hold;
  if (call.version < since::kAutoRemove) hold.emplace(engine.container_events.hold((*container)->metadata.name));
  auto shared = std::make_shared<Call>(std::move(call));
  remove_container(engine, *container, force, volumes, [shared, hold = std::move(hold)](Status status) mutable {
    if (!status) return shared->error(status.error());
    shared->empty(204);
    hold.reset();
  });
}

}  // namespace reigen::docker
