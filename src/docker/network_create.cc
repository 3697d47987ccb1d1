// POST /networks/create
#include <fmt/core.h>
#include <unistd.h>

#include "api/docker_names.h"
#include "api/json.h"
#include "apiserver/docker_error.h"
#include "apiserver/node_containers.h"
#include "docker/address_pools.h"
#include "docker/go_json.h"
#include "docker/network_checks.h"
#include "docker/network_handlers.h"
#include "docker/network_requests.h"
#include "docker/object_writes.h"
#include "docker/version_table.h"
#include "docker/wire_form.h"
#include "docker/error_answer.h"

namespace reigen::docker {

namespace {

using api::Value;
using api::dockerv1::AddressPool;
using api::dockerv1::Network;
using api::dockerv1::NetworkCreate;

Fail wrong(std::string message) { return fail(unreadable(std::move(message))); }

std::string configuration_of(const NetworkCreate& asked) { return asked.config_from ? asked.config_from->network : std::string(); }

Fail forbidden(std::string message) { return fail(apiserver::docker_error(403, std::move(message))); }

Fail no_plugin(const std::string& name) {
  return fail(Code::kNotFound, fmt::format("could not find plugin {0} in v1 plugin registry: plugin \"{0}\" not found", name));
}

Status check_ipam_driver(const std::string& driver) { return driver.empty() || driver == "default" ? Status() : no_plugin(driver); }

// What is only a configuration is not looked at before a network is made from it.
Status check_configuration(const NetworkCreate& asked) {
  if (asked.ingress || asked.internal || asked.attachable || !asked.scope.empty())
    return forbidden(
        "configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not "
        "supported.");
  if (!configuration_of(asked).empty()) return forbidden("a configuration network cannot depend on another configuration network");
  return {};
}

// Of a network that is made from a configuration.
Status check_configured(const NetworkCreate& asked) {
  bool pools = asked.ipam && ((!asked.ipam->driver.empty() && asked.ipam->driver != "default") || !asked.ipam->options.empty() || !asked.ipam->config.empty());
  if (pools || asked.enable_ipv6.value_or(false) || !asked.enable_ipv4.value_or(true) || !asked.labels.empty())
    return forbidden("user specified configurations are not supported if the network depends on a configuration network");
  if (!asked.options.empty()) return forbidden("network driver options are not supported if the network depends on a configuration network");
  return {};
}

Status check(const NetworkCreate& asked) {
  if (is_predefined_network(asked.name))
    return fail(apiserver::docker_error(403, fmt::format("operation is not permitted on predefined {} network ", asked.name)));
  // Any but blanks, as every engine: only containers and volumes have a rule.
  if (asked.name.find_first_not_of(" \t\n\v\f\r") == std::string::npos) return wrong("invalid name: name is empty");
  if (asked.config_only) return check_configuration(asked);
  if (asked.driver == "host" || asked.driver == "null")
    return fail(apiserver::docker_error(403, fmt::format("only one instance of \"{}\" network is allowed", asked.driver)));
  if (asked.ingress && asked.scope != "global") return fail(apiserver::docker_error(403, "Ingress network can only be global scope network"));
  if (asked.scope == "swarm") return fail(apiserver::docker_error(403, "cannot create a swarm scoped network when swarm is not active"));
  if (asked.driver == "overlay" || asked.ingress || (!asked.scope.empty() && asked.scope != "local")) {
    return fail(Code::kUnavailable,
                "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.");
  }
  if (!asked.driver.empty() && asked.driver != "bridge" && asked.driver != "default") return no_plugin(asked.driver);
  if (!configuration_of(asked).empty()) return check_configured(asked);
  return asked.ipam ? check_ipam_driver(asked.ipam->driver) : Status();
}

// What the client gave, checked as far as one pool goes; the API checks pools against each other.
Result<AddressPool> read_pool(const api::dockerv1::IPAMConfig& config, ApiVersion version) {
  AddressPool out;
  out.given = true;
  auto subnet = IpNetwork::parse(config.subnet);
  if (!subnet) return wrong(fmt::format("invalid network config:\ninvalid subnet {}: invalid CIDR block notation", config.subnet));
  out.subnet = config.subnet;
  if (subnet->str() != config.subnet && version >= since::kCanonicalSubnets)
    return wrong(fmt::format("invalid network config:\ninvalid subnet {}: it should be {}", config.subnet, subnet->str()));
  auto inside = [&](const std::string& address) {
    auto parsed = IpAddress::parse(address);
    return parsed && subnet->contains(*parsed);
  };
  if (!config.gateway.empty() && !inside(config.gateway)) return wrong(fmt::format("no matching subnet for gateway {}", config.gateway));
  out.gateway = config.gateway;
  if (!config.ip_range.empty()) {
    auto range = IpNetwork::parse(config.ip_range);
    if (!range || !subnet->contains(range->address) || range->prefix < subnet->prefix)
      return wrong(fmt::format("no matching subnet for range {}", config.ip_range));
    out.ip_range = config.ip_range;
  }
  for (const auto& [name, address] : config.auxiliary_addresses) {
    if (!inside(address)) return wrong(fmt::format("no matching subnet for aux-address {}", address));
    out.reserved[name] = address;
  }
  return out;
}

bool has_family(const std::vector<AddressPool>& pools, bool v6) {
  for (const auto& pool : pools) {
    if ((pool.subnet.find(':') != std::string::npos) == v6) return true;
  }
  return false;
}

// What the configuration says and the network's own request may not.
Status take_configuration(const Engine& engine, const std::string& name, Network& network) {
  std::shared_ptr<const Network> found;
  for (const auto& each : engine.networks.list()) {
    if (each->spec.docker_name == name && each->spec.config_only) found = each;
  }
  if (!found) return fail(Code::kNotFound, fmt::format("configuration network \"{}\" does not exist", name));
  auto& spec = network.spec;
  spec.config_from = name;
  spec.enable_ipv4 = found->spec.enable_ipv4;
  spec.enable_ipv6 = found->spec.enable_ipv6;
  spec.ipam_driver = found->spec.ipam_driver;
  spec.ipam_options = found->spec.ipam_options;
  spec.pools = found->spec.pools;
  spec.options = found->spec.options;
  spec.labels = found->spec.labels;
  if (found->metadata.annotations.contains(kIpamOptionsGiven)) network.metadata.annotations[std::string(kIpamOptionsGiven)] = "true";
  return check_ipam_driver(spec.ipam_driver);
}

Result<Network> read(const Call& call) {
  TRY_ASSIGN(Value body, as_bad_request(call.json_body()));
  TRY_ASSIGN(Value formed, wire_form<NetworkCreate>(body));
  TRY_ASSIGN(auto asked, api::decode_json_as<NetworkCreate>(api::to_json(formed)));
  TRY(check(asked));
  Network out;
  auto& spec = out.spec;
  spec.docker_name = asked.name;
  spec.driver = asked.config_only ? "null" : "bridge";
  spec.config_only = asked.config_only;
  spec.created = go_time(call.engine.clock.wall());
  spec.internal = asked.internal;
  spec.attachable = asked.attachable;
  spec.enable_ipv4 = call.version < since::kEnableIpv4 || asked.enable_ipv4.value_or(true);
  spec.enable_ipv6 = asked.enable_ipv6.value_or(false);
  spec.options = asked.options;
  spec.labels = asked.labels;
  if (asked.ipam) {
    spec.ipam_driver = asked.ipam->driver;
    spec.ipam_options = asked.ipam->options;
    const Value* options = formed.find("IPAM")->find("Options");
    if (options && options->is_object()) out.metadata.annotations[std::string(kIpamOptionsGiven)] = "true";
    for (const auto& config : asked.ipam->config) {
      if (config.subnet.empty() && config.gateway.empty() && config.ip_range.empty()) continue;
      TRY_ASSIGN(auto pool, read_pool(config, call.version));
      spec.pools.push_back(std::move(pool));
    }
  }
  if (spec.config_only) return out;
  if (auto from = configuration_of(asked); !from.empty()) TRY(take_configuration(call.engine, from, out));
  TRY(check_bridge_options(spec.options));
  TRY(check_pools(spec.pools));
  return out;
}

// Creation in steps; the middle one asks the node which networks the host uses.
struct Creation : std::enable_shared_from_this<Creation> {
  Creation(Call call_, Network network_) : call(std::move(call_)), network(std::move(network_)) {}
  Call call;
  Network network;
  std::vector<IpNetwork> used_by_host;  // and pools that others were faster to take
  std::optional<IpNetwork> chosen;      // the pool that was free

