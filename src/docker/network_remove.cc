// DELETE /networks/x, POST /networks/prune
#include <fmt/core.h>

#include <algorithm>

#include "api/errors.h"
#include "apiserver/docker_error.h"
#include "docker/container_lookup.h"
#include "docker/network_handlers.h"
#include "docker/network_requests.h"
#include "docker/object_writes.h"
#include "docker/prune_filter.h"
#include "docker/status_text.h"

namespace reigen::docker {

namespace {

using api::dockerv1::Network;

bool is_configuration_of_any(const Engine& engine, const std::string& name) {
  return std::ranges::any_of(engine.networks.list(), [&](const auto& other) { return other->spec.config_from == name; });
}

Status remove(Engine& engine, const Network& network) {
  const auto& spec = network.spec;
  const auto& name = spec.docker_name;
  if (is_predefined_network(name)) return fail(apiserver::docker_error(403, fmt::format("{} is a pre-defined network and cannot be removed", name)));
  if (!containers_on(engine, network.metadata.name).empty()) {
    return fail(apiserver::docker_error(403, fmt::format("error while removing network: network {} id {} has active endpoints", name, network.metadata.name)));
  }
  if (spec.config_only && is_configuration_of_any(engine, name))
    return fail(apiserver::docker_error(403, fmt::format("error while removing network: configuration network \"{}\" is in use", name)));
  auto removed = engine.client.remove<Network>("", network.metadata.name, {.uid = network.metadata.uid});
  if (!removed && !api::is_not_found(removed.error())) return fail(plain_error(removed.error(), "network " + name));
  release_name(engine, "Network", name);
  engine.events.add(network_event(network, "destroy"));
  wait_gone(engine, engine.networks.untyped(), network.metadata.name);
  return {};
}

}  // namespace

void network_remove(Call call) {
  auto network = find_network(call.engine, call.params[0]);
  if (!network) return call.error(network.error());
  if (auto done = remove(call.engine, **network); !done) return call.error(done.error());
  call.empty(204);
}

void network_prune(Call call) {
  auto filter = PruneFilter::parse(call.arg("filters"), call.engine.clock.wall());
  if (!filter) return call.error(filter.error());
  api::Value deleted;
  for (const auto& network : call.engine.networks.list()) {
    const auto& spec = network->spec;
    if (is_predefined_network(spec.docker_name) || spec.config_only || !filter->wants_labels(spec.labels)) continue;
    if (!filter->wants_time(parse_time(spec.created).value_or(WallTime{}))) continue;
    if (remove(call.engine, *network)) deleted.push_back(spec.docker_name);
  }
  call.engine.events.add({.type = "network", .action = "prune", .id = "", .attributes = {{"reclaimed", "0"}}});
  call.json(200, api::Value::object({{"NetworksDeleted", std::move(deleted)}}));
}

}  // namespace reigen::docker
