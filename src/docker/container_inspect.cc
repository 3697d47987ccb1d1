#include "docker/container_inspect.h"

#include <algorithm>

#include "api/docker_names.h"
#include "api/json.h"
#include "docker/go_json.h"
#include "docker/version_table.h"

namespace reigen::docker {

namespace {

using api::Value;
using api::dockerv1::Container;
using api::dockerv1::EndpointStatus;
using api::dockerv1::NetworkRequest;

Value read_raw(const api::RawExtension& raw) { return api::parse_json(raw.raw).value_or(Value::object()); }

std::string time_or_zero(const std::string& time) { return time.empty() ? std::string(kZeroTime) : time; }

Value health_of(const Container& container, const apiserver::ContainerDetails& details) {
  Value log = api::parse_json(details.health_log).value_or(Value::array());
  if (!log.is_array()) log = Value::array();
  return Value::object({{"Status", container.status.health}, {"FailingStreak", details.health_streak}, {"Log", std::move(log)}});
}

Value state_of(const Container& container, const apiserver::ContainerDetails& details) {
  const auto& status = container.status;
  bool restarting = status.state == "restarting";
  Value out = Value::object({{"Status", status.state},
                             {"Running", is_running(container)},
                             {"Paused", status.state == "paused"},
                             {"Restarting", restarting},
                             {"OOMKilled", status.oom_killed},
                             {"Dead", status.state == "dead"},
                             {"Pid", has_process(container) ? status.pid : 0},
                             {"ExitCode", status.exit_code},
                             {"Error", status.error},
                             {"StartedAt", time_or_zero(status.started_at)},
                             {"FinishedAt", time_or_zero(status.finished_at)}});
  if (!status.health.empty()) out.set("Health", health_of(container, details));
  return out;
}

const EndpointStatus* find_status(const Container& container, const NetworkRequest& request) {
  for (const auto& endpoint : container.status.networks) {
    if (endpoint.network == request.network) return &endpoint;
  }
  return nullptr;
}

// Names a user-defined network knows the container by, beside its own; in 20.10 they were among the aliases once it had run.
std::vector<std::string> own_names(const Container& container, const Value& config) {
  std::string short_id = container.metadata.name.substr(0, 12);
  std::vector<std::string> out{short_id};
  std::string hostname(config.text_at({"Hostname"}));
  if (!hostname.empty() && hostname != short_id && hostname != container.spec.docker_name) out.push_back(std::move(hostname));
  return out;
}

bool is_user_defined(std::string_view network) {
  return network != "bridge" && network != "default" && network != "host" && network != "none" && !network.starts_with("container:");
}

Value aliases_of(const Container& container, const NetworkRequest& request, const EndpointStatus* status, const Value& config, ApiVersion version) {
  std::vector<std::string> names = request.aliases;
  bool joined = !request.network_id.empty() || (status && !status->network_id.empty());
  if (version < since::kOwnAliasesOnly && joined && is_user_defined(request.network)) {
    for (auto& name : own_names(container, config)) {
      if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
    }
  }
  if (names.empty()) return {};
  Value out = Value::array();
  for (const auto& name : names) out.push_back(name);
  return out;
}

Value dns_names_of(const Container& container, const NetworkRequest& request, const EndpointStatus* status, const Value& config) {
  if (!is_user_defined(request.network) || !status || status->endpoint_id.empty()) return {};
  std::vector<std::string> names{container.spec.docker_name};
  for (const auto& more : {request.aliases, own_names(container, config)}) {
    for (const auto& name : more) {
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
  }
  Value out = Value::array();
  for (const auto& name : names) out.push_back(name);
  return out;
}

Value member_or_null(const Value& given, std::string_view name) {
  const Value* found = given.find(name);
  return found ? *found : Value();
}

Value endpoint_of(const Container& container, const NetworkRequest& request, const Value& config, ApiVersion version, bool summary) {
  Value given = request.config ? read_raw(*request.config) : Value::object();
  static const EndpointStatus kNone;
  const EndpointStatus* found = find_status(container, request);
  const EndpointStatus& status = found ? *found : kNone;
  bool up = !status.endpoint_id.empty();
  Value ipam = member_or_null(given, "IPAMConfig");
  if (summary && ipam.is_object()) ipam.erase("LinkLocalIPs");
  Value out = Value::object();
  out.set("IPAMConfig", std::move(ipam));
  out.set("Links", summary ? Value() : member_or_null(given, "Links"));
  out.set("Aliases", summary ? Value() : aliases_of(container, request, found, config, version));
  out.set("MacAddress", up ? Value(status.mac_address) : Value(version < since::kEndpointMac ? std::string() : request.mac_address));
  out.set("DriverOpts", summary ? Value() : member_or_null(given, "DriverOpts"));
  out.set("GwPriority", request.gateway_priority);
  out.set("NetworkID", status.network_id.empty() ? request.network_id : status.network_id);
  out.set("EndpointID", status.endpoint_id);
  out.set("Gateway", status.gateway);
  out.set("IPAddress", status.ip_address);
  out.set("IPPrefixLen", status.ip_prefix_len);
  out.set("IPv6Gateway", status.ipv6_gateway);
  out.set("GlobalIPv6Address", status.ipv6_address);
  out.set("GlobalIPv6PrefixLen", status.ipv6_prefix_len);
  out.set("DNSNames", summary ? Value() : dns_names_of(container, request, found, config));
  return out;
}

// What stood in NetworkSettings before there were several networks: the default bridge's endpoint.
void add_default_endpoint(Value& settings, const Value& networks) {
  const Value* bridge = networks.find("bridge");
  for (std::string_view name : {"EndpointID", "Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPAddress", "IPPrefixLen", "IPv6Gateway", "MacAddress"}) {
    const Value* value = bridge ? bridge->find(name) : nullptr;
    settings.set(name, value ? *value : name.ends_with("Len") ? Value(0) : Value(""));
  }
}

Value network_settings(const Container& container, const apiserver::ContainerDetails& details, ApiVersion version) {
  // Both outlive the run, as with Docker; the file itself does not.
  const std::string& sandbox = container.status.sandbox_id;
  std::string key = details.sandbox_key;
  if (key.empty() && !sandbox.empty()) key = "/var/run/docker/netns/" + sandbox.substr(0, 12);
  Value networks = endpoint_settings(container, version, false);
  Value out = Value::object({{"Bridge", ""},
                             {"SandboxID", sandbox},
                             {"SandboxKey", key},
                             {"Ports", port_map(container)},
                             {"HairpinMode", false},
                             {"LinkLocalIPv6Address", ""},
                             {"LinkLocalIPv6PrefixLen", 0},
                             {"SecondaryIPAddresses", Value()},
                             {"SecondaryIPv6Addresses", Value()}});
  add_default_endpoint(out, networks);
  out.set("Networks", std::move(networks));
  return out;
}

Value exec_ids(Engine& engine, const Container& container) {
  auto ids = engine.execs.open(container.metadata.name);
  if (ids.empty()) return {};
  Value out = Value::array();
  for (auto& id : ids) out.push_back(std::move(id));
  return out;
}

// Links as "/child:/parent/alias", whatever way they were written.
void show_links(Engine& engine, const Container& container, Value& host) {
  Value shown = Value::array();
  for (const auto& request : container.spec.networks) {
    if (is_user_defined(request.network)) continue;
    for (const auto& link : request.links) {
      size_t colon = link.find(':');
      auto child = engine.containers.get("", link.substr(0, colon));
      if (child && colon != std::string::npos)
        shown.push_back("/" + child->spec.docker_name + ":/" + container.spec.docker_name + "/" + link.substr(colon + 1));
    }
  }
  host.set("Links", shown.size() > 0 ? std::move(shown) : Value());
}

Value host_config_shown(Engine& engine, const Container& container) {
  Value host = read_raw(container.spec.host_config);
  show_links(engine, container, host);
  if (host.text_at({"Runtime"}).empty() && container.spec.run.number > 0) host.set("Runtime", "runc");
  return host;
}

Value graph_driver() { return Value::object({{"Data", Value::object()}, {"Name", "overlay2"}}); }

Value strings(const std::vector<std::string>& items) {
  Value out = Value::array();
  for (const auto& item : items) out.push_back(item);
  return out;
}

}  // namespace

Value endpoint_settings(const Container& container, ApiVersion version, bool summary) {
  Value config = read_raw(container.spec.config);
  std::map<std::string_view, const NetworkRequest*> sorted;
  for (const auto& request : container.spec.networks) sorted[request.network == "default" ? "bridge" : std::string_view(request.network)] = &request;
  Value out = Value::object();
  for (const auto& [name, request] : sorted) out.set(name, endpoint_of(container, *request, config, version, summary));
  return out;
}

Value port_map(const Container& container) {
  Value out = Value::object();
  if (!has_process(container)) return out;
  std::map<std::string, Value> ports;
  bool bridged =
      std::ranges::any_of(container.status.networks, [](const auto& endpoint) { return !endpoint.ip_address.empty() || !endpoint.ipv6_address.empty(); });
  if (bridged) {
    for (const auto& [port, empty] : config_of(container).exposed_ports) ports[port.find('/') == std::string::npos ? port + "/tcp" : port] = Value();
  }
  for (const auto& port : container.status.ports) {
    Value binding = Value::object({{"HostIp", port.host_ip}, {"HostPort", std::to_string(port.host_port)}});
    ports[std::to_string(port.container_port) + "/" + port.protocol].push_back(std::move(binding));
  }
  for (auto& [port, bindings] : ports) out.set(port, std::move(bindings));
  return out;
}

std::string volume_path(const Engine& engine, std::string_view docker_name) {
  auto volume = engine.volumes.get("", api::volume_object_name(docker_name));
  return volume ? engine.volumes_dir + "/" + volume->metadata.uid + "/_data" : std::string();
}

Value mount_points(const Engine& engine, const Container& container) {
  Value out = Value::array();
  for (const auto& mount : container.spec.mounts) {
    Value shown = Value::object({{"Type", mount.type}});
    if (!mount.name.empty()) shown.set("Name", mount.name);
    shown.set("Source", mount.type == "volume" ? volume_path(engine, mount.name) : mount.source);
    shown.set("Destination", mount.destination);
    if (!mount.driver.empty()) shown.set("Driver", mount.driver);
    shown.set("Mode", mount.mode);
    shown.set("RW", mount.rw);
    shown.set("Propagation", mount.propagation);
    out.push_back(std::move(shown));
  }
  return out;
}

Value inspect_container(Engine& engine, const Container& container, const apiserver::ContainerDetails& details, std::optional<InspectSizes> sizes,
                        ApiVersion version) {
  const auto& spec = container.spec;
  Value out = Value::object({{"Id", container.metadata.name},
                             {"Created", spec.created},
                             {"Path", spec.path},
                             {"Args", strings(spec.args)},
                             {"State", state_of(container, details)},
                             {"Image", spec.image_id},
                             {"ResolvConfPath", details.resolv_conf_path},
                             {"HostnamePath", details.hostname_path},
                             {"HostsPath", details.hosts_path},
                             {"LogPath", details.log_path},
                             {"Name", "/" + spec.docker_name},
                             {"RestartCount", container.status.restart_count},
                             {"Driver", "overlay2"},
                             {"Platform", "linux"},
                             {"MountLabel", ""},
                             {"ProcessLabel", ""},
                             {"AppArmorProfile", ""},
                             {"ExecIDs", exec_ids(engine, container)},
                             {"HostConfig", host_config_shown(engine, container)},
                             {"GraphDriver", graph_driver()}});
  if (sizes) {
    out.set("SizeRw", sizes->writable);
    out.set("SizeRootFs", sizes->root);
  }
  out.set("Mounts", mount_points(engine, container));
  Value config = read_raw(spec.config);
  if (!spec.networks.empty() && !spec.networks[0].mac_address.empty()) config.set("MacAddress", spec.networks[0].mac_address);
  out.set("Config", std::move(config));
  out.set("NetworkSettings", network_settings(container, details, version));
  return out;
}

}  // namespace reigen::docker
