#include "docker/container_events.h"

#include <fmt/core.h>

#include "api/json.h"
#include "apiserver/node_containers.h"
#include "docker/container_lookup.h"

namespace reigen::docker {

namespace {

using api::dockerv1::Container;
using Attributes = std::vector<std::pair<std::string, std::string>>;

bool is_up(const Container& container) {
  const auto& state = container.status.state;
  return state == "running" || state == "paused";
}

std::string driver_of(std::string_view network) { return network == "host" ? "host" : network == "none" ? "null" : "bridge"; }

void add_networks(std::vector<Event>& out, const Container& container, const std::vector<api::dockerv1::EndpointStatus>& endpoints, const char* action) {
  for (const auto& endpoint : endpoints) {
    out.push_back({.type = "network",
                   .action = action,
                   .id = endpoint.network_id,
                   .attributes = {{"container", container.metadata.name}, {"name", endpoint.network}, {"type", driver_of(endpoint.network)}}});
  }
}

void add_volumes(std::vector<Event>& out, const Container& container, bool mounted) {
  for (const auto& mount : container.spec.mounts) {
    if (mount.type != "volume") continue;
    Attributes attributes{{"container", container.metadata.name}, {"driver", mount.driver}};
    if (mounted) {
      attributes.emplace_back("destination", mount.destination);
      attributes.emplace_back("read/write", mount.rw ? "true" : "false");
      attributes.emplace_back("propagation", mount.propagation);
    }
    out.push_back({.type = "volume", .action = mounted ? "mount" : "unmount", .id = mount.name, .attributes = std::move(attributes)});
  }
}

void add_end(std::vector<Event>& out, const Container& previous, const Container& current) {
  if (current.status.oom_killed) out.push_back(container_event(current, "oom"));
  out.push_back(container_event(current, "die", {{"exitCode", std::to_string(current.status.exit_code)}}));
  add_networks(out, current, previous.status.networks, "disconnect");
  add_volumes(out, current, false);
}

void add_start(std::vector<Event>& out, const Container& current) {
  add_networks(out, current, current.status.networks, "connect");
  add_volumes(out, current, true);
  out.push_back(container_event(current, "start"));
}

// The controller takes away with a container of --rm the volumes that were its own.
void add_removal(std::vector<Event>& out, const Container& container) {
  if (host_config_of(container).auto_remove) {
    for (const auto& mount : container.spec.mounts) {
      if (mount.type == "volume" && mount.anonymous)
        out.push_back({.type = "volume", .action = "destroy", .id = mount.name, .attributes = {{"driver", mount.driver}}});
    }
  }
  out.push_back(container_event(container, "destroy"));
}

// A run that is over has no endpoints any more: those it was to have.
Container with_wanted_networks(const Container& container) {
  Container out = container;
  out.status.networks.clear();
  for (const auto& request : container.spec.networks) {
    auto& endpoint = out.status.networks.emplace_back();
    endpoint.network = request.network;
    endpoint.network_id = request.network_id;
  }
  return out;
}

// Networks and volumes were there, its program was not.
void add_failed_start(std::vector<Event>& out, const Container& current) {
  add_networks(out, current, current.status.networks, "connect");
  add_volumes(out, current, true);
  add_networks(out, current, current.status.networks, "disconnect");
  add_volumes(out, current, false);
}

// Networks that came or went while it ran.
void add_changed_networks(std::vector<Event>& out, const Container& previous, const Container& current) {
  auto missing_in = [](const auto& endpoint, const auto& others) {
    for (const auto& other : others) {
      if (other.network_id == endpoint.network_id && other.endpoint_id == endpoint.endpoint_id) return false;
    }
    return true;
  };
  for (const auto& endpoint : previous.status.networks) {
    if (missing_in(endpoint, current.status.networks)) add_networks(out, current, {endpoint}, "disconnect");
  }
  for (const auto& endpoint : current.status.networks) {
    if (missing_in(endpoint, previous.status.networks)) add_networks(out, current, {endpoint}, "connect");
  }
}

}  // namespace

Event container_event(const Container& container, std::string action, Attributes more) {
  Event event{.type = "container", .action = std::move(action), .id = container.metadata.name, .attributes = {}};
  if (auto config = api::decode_json_as<api::dockerv1::Config>(container.spec.config.raw)) {
    for (const auto& [name, value] : config->labels) event.attributes.emplace_back(name, value);
  }
  more.emplace_back("image", container.spec.image_name);
  more.emplace_back("name", container.spec.docker_name);
  for (auto& [name, value] : more) {
    std::erase_if(event.attributes, [&](const auto& attribute) { return attribute.first == name; });
    event.attributes.emplace_back(std::move(name), std::move(value));
  }
  return event;
}

std::string shown_command(const std::vector<std::string>& command) {
  std::string out = command[0] + " ";
  for (size_t i = 1; i < command.size(); ++i) out += (i > 1 ? " " : "") + command[i];
  return out;
}

void add_probe_events(EventLog& log, const Container& container, const apiserver::ProbeNotice& probe) {
  auto add = [&](std::string action, Attributes more) {
    more.emplace_back("execID", probe.exec_id);
    log.add(container_event(container, std::move(action), std::move(more)));
  };
  if (probe.exit_code) return add("exec_die", {{"exitCode", std::to_string(*probe.exit_code)}});
  std::string command = shown_command(probe.command);
  add("exec_create: " + command, {});
  add("exec_start: " + command, {});
}

std::vector<Event> events_of_change(const Container* previous, const Container* current) {
  std::vector<Event> out;
  if (!current) {
    if (previous) add_removal(out, *previous);
    return out;
  }
  if (!previous) {
    out.push_back(container_event(*current, "create"));
    return out;
  }
  const auto& was = previous->status;
  const auto& is = current->status;
  bool ended = is.exits > was.exits;
  bool started = is.attempts > was.attempts && (is_up(*current) || ended);
  // A short program's start and end may come as one change.
  bool end_first = ended && is_up(*previous);
  if (end_first) add_end(out, *previous, *current);
  if (started && ended && !end_first) {
    Container whole = with_wanted_networks(*current);
    if (is.error_code != 0) {
      add_failed_start(out, whole);
    } else {
      add_start(out, whole);
      add_end(out, whole, whole);
    }
  } else if (started) {
    add_start(out, *current);
  }
  if (is_up(*previous) && is_up(*current) && !started) {
    add_changed_networks(out, *previous, *current);
    if (was.state != is.state) out.push_back(container_event(*current, is.state == "paused" ? "pause" : "unpause"));
  }
  if (is.health != was.health && !is.health.empty() && (is.health == "healthy" || is.health == "unhealthy") && is_up(*current))
    out.push_back(container_event(*current, fmt::format("health_status: {}", is.health)));
  return out;
}

ContainerEvents::Hold::Hold(ContainerEvents& events, std::string container) : events_(&events), container_(std::move(container)) {
  ++events_->state_.lock()->held[container_].holds;
}

void ContainerEvents::Hold::release() {
  if (!events_) return;
  auto* events = std::exchange(events_, nullptr);
  auto state = events->state_.lock();
  auto found = state->held.find(container_);
  if (found == state->held.end() || --found->second.holds > 0) return;
  for (auto& event : found->second.events) events->log_.add(std::move(event));
  state->held.erase(found);
}

void ContainerEvents::changed(const std::shared_ptr<const Container>& previous, const std::shared_ptr<const Container>& current) {
  auto state = state_.lock();
  if (!state->begun) return;
  auto derived = events_of_change(previous.get(), current.get());
  auto held = state->held.find((current ? current : previous)->metadata.name);
  for (auto& event : derived) {
    if (held != state->held.end()) {
      held->second.events.push_back(std::move(event));
    } else {
      log_.add(std::move(event));
    }
  }
}

void ContainerEvents::begin() { state_.lock()->begun = true; }

}  // namespace reigen::docker
