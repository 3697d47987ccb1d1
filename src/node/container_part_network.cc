// The networks of a run: what the controller allocated (the pod's EndpointsRecord), made real, and told in the status.
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "api/docker_names.h"
#include "api/docker_subnets.h"
#include "api/json.h"
#include "apiserver/docker_error.h"
#include "base/files.h"
#include "base/log.h"
#include "network/names_sync.h"
#include "node/container_part.h"
#include "node/container_service.h"
#include "node/pod_files.h"
#include "node/pod_worker.h"

namespace reigen::node {

using api::dockerv1::EndpointStatus;
using network::BridgeSpec;
using network::Endpoint;

namespace {

constexpr const char* kDefaultNetwork = "bridge";
constexpr auto kNamesLimit = std::chrono::seconds(2);
constexpr size_t kMaxHosts = 1 << 20;

std::optional<linux::MacAddress> parse_mac(std::string_view text) {
  linux::MacAddress out{};
  if (text.size() != 17) return std::nullopt;
  for (size_t i = 0; i < out.size(); ++i) {
    auto [end, error] = std::from_chars(text.data() + 3 * i, text.data() + 3 * i + 2, out[i], 16);
    if (error != std::errc() || end != text.data() + 3 * i + 2) return std::nullopt;
  }
  return out;
}

std::string mac_text(const linux::MacAddress& mac) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

bool is_true(const std::string& text) { return text == "true" || text == "1" || text == "t" || text == "T" || text == "TRUE" || text == "True"; }

BridgeSpec bridge_of(const api::dockerv1::Network& network) {
  BridgeSpec out;
  const auto& spec = network.spec;
  auto option = [&](const char* name) { return spec.options.value_or(name, ""); };
  out.id = network.metadata.name;
  out.name = spec.docker_name;
  // Of a builtin one the option is only shown, as Docker's own: docker0 may be a real Docker's.
  if (!spec.builtin) out.link = option("com.docker.network.bridge.name");
  for (const auto& pool : spec.pools) {
    auto subnet = IpNetwork::parse(pool.subnet);
    if (!subnet || !(subnet->address.is_v4() ? spec.enable_ipv4 : spec.enable_ipv6)) continue;
    out.pools.push_back({*subnet, api::pool_gateway(*subnet, pool.gateway, pool.ip_range).value_or(subnet->address.plus(1))});
  }
  out.internal = spec.internal;
  if (auto icc = option("com.docker.network.bridge.enable_icc"); !icc.empty()) out.isolate_ports = !is_true(icc);
  if (auto masquerade = option("com.docker.network.bridge.enable_ip_masquerade"); !masquerade.empty()) out.masquerade = is_true(masquerade);
  if (auto address = IpAddress::parse(option("com.docker.network.bridge.host_binding_ipv4"))) out.publish_on = *address;
  out.mtu = std::atoi(option("com.docker.network.driver.mtu").c_str());
  return out;
}

// "net.ipv4.conf.IFNAME.x=1,net.ipv6.…=2"
std::vector<std::pair<std::string, std::string>> sysctls_of(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> out;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find(',', at), text.size());
    std::string entry = text.substr(at, end - at);
    at = end + 1;
    if (size_t equals = entry.find('='); equals != std::string::npos) out.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return out;
}

struct PortRange {
  uint16_t first = 0, last = 0;
};
std::optional<PortRange> parse_range(std::string_view text) {
  PortRange out;
  auto number = [](std::string_view part, uint16_t& value) {
    auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    return error == std::errc() && end == part.data() + part.size();
  };
  if (text.empty()) return out;
  size_t dash = text.find('-');
  if (!number(text.substr(0, dash), out.first)) return std::nullopt;
  out.last = out.first;
  if (dash != std::string_view::npos && !number(text.substr(dash + 1), out.last)) return std::nullopt;
  return out.last >= out.first ? std::optional(out) : std::nullopt;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

// In place, so that a container that has the file mounted sees the change.
Status write_in_place(const std::string& path, const std::string& text) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd) return fail_errno("write " + path);
  for (size_t at = 0; at < text.size();) {
    ssize_t count = ::write(fd.get(), text.data() + at, text.size() - at);
    if (count < 0) return fail_errno("write " + path);
    at += static_cast<size_t>(count);
  }
  return {};
}

}  // namespace

