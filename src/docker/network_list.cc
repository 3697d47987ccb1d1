// GET /networks and /networks/x
#include <fmt/core.h>

#include "docker/container_lookup.h"
#include "docker/filters.h"
#include "docker/network_checks.h"
#include "docker/network_handlers.h"
#include "docker/network_requests.h"
#include "docker/version_table.h"
#include "docker/error_answer.h"

namespace reigen::docker {

using api::Value;
using api::dockerv1::Network;

namespace {

Value strings_map(const api::Map<std::string>& map) {
  Value out = Value::object();
  for (const auto& [name, value] : map) out.set(name, value);
  return out;
}

Value ipam_of(const Network& network) {
  Value pools = Value::array();
  for (const auto& pool : network.spec.pools) {
    Value shown = Value::object({{"Subnet", pool.subnet}});
    if (!pool.ip_range.empty()) shown.set("IPRange", pool.ip_range);
    if (!pool.gateway.empty()) shown.set("Gateway", pool.gateway);
    if (!pool.reserved.empty()) shown.set("AuxiliaryAddresses", strings_map(pool.reserved));
    pools.push_back(std::move(shown));
  }
  return Value::object(
      {{"Driver", network.spec.ipam_driver.empty() ? "default" : std::string_view(network.spec.ipam_driver)},
       {"Options",
        network.spec.ipam_options.empty() && !network.metadata.annotations.contains(kIpamOptionsGiven) ? Value() : strings_map(network.spec.ipam_options)},
       {"Config", std::move(pools)}});
}

std::string with_length(const std::string& address, int32_t length) { return address.empty() ? "" : fmt::format("{}/{}", address, length); }

Value containers_of(const Engine& engine, const Network& network) {
  Value out = Value::object();
  for (const auto& container : containers_on(engine, network.metadata.name)) {
    for (const auto& endpoint : container->status.networks) {
      if (endpoint.network_id != network.metadata.name) continue;
      out.set(container->metadata.name, Value::object({{"Name", container->spec.docker_name},
                                                       {"EndpointID", endpoint.endpoint_id},
                                                       {"MacAddress", endpoint.mac_address},
                                                       {"IPv4Address", with_length(endpoint.ip_address, endpoint.ip_prefix_len)},
                                                       {"IPv6Address", with_length(endpoint.ipv6_address, endpoint.ipv6_prefix_len)}}));
    }
  }
  return out;
}

Status check_values(const Filters& filters) {
  TRY(filters.check({"driver", "type", "name", "id", "label", "scope", "dangling", "idOrName"}));
  for (const auto& type : filters.values("type")) {
    if (type != "builtin" && type != "custom") return fail(unreadable(fmt::format("invalid filter: 'type'='{}'", type)));
  }
  const auto& dangling = filters.values("dangling");
  if (dangling.size() > 1) return fail(Code::kInvalidArgument, "got more than one value for filter key \"dangling\"");
  if (!filters.boolean("dangling", false))
    return fail(Code::kInvalidArgument, R"(invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0"))");
  return {};
}

bool wants(const Engine& engine, const Filters& filters, const Network& network) {
  const auto& spec = network.spec;
  bool builtin = is_predefined_network(spec.docker_name);
  if (!filters.exact("driver", spec.driver) || !filters.pattern("name", spec.docker_name) || !filters.pattern("id", network.metadata.name)) return false;
  if (!filters.labels("label", spec.labels) || !filters.exact("scope", "local")) return false;
  if (filters.has("idOrName") && !filters.pattern("idOrName", spec.docker_name) && !filters.pattern("idOrName", network.metadata.name)) return false;
  if (filters.has("dangling")) {
    bool unused = !builtin && containers_on(engine, network.metadata.name).empty();
    if (unused != *filters.boolean("dangling", false)) return false;
  }
  return filters.exact("type", builtin ? "builtin" : "custom");
}

}  // namespace

std::vector<ContainerPtr> containers_on(const Engine& engine, const std::string& network_id) {
  std::vector<ContainerPtr> out;
  for (const auto& container : engine.containers.list()) {
    if (!has_process(*container)) continue;
    for (const auto& endpoint : container->status.networks) {
      if (endpoint.network_id != network_id) continue;
      out.push_back(container);
      break;
    }
  }
  return out;
}

Event network_event(const Network& network, std::string action) {
  return {.type = "network",
          .action = std::move(action),
          .id = network.metadata.name,
          .attributes = {{"name", network.spec.docker_name}, {"type", network.spec.driver}}};
}

Value network_json(const Engine& engine, const Network& network, bool detailed) {
  const auto& spec = network.spec;
  return Value::object({{"Name", spec.docker_name},
                        {"Id", network.metadata.name},
                        {"Created", spec.created},
                        {"Scope", "local"},
                        {"Driver", spec.driver},
                        {"EnableIPv4", spec.enable_ipv4},
                        {"EnableIPv6", spec.enable_ipv6},
                        {"IPAM", ipam_of(network)},
                        {"Internal", spec.internal},
                        {"Attachable", spec.attachable},
                        {"Ingress", false},
                        {"ConfigFrom", Value::object({{"Network", spec.config_from}})},
                        {"ConfigOnly", spec.config_only},
                        {"Containers", detailed ? containers_of(engine, network) : Value::object()},
                        {"Options", strings_map(spec.options)},
                        {"Labels", strings_map(spec.labels)}});
}

void network_list(Call call) {
  auto filters = Filters::parse(call.arg("filters"));
  if (!filters) return call.error(filters.error());
  if (auto good = check_values(*filters); !good) return call.error(good.error());
  Value list = Value::array();
  for (const auto& network : call.engine.networks.list()) {
    if (wants(call.engine, *filters, *network)) list.push_back(network_json(call.engine, *network, call.version < since::kBareNetworks));
  }
  call.json(200, std::move(list), "network.list");
}

void network_inspect(Call call) {
  auto network = find_network(call.engine, call.params[0]);
  if (!network) return call.error(network.error());
  if (std::string_view scope = call.arg("scope"); !scope.empty() && scope != "local")
    return call.error(Error(Code::kNotFound, fmt::format("network {} not found", call.params[0])));
  if (std::string_view verbose = call.arg("verbose"); !verbose.empty() && !is_go_bool(verbose))
    return call.error(
        Error(Code::kInvalidArgument, fmt::format("invalid value for verbose: {0}: strconv.ParseBool: parsing \"{0}\": invalid syntax", verbose)));
  call.json(200, network_json(call.engine, **network, true), "network.inspect");
}

}  // namespace reigen::docker
