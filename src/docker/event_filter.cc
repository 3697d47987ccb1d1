#include "docker/event_filter.h"

#include "docker/version_table.h"

namespace reigen::docker {

namespace {

std::string_view attribute(const Event& event, std::string_view name) {
  for (const auto& [key, value] : event.attributes) {
    if (key == name) return value;
  }
  return {};
}

// By the beginning of the id or of the name.
bool wants_actor(const Filters& filters, std::string_view kind, const Event& event) {
  return filters.prefix(kind, event.id) || filters.prefix(kind, attribute(event, "name"));
}

// With the tag or without.
bool wants_image(const Filters& filters, const Event& event) {
  if (!filters.has("image")) return true;
  std::string_view name = attribute(event, event.type == "image" ? "name" : "image");
  std::string_view bare = name.substr(0, name.find('@'));
  size_t colon = bare.rfind(':');
  if (colon != std::string_view::npos && bare.find('/', colon) == std::string_view::npos) bare = bare.substr(0, colon);
  return filters.exact("image", event.id) || filters.exact("image", name) || filters.exact("image", bare);
}

// "exec_start" stands for "exec_start: sh -c x" too.
bool wants_action(const Filters& filters, const Event& event) {
  const auto& wanted = filters.values("event");
  bool loose = wanted.contains("health_status") || wanted.contains("exec_create") || wanted.contains("exec_start");
  return loose ? filters.prefix("event", event.action) : filters.exact("event", event.action);
}

}  // namespace

bool has_event(ApiVersion version, const Event& event) {
  if (event.again) return version < since::kVolumeCreatedOnce;
  if (event.action == "exec_die") return version >= since::kExecDieEvent;
  if (event.action == "prune") return version >= since::kPruneEvents;
  return version >= since::kImageCreateEvent || event.type != "image" || event.action != "create";
}

bool wants_event(const Filters& filters, const Event& event) {
  if (filters.empty()) return true;
  for (std::string_view kind : {"container", "volume", "network", "daemon", "plugin", "node", "service", "secret", "config"}) {
    if (filters.has(kind) && !wants_actor(filters, kind, event)) return false;
  }
  return wants_action(filters, event) && filters.exact("type", event.type) && filters.exact("scope", "local") && wants_image(filters, event) &&
         filters.labels("label", event.attributes);
}

}  // namespace reigen::docker