Status ContainerPart::read_record(const api::corev1::Pod& pod) {
  std::string text = pod.metadata.annotations.value_or(api::kEndpointsAnnotation, "");
  if (text.empty()) return {};
  TRY_ASSIGN(record_, api::decode_json_as<api::dockerv1::EndpointsRecord>(text));
  return {};
}

const api::dockerv1::NetworkRequest* ContainerPart::request_of(const EndpointStatus& endpoint) const {
  for (const auto& request : view_.object->spec.networks) {
    if (request.network == endpoint.network || (!request.network_id.empty() && request.network_id == endpoint.network_id)) return &request;
  }
  return nullptr;
}

Result<std::pair<BridgeSpec, Endpoint>> ContainerPart::leg(const EndpointStatus& from) {
  TRY_ASSIGN(auto network, service_.network(from.network_id));
  Endpoint out;
  out.id = from.endpoint_id;
  out.network = from.network_id;
  for (const auto* text : {&from.ip_address, &from.ipv6_address}) {
    if (auto address = IpAddress::parse(*text)) out.addresses.push_back(*address);
  }
  if (auto mac = parse_mac(from.mac_address)) out.mac = *mac;
  if (const auto* request = request_of(from)) {
    out.gateway_priority = request->gateway_priority;
    auto settings = request->config ? api::decode_json_as<api::dockerv1::EndpointSettings>(request->config->raw)
                                    : Result<api::dockerv1::EndpointSettings>(api::dockerv1::EndpointSettings());
    if (settings) out.sysctls = sysctls_of(settings->driver_opts.value_or("com.docker.network.endpoint.sysctls", ""));
  }
  return std::pair(bridge_of(*network), std::move(out));
}

// Of networks of other drivers (host, null) there is nothing to make.
Result<std::vector<std::pair<BridgeSpec, Endpoint>>> ContainerPart::legs() {
  std::vector<std::pair<BridgeSpec, Endpoint>> out;
  for (const auto& endpoint : record_.endpoints) {
    if (endpoint.ip_address.empty() && endpoint.ipv6_address.empty()) continue;
    TRY_ASSIGN(auto made, leg(endpoint));
    out.push_back(std::move(made));
  }
  return out;
}

Result<std::vector<network::Publication>> ContainerPart::publications() const {
  std::vector<network::Publication> out;
  std::map<std::string, std::vector<api::dockerv1::PortBinding>> bindings;
  for (const auto& [port, list] : view_.host.port_bindings) bindings[port] = list;
  if (view_.host.publish_all_ports) {
    for (const auto& [port, empty] : view_.config.exposed_ports) {
      if (bindings[port].empty()) bindings[port].emplace_back();
    }
  }
  for (const auto& [port, list] : bindings) {
    size_t slash = port.find('/');
    auto container_port = parse_range(std::string_view(port).substr(0, slash));
    if (!container_port || container_port->first == 0) return fail(apiserver::docker_error(400, "invalid port specification: \"" + port + "\""));
    for (const auto& binding : list) {
      network::Publication publication;
      publication.protocol = slash == std::string::npos ? "TCP" : upper(port.substr(slash + 1));
      publication.container_port = container_port->first;
      auto range = parse_range(binding.host_port);
      if (!range) return fail(apiserver::docker_error(400, "invalid port specification: \"" + binding.host_port + "\""));
      publication.first = range->first;
      publication.last = range->last;
      if (!binding.host_ip.empty()) {
        auto address = IpAddress::parse(binding.host_ip);
        if (!address) return fail(apiserver::docker_error(400, "invalid IP address: " + binding.host_ip));
        publication.host_ip = *address;
        publication.both_families = false;
      }
      out.push_back(std::move(publication));
    }
  }
  return out;
}

