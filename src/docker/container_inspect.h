// What inspect and the list show of a container. Pure but for the engine's informers.
#pragma once

#include <optional>

#include "api/value.h"
#include "apiserver/node_containers.h"
#include "docker/call.h"
#include "docker/container_lookup.h"

namespace reigen::docker {

struct InspectSizes {
  uint64_t writable = 0, root = 0;
};
// As of API 1.50 (bring_down does the rest), but for what only depends on the version here: Aliases.
api::Value inspect_container(Engine& engine, const api::dockerv1::Container& container, const apiserver::ContainerDetails& details,
                             std::optional<InspectSizes> sizes, ApiVersion version);

// NetworkSettings.Networks; of the list with `summary`, which leaves names out.
api::Value endpoint_settings(const api::dockerv1::Container& container, ApiVersion version, bool summary);
// "80/tcp" → null or [{HostIp, HostPort}]; {} when it does not run.
api::Value port_map(const api::dockerv1::Container& container);
// The Mounts of both.
api::Value mount_points(const Engine& engine, const api::dockerv1::Container& container);
// Where a volume's data is on the host; empty when it is not there.
std::string volume_path(const Engine& engine, std::string_view docker_name);

}  // namespace reigen::docker
