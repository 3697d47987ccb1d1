// From what a client calls a container to the container.
#pragma once

#include <string>
#include <string_view>

#include "apiserver/node_containers.h"
#include "docker/engine.h"

namespace reigen::docker {

// By full id, full name (a slash before it is fine) or a prefix of ids that only one has; pods' containers too. "No such container: x" (404), "Multiple IDs
// found …" (400).
Result<ContainerPtr> find_container(const Engine& engine, std::string_view name);
// The same for a verb that changes it: a pod's container is refused (409).
Result<ContainerPtr> find_changeable(const Engine& engine, std::string_view name);
// The same for one whose namespaces, volumes or name another is to have (409 likewise).
Result<ContainerPtr> find_shareable(const Engine& engine, std::string_view name);
// The same for networks: by full id, name, prefix. "network x not found".
Result<std::shared_ptr<const api::dockerv1::Network>> find_network(const Engine& engine, std::string_view name);

// How the node is asked about it.
apiserver::ContainerTarget target_of(const api::dockerv1::Container& container);

bool is_running(const api::dockerv1::Container& container);   // as Docker says it: running, paused, restarting
bool has_process(const api::dockerv1::Container& container);  // running or paused

// Reads Config and HostConfig as they are stored; what cannot be read is empty (the API checked them).
api::dockerv1::Config config_of(const api::dockerv1::Container& container);
api::dockerv1::HostConfig host_config_of(const api::dockerv1::Container& container);

}  // namespace reigen::docker