Status ContainerPart::begin_network(const std::string& sandbox, const std::string& netns) {
  sandbox_ = sandbox;
  netns_ = netns;
  std::string mode = network_mode_of(view_.host);
  if (mode == "host" || container_of_mode(mode)) return {};
  TRY_ASSIGN(auto wanted, legs());
  TRY_ASSIGN(auto ports, publications());
  if (wanted.empty()) ports.clear();
  // Until it is finished, in the same task of the strand, nothing of this object changes.
  network_.emplace(context_.executor, [this, wanted = std::move(wanted), ports = std::move(ports)] {
    auto made = service_.container_network().attach(sandbox_, netns_, view_.object->spec.docker_name, wanted, ports);
    if (made) write_names();
    return made;
  });
  return {};
}

Status ContainerPart::finish_network() {
  if (!network_) return network_error_ ? fail(*network_error_) : Status();
  auto made = std::move(network_->result());
  network_.reset();
  if (!made) {
    network_error_ = made.error();
    return fail(made.error());
  }
  attachment_ = std::move(*made);
  for (const auto& endpoint : record_.endpoints)
    if (endpoint.network == kDefaultNetwork) service_.relink(view_.id(), endpoint.ip_address);
  return {};
}

// Whose names 127.0.0.11 answers. On the default network alone there is no such server.
void ContainerPart::write_names() {
  network::SandboxNames names;
  names.sandbox = sandbox_;
  names.netns = netns_;
  bool all_internal = true;
  for (const auto& endpoint : record_.endpoints) {
    if (endpoint.ip_address.empty() && endpoint.ipv6_address.empty()) continue;
    auto network = service_.network(endpoint.network_id);
    if (!network || (*network)->spec.docker_name == kDefaultNetwork) {
      all_internal = false;
      continue;
    }
    all_internal = all_internal && (*network)->spec.internal;
    names.networks.push_back(endpoint.network_id);
    const auto* request = request_of(endpoint);
    for (const auto& link : request ? request->links : std::vector<std::string>()) {
      size_t colon = link.find(':');
      if (colon != std::string::npos) names.links.emplace_back(lower(link.substr(colon + 1)), link.substr(0, colon));
    }
  }
  for (const auto& server : view_.host.dns) {
    if (auto address = IpAddress::parse(server)) names.servers.push_back(*address);
  }
  names.forward = !all_internal;
  auto done = names.networks.empty() ? service_.names().remove(sandbox_) : service_.names().set(std::move(names));
  if (!done) LOG(kWarning, "docker", "names of container {}: {}", view_.id(), done.error().message());
  publish_names(true);
}

// The names others know it by. The API will say the same, a moment later.
void ContainerPart::publish_names(bool present) {
  if (!context_.options.publish_names) return;
  api::dockerv1::Container told = *view_.object;
  told.status.networks.clear();
  if (present) told.status.networks = record_.endpoints;
  context_.options.publish_names(told);
}

void ContainerPart::sync_names() const {
  if (auto synced = network::sync_names(context_.options.run_dir, kNamesLimit); !synced)
    LOG(kWarning, "docker", "names and ports of containers: {}", synced.error().message());
}

void ContainerPart::leave_network() {
  if (sandbox_.empty()) return;
  if (auto done = service_.container_network().release(sandbox_); !done) LOG(kWarning, "docker", "{}", done.error().message());
  if (auto done = service_.names().remove(sandbox_); !done) LOG(kWarning, "docker", "{}", done.error().message());
  publish_names(false);
  // Its ports are free and its names unknown when its end is told.
  if (attachment_ && !attachment_->legs.empty()) sync_names();
}