  void run() {
    const auto& spec = network.spec;
    bool needs_v4 = spec.enable_ipv4 && !has_family(spec.pools, false);
    bool needs_v6 = spec.enable_ipv6 && !has_family(spec.pools, true);
    if (spec.config_only) return write();
    if (needs_v6) network.spec.pools.push_back(random_v6_pool(call.engine.random));
    if (!needs_v4) return write();
    call.engine.nodes.networks_in_use(call.engine.node_name, [self = shared_from_this()](Result<std::vector<IpNetwork>> used) {
      self->call.engine.work.post([self, used = used ? std::move(*used) : std::vector<IpNetwork>()] {
        self->used_by_host = used;
        self->choose();
      });
    });
  }

  void choose() {
    auto used = used_by_host;
    for (const auto& each : call.engine.reserved) used.push_back(each);
    for (const auto& other : call.engine.networks.list()) {
      if (other->spec.config_only) continue;
      for (const auto& pool : other->spec.pools) {
        if (auto subnet = IpNetwork::parse(pool.subnet)) used.push_back(*subnet);
      }
    }
    auto pool = free_v4_pool(used);
    if (!pool) return call.error(pool.error());
    chosen = IpNetwork::parse(pool->subnet);
    network.spec.pools.insert(network.spec.pools.begin(), std::move(*pool));
    write();
  }

