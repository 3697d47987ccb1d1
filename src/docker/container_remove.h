// Removing a container, for DELETE and for prune.
#pragma once

#include "docker/object_writes.h"
#include "docker/run_control.h"

namespace reigen::docker {

// The Container and its name's claim; `volumes`: its anonymous ones too. Blocks on the API.
Status delete_container(Engine& engine, const api::dockerv1::Container& container, bool volumes);
// As DELETE /containers/x: a running one needs `force`. Blocks on the API first; `done` runs once, on any thread.
void remove_container(Engine& engine, const ContainerPtr& container, bool force, bool volumes, RunDone done);

}  // namespace reigen::docker