// The record is what shall be, the attachment what is.
void ContainerPart::update(const api::corev1::Pod& pod) {
  auto before = record_.endpoints;
  if (auto read = read_record(pod); !read) {
    LOG(kWarning, "docker", "{}", read.error().message());
    return;
  }
  if (!attachment_ || record_.endpoints == before || !entry_->live.lock()->running) return;
  auto& network = service_.container_network();
  for (const auto& leg : std::vector(attachment_->legs)) {
    bool kept = std::any_of(record_.endpoints.begin(), record_.endpoints.end(), [&](const auto& endpoint) { return endpoint.endpoint_id == leg.endpoint.id; });
    if (kept) continue;
    if (auto done = network.disconnect(sandbox_, netns_, leg.endpoint.network); !done) LOG(kWarning, "docker", "{}", done.error().message());
  }
  for (const auto& endpoint : record_.endpoints) {
    bool has_address = !endpoint.ip_address.empty() || !endpoint.ipv6_address.empty();
    bool there = std::any_of(attachment_->legs.begin(), attachment_->legs.end(), [&](const auto& leg) { return leg.endpoint.id == endpoint.endpoint_id; });
    if (there || !has_address) continue;
    auto wanted = leg(endpoint);
    auto done = wanted ? network.connect(sandbox_, netns_, wanted->first, wanted->second) : fail(wanted.error());
    if (!done) LOG(kWarning, "docker", "connect container {} to {}: {}", view_.id(), endpoint.network, done.error().message());
  }
  attachment_ = network.find(sandbox_);
  write_names();
  sync_names();
  if (auto written = update_files(); !written) LOG(kWarning, "docker", "{}", written.error().message());
  auto networks = endpoint_status();
  auto ports = port_status();
  entry_->status->change([&](api::dockerv1::ContainerStatus& to) {
    if (to.run_number != run_) return;
    to.networks = networks;
    to.ports = ports;
  });
}

std::vector<EndpointStatus> ContainerPart::endpoint_status() const {
  std::vector<EndpointStatus> out = record_.endpoints;
  for (auto& endpoint : out) {
    if (!attachment_) continue;
    for (const auto& leg : attachment_->legs) {
      if (leg.endpoint.id != endpoint.endpoint_id) continue;
      endpoint.interface = leg.name;
      endpoint.mac_address = mac_text(leg.endpoint.mac);
      // The one with the default route names its gateway; so do all others that could have had it.
      for (const auto& gateway : leg.gateways) (gateway.is_v4() ? endpoint.gateway : endpoint.ipv6_gateway) = gateway.str();
    }
  }
  return out;
}

std::vector<api::dockerv1::PublishedPort> ContainerPart::port_status() const {
  std::vector<api::dockerv1::PublishedPort> out;
  if (!attachment_) return out;
  for (const auto& port : attachment_->ports) {
    auto& published = out.emplace_back();
    published.protocol = lower(port.protocol);
    published.container_port = port.container_port;
    published.host_ip = port.host_ip.str();
    published.host_port = port.host_port;
  }
  return out;
}

std::vector<std::string> ContainerPart::addresses() const {
  std::vector<std::string> out;
  for (const auto& endpoint : record_.endpoints) {
    if (!endpoint.ip_address.empty()) out.push_back(endpoint.ip_address);
    if (!endpoint.ipv6_address.empty()) out.push_back(endpoint.ipv6_address);
  }
  return out;
}