  void write() {
    Engine& engine = call.engine;
    network.metadata.name = engine.random.hex(32);
    if (auto free = check_link(); !free) return call.error(free.error());
    const std::string& name = network.spec.docker_name;
    if (auto claimed = claim_name(engine, "Network", name, network.metadata.name); !claimed) {
      if (claimed.error().code() != Code::kAlreadyExists) return call.error(claimed.error());
      return call.error(Error(Code::kConflict, fmt::format("network with name {} already exists", name)));
    }
    auto made = engine.client.create(network);
    if (!made) {
      release_name(engine, "Network", name);
      // Another creation took the same free pool in the meantime: the next one.
      if (chosen && made.error().message().find(kPoolOverlaps) != std::string::npos) {
        used_by_host.push_back(*chosen);
        chosen.reset();
        network.spec.pools.erase(network.spec.pools.begin());
        return choose();
      }
      if (made.error().message().find(kPoolOverlaps) != std::string::npos) return call.error(apiserver::docker_error(403, std::string(kPoolOverlaps)));
      return call.error(plain_error(made.error(), "network " + name));
    }
    engine.events.add(network_event(**made, "create"));
    wait_seen(engine, engine.networks.untyped(), (*made)->metadata.resource_version);
    call.json(201, Value::object({{"Id", network.metadata.name}, {"Warning", ""}}));
  }

  // The link's name is of one network, and of nobody else on the host.
  Status check_link() const {
    auto link_of = [](const Network& of) {
      return of.spec.builtin || of.spec.config_only ? std::string() : of.spec.options.value_or("com.docker.network.bridge.name", "");
    };
    std::string link = link_of(network);
    if (link.empty()) return {};
    for (const auto& other : call.engine.networks.list()) {
      if (link_of(*other) != link) continue;
      return fail(apiserver::docker_error(403, fmt::format("cannot create network {} ({}): conflicts with network {} ({}): networks have same bridge name",
                                                           network.metadata.name, link, other->metadata.name, link)));
    }
    std::string folder = "/sys/class/net/" + link;
    if (::access(folder.c_str(), F_OK) != 0) return {};
    bool bridge = ::access((folder + "/bridge").c_str(), F_OK) == 0;
    return fail(apiserver::docker_error(
        403, bridge ? fmt::format("bridge {} is there already and not this engine's", link) : fmt::format("existing interface {} is not a bridge", link)));
  }

  static constexpr std::string_view kPoolOverlaps = "Pool overlaps with other one on this address space";
};

}  // namespace

void network_create(Call call) {
  auto network = read(call);
  if (!network) return call.error(network.error());
  std::make_shared<Creation>(std::move(call), std::move(*network))->run();
}

}  // namespace reigen::docker
