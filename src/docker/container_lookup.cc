#include "docker/container_lookup.h"

#include <fmt/core.h>

#include <algorithm>

#include "api/docker_names.h"
#include "api/json.h"
#include "docker/pod_containers.h"

namespace reigen::docker {

using api::dockerv1::Container;
using api::dockerv1::Network;

namespace {

// The one object whose name begins so; null when there is none.
template <class T>
Result<std::shared_ptr<const T>> find_prefix(const client::Informer<T>& informer, std::string_view prefix) {
  std::shared_ptr<const T> found;
  if (prefix.empty() || prefix.size() > 64) return found;
  for (const auto& each : informer.list()) {
    if (!std::string_view(each->metadata.name).starts_with(prefix)) continue;
    if (found) return fail(Code::kInvalidArgument, fmt::format("Multiple IDs found with provided prefix: {}", prefix));
    found = each;
  }
  return found;
}

}  // namespace

Result<ContainerPtr> find_container(const Engine& engine, std::string_view name) {
  std::string_view bare = name.starts_with("/") ? name.substr(1) : name;
  if (bare.empty()) return fail(Code::kInvalidArgument, "invalid name or ID supplied: \"\"");
  if (api::is_docker_id(bare)) {
    if (auto found = engine.containers.get("", bare)) return found;
  }
  if (auto named = engine.containers.by_index(kByDockerName, bare); !named.empty()) return named[0];
  TRY_ASSIGN(auto found, find_prefix(engine.containers, bare));
  if (found) return found;
  for (auto& container : pod_containers(engine)) {
    if (container->spec.docker_name != bare && !std::string_view(container->metadata.name).starts_with(bare)) continue;
    if (found) return fail(Code::kInvalidArgument, fmt::format("Multiple IDs found with provided prefix: {}", bare));
    found = std::move(container);
  }
  if (!found) return fail(Code::kNotFound, fmt::format("No such container: {}", name));
  return found;
}

Result<std::shared_ptr<const Network>> find_network(const Engine& engine, std::string_view name) {
  if (api::is_docker_id(name)) {
    if (auto found = engine.networks.get("", name)) return found;
  }
  for (const auto& each : engine.networks.list()) {
    if (each->spec.docker_name == name || (name == "default" && each->spec.docker_name == "bridge")) return each;
  }
  auto found = find_prefix(engine.networks, name);
  if (!found) return fail(Code::kInvalidArgument, fmt::format("network {} is ambiguous ({} matches found based on ID prefix)", name, 2));
  if (!*found) return fail(Code::kNotFound, fmt::format("network {} not found", name));
  return *found;
}

Result<ContainerPtr> find_shareable(const Engine& engine, std::string_view name) {
  TRY_ASSIGN(auto found, find_container(engine, name));
  TRY(check_shareable(*found));
  return found;
}

Result<ContainerPtr> find_changeable(const Engine& engine, std::string_view name) {
  TRY_ASSIGN(auto found, find_container(engine, name));
  TRY(check_changeable(*found));
  return found;
}

apiserver::ContainerTarget target_of(const Container& container) {
  if (const auto* owner = container.metadata.annotations.get(kPodContainerAnnotation)) {
    std::vector<std::string> parts;
    for (std::string_view rest = *owner; parts.size() < 4;) {
      std::string_view part = rest.substr(0, rest.find('/'));
      rest.remove_prefix(std::min(rest.size(), part.size() + 1));
      parts.emplace_back(part);
    }
    const std::string& node = container.spec.node_name;
    return {.node = node,
            .id = {},
            .pod = {.node = node, .namespace_ = parts[0], .name = parts[1], .uid = parts[2]},
            .container = parts[3],
            .runtime_id = container.metadata.name};
  }
  return {.node = container.spec.node_name, .id = container.metadata.name, .pod = {}, .container = {}, .runtime_id = {}};
}

bool has_process(const Container& container) { return container.status.state == "running" || container.status.state == "paused"; }
bool is_running(const Container& container) { return has_process(container) || container.status.state == "restarting"; }

api::dockerv1::Config config_of(const Container& container) {
  return api::decode_json_as<api::dockerv1::Config>(container.spec.config.raw).value_or(api::dockerv1::Config());
}

api::dockerv1::HostConfig host_config_of(const Container& container) {
  return api::decode_json_as<api::dockerv1::HostConfig>(container.spec.host_config.raw).value_or(api::dockerv1::HostConfig());
}

}  // namespace reigen::docker