// Links on the default network are lines of hosts and variables, of containers that run now.
Status ContainerPart::find_links(bool must_run) {
  links_.clear();
  link_env_.clear();
  for (const auto& request : view_.object->spec.networks) {
    if (request.network != kDefaultNetwork) continue;
    for (const auto& link : request.links) {
      size_t colon = link.find(':');
      std::string alias = colon == std::string::npos ? "" : link.substr(colon + 1);
      auto child = service_.resolve(link.substr(0, colon));
      if (!child || alias.empty()) continue;
      const auto& name = child->spec.docker_name;
      auto found = service_.find_entry(child->metadata.name);
      auto status = found ? found->status->current() : child->status;
      if (status.state != "running" && status.state != "paused") {
        if (!must_run) continue;
        return fail(
            apiserver::docker_error(500, fmt::format("Cannot link to a non running container: /{} AS /{}/{}", name, view_.object->spec.docker_name, alias)));
      }
      auto at = std::find_if(status.networks.begin(), status.networks.end(), [](const auto& network) { return network.network == kDefaultNetwork; });
      if (at == status.networks.end() && !must_run) continue;
      if (at == status.networks.end()) return fail(apiserver::docker_error(500, "Cannot link to /" + name + ", as it does not belong to the default network"));
      TRY_ASSIGN(auto config, api::decode_json_as<api::dockerv1::Config>(child->spec.config.raw));
      std::vector<std::string> names = {alias, config.hostname};
      if (alias != name) names.push_back(name);
      links_.emplace_back(at->ip_address, std::move(names));
      DockerLink wanted{view_.object->spec.docker_name, alias, at->ip_address, config.env, {}};
      for (const auto& [port, empty] : config.exposed_ports) wanted.ports.push_back(port);
      auto env = docker_link_environment(wanted);
      link_env_.insert(link_env_.end(), env.begin(), env.end());
    }
  }
  return {};
}

void ContainerPart::relink(const std::string& id, const std::string& address) {
  if (hosts_.empty()) return;
  for (const auto& request : view_.object->spec.networks) {
    if (request.network != kDefaultNetwork) continue;
    for (const auto& link : request.links) {
      if (!link.starts_with(id + ":")) continue;
      for (auto& [to, names] : links_)
        if (names.front() == link.substr(id.size() + 1)) to = address;
    }
  }
  if (auto written = update_files(); !written) LOG(kWarning, "docker", "{}", written.error().message());
}

DockerFilesInput ContainerPart::files_input() {
  DockerFilesInput input;
  input.hostname = hostname();
  input.domain = view_.config.domainname;
  input.addresses = addresses();
  input.extra_hosts = view_.host.extra_hosts;
  input.links = links_;
  input.host_gateway = service_.bridge_gateway();
  input.host_network = network_mode_of(view_.host) == "host";
  for (const auto& endpoint : record_.endpoints) {
    bool has_address = !endpoint.ip_address.empty() || !endpoint.ipv6_address.empty();
    if (has_address && endpoint.network != kDefaultNetwork) input.embedded_dns = true;
  }
  input.dns = view_.host.dns;
  input.dns_search = view_.host.dns_search;
  input.dns_options = view_.host.dns_options;
  if (input.host_network) input.host_hosts = read_file("/etc/hosts", kMaxHosts).value_or("");
  input.host_resolv_conf = input.host_network ? read_file("/etc/resolv.conf", 1 << 20).value_or("") : read_host_resolv_conf();
  return input;
}

Status ContainerPart::write_files() {
  if (container_of_mode(network_mode_of(view_.host))) return {};  // the other's are its own
  auto input = files_input();
  TRY_ASSIGN(hosts_, docker_hosts_file(input));
  resolv_conf_ = docker_resolv_conf(input);
  TRY(write_in_place(container_dir() + "/hosts", hosts_));
  TRY(write_in_place(container_dir() + "/hostname", docker_hostname_file(input)));
  return write_in_place(container_dir() + "/resolv.conf", resolv_conf_);
}

// While it runs: what it has written itself stays.
Status ContainerPart::update_files() {
  if (container_of_mode(network_mode_of(view_.host))) return {};
  auto input = files_input();
  TRY_ASSIGN(std::string hosts, docker_hosts_file(input));
  if (hosts != hosts_) {
    std::string path = container_dir() + "/hosts";
    TRY_ASSIGN(std::string file, read_file(path, kMaxHosts));
    TRY(write_in_place(path, docker_hosts_update(file, hosts_, hosts)));
    hosts_ = std::move(hosts);
  }
  std::string resolv_conf = docker_resolv_conf(input);
  if (resolv_conf == resolv_conf_) return {};
  TRY(write_in_place(container_dir() + "/resolv.conf", resolv_conf));
  resolv_conf_ = std::move(resolv_conf);
  return {};
}

}  // namespace reigen::node
