#include "docker/container_filter.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <functional>

#include "docker/error_answer.h"
#include "docker/container_inspect.h"
#include "docker/port_bindings.h"
#include "docker/status_text.h"
#include "image/image_store.h"

namespace reigen::docker {

using api::dockerv1::Container;

namespace {

constexpr std::string_view kStates[] = {"paused", "restarting", "removing", "running", "dead", "created", "exited"};
constexpr std::string_view kHealth[] = {"starting", "healthy", "unhealthy", "none"};

Status read_ports(const Filters& filters, const char* name, std::set<std::string>& out) {
  for (const auto& value : filters.values(name)) {
    if (value.find(':') != std::string::npos) return fail(unreadable(fmt::format("filter for '{}' should not contain ':': {}", name, value)));
    // A protocol nobody has is no fault: no port is of it.
    size_t slash = value.find('/');
    bool foreign = slash != std::string::npos && parse_port(value.substr(0, slash)) && !parse_port("1" + value.substr(slash));
    if (foreign) {
      out.insert(value);
      continue;
    }
    auto port = parse_port(value);
    if (!port) {
      bool large = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
      return fail(unreadable(fmt::format("error while looking up for {0} {1}: strconv.ParseUint: parsing \"{1}\": {2}", name, value,
                                         large ? "value out of range" : "invalid syntax")));
    }
    for (int number = port->ports.first; number <= port->ports.last; ++number) out.insert(fmt::format("{}/{}", number, port->protocol));
  }
  return {};
}

// One name only; "no such container x" as the list says it.
Status read_bound(const Engine& engine, const Filters& filters, const char* name, std::string& out) {
  for (const auto& value : filters.values(name)) {
    auto found = find_container(engine, value);
    if (!found) return fail(Code::kNotFound, fmt::format("no such container {}", value));
    out = (*found)->metadata.name;
  }
  return {};
}

}  // namespace

Result<ContainerFilter> ContainerFilter::parse(const Engine& engine, std::string_view json) {
  ContainerFilter out;
  TRY_ASSIGN(out.filters_, Filters::parse(json));
  TRY(out.filters_.check(
      {"ancestor", "before", "exited", "id", "isolation", "label", "name", "status", "health", "since", "volume", "network", "is-task", "publish", "expose"}));
  TRY(out.read_values(engine));
  return out;
}

Status ContainerFilter::read_values(const Engine& engine) {
  for (const auto& value : filters_.values("exited")) {
    int code = 0;
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), code);
    if (error != std::errc() || end != value.data() + value.size()) return fail(unreadable(fmt::format("strconv.Atoi: parsing \"{}\": invalid syntax", value)));
    exited_.insert(code);
  }
  for (const auto& value : filters_.values("status")) {
    if (std::ranges::find(kStates, std::string_view(value)) == std::end(kStates))
      return fail(Code::kInvalidArgument, fmt::format("Invalid filter 'status={}'", value));
  }
  for (const auto& value : filters_.values("health")) {
    if (std::ranges::find(kHealth, std::string_view(value)) == std::end(kHealth))
      return fail(Code::kInvalidArgument, fmt::format("Unrecognised filter value for health: {}", value));
  }
  TRY(filters_.boolean("is-task", false));
  TRY(read_bound(engine, filters_, "before", before_));
  TRY(read_bound(engine, filters_, "since", since_));
  for (const auto& value : filters_.values("ancestor")) {
    if (auto image = engine.image_store->find(value)) images_.insert(image->id);
  }
  TRY(read_ports(filters_, "publish", publish_));
  return read_ports(filters_, "expose", expose_);
}

bool ContainerFilter::wants_state(const Container& container) const {
  const auto& status = container.status;
  if (!exited_.empty() && (!exited_.contains(status.exit_code) || is_running(container) || status.started_at.empty())) return false;
  if (!filters_.exact("status", status.state)) return false;
  return filters_.exact("health", status.health.empty() ? "none" : status.health);
}

bool ContainerFilter::wants_mount(const Container& container) const {
  const auto& wanted = filters_.values("volume");
  if (wanted.empty()) return true;
  return std::ranges::any_of(container.spec.mounts, [&](const auto& mount) {
    return wanted.contains(mount.destination) || wanted.contains(mount.name.empty() ? mount.source : mount.name);
  });
}

bool ContainerFilter::wants_network(const Container& container) const {
  const auto& wanted = filters_.values("network");
  if (wanted.empty()) return true;
  for (const auto& request : container.spec.networks) {
    if (wanted.contains(request.network)) return true;
    std::string id = request.network_id;
    for (const auto& endpoint : container.status.networks) {
      if (endpoint.network == request.network && !endpoint.network_id.empty()) id = endpoint.network_id;
    }
    if (!id.empty() && std::ranges::any_of(wanted, [&](const auto& value) { return std::string_view(id).starts_with(value); })) return true;
  }
  return false;
}

bool ContainerFilter::wants_port(const Container& container) const {
  if (publish_.empty() && expose_.empty()) return true;
  api::Value ports = port_map(container);
  for (const auto& member : ports.members()) {
    std::string port(member.key());
    if (expose_.contains(port)) return true;
    std::string protocol = port.substr(port.find('/'));
    for (const auto& binding : member.value.items()) {
      if (publish_.contains(std::string(binding.text_at({"HostPort"})) + protocol)) return true;
    }
  }
  return false;
}

bool ContainerFilter::wants(const Container& container) const {
  const std::string& name = container.spec.docker_name;
  if (!filters_.pattern("name", "/" + name) && !filters_.pattern("name", name)) return false;
  if (!filters_.prefix("id", container.metadata.name)) return false;
  if (filters_.has("is-task") && *filters_.boolean("is-task", false)) return false;
  if (!filters_.labels("label", config_of(container).labels)) return false;
  if (!filters_.exact("isolation", "default") && !filters_.exact("isolation", "")) return false;
  if (filters_.has("ancestor") && !images_.contains(container.spec.image_id)) return false;
  return wants_state(container) && wants_mount(container) && wants_network(container) && wants_port(container);
}

std::vector<ContainerPtr> ContainerFilter::apply(std::vector<ContainerPtr> all, bool with_stopped, int64_t limit) const {
  auto created = [](const ContainerPtr& container) { return parse_time(container->spec.created).value_or(WallTime{}); };
  std::ranges::stable_sort(all, std::greater<>(), created);
  with_stopped = with_stopped || limit > 0 || filters_.has("status");
  bool behind = before_.empty();
  std::vector<ContainerPtr> out;
  for (auto& container : all) {
    if (!behind) {
      behind = container->metadata.name == before_;
      continue;
    }
    if (container->metadata.name == since_) break;
    if (!with_stopped && !is_running(*container)) continue;
    if (!wants(*container)) continue;
    if (limit > 0 && std::ssize(out) == limit) break;
    out.push_back(std::move(container));
  }
  return out;
}

}  // namespace reigen::docker
