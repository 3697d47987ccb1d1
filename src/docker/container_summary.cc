#include "docker/container_summary.h"

#include "api/json.h"
#include "docker/status_text.h"

namespace reigen::docker {

namespace {

using api::Value;

Value ports_of(const api::dockerv1::Container& container) {
  Value out = Value::array();
  Value map = port_map(container);
  for (const auto& member : map.members()) {
    std::string_view port = member.key();
    size_t slash = port.find('/');
    int number = std::atoi(std::string(port.substr(0, slash)).c_str());
    std::string_view protocol = port.substr(slash + 1);
    if (!member.value.is_array()) {
      out.push_back(Value::object({{"PrivatePort", number}, {"Type", protocol}}));
      continue;
    }
    for (const auto& binding : member.value.items()) {
      int host = std::atoi(std::string(binding.text_at({"HostPort"})).c_str());
      out.push_back(Value::object({{"IP", binding.text_at({"HostIp"})}, {"PrivatePort", number}, {"PublicPort", host}, {"Type", protocol}}));
    }
  }
  return out;
}

// Its own, and those that links of others give it: "/parent/alias".
Value names_of(const Engine& engine, const api::dockerv1::Container& container) {
  Value out = Value::array({"/" + container.spec.docker_name});
  std::string prefix = container.metadata.name + ":";
  for (const auto& other : engine.containers.list()) {
    for (const auto& request : other->spec.networks) {
      if (request.network != "bridge") continue;
      for (const auto& link : request.links) {
        if (link.starts_with(prefix)) out.push_back("/" + other->spec.docker_name + "/" + link.substr(prefix.size()));
      }
    }
  }
  return out;
}

Value labels_of(const api::dockerv1::Config& config) {
  Value out = Value::object();
  for (const auto& [name, value] : config.labels) out.set(name, value);
  return out;
}

}  // namespace

std::string command_line(const std::string& path, const std::vector<std::string>& arguments) {
  std::string out = path;
  for (const auto& argument : arguments) {
    bool quoted = argument.find(' ') != std::string::npos;
    out += quoted ? " '" + argument + "'" : " " + argument;
  }
  return out;
}

Value summarize_container(const Engine& engine, const api::dockerv1::Container& container, std::string_view image, ApiVersion version) {
  const auto& spec = container.spec;
  auto host = host_config_of(container);
  auto created = parse_time(spec.created).value_or(WallTime{});
  Value host_shown = Value::object({{"NetworkMode", host.network_mode}});
  if (!host.annotations.empty()) {
    Value annotations = Value::object();
    for (const auto& [name, value] : host.annotations) annotations.set(name, value);
    host_shown.set("Annotations", std::move(annotations));
  }
  return Value::object({{"Id", container.metadata.name},
                        {"Names", names_of(engine, container)},
                        {"Image", image},
                        {"ImageID", spec.image_id},
                        {"Command", command_line(spec.path, spec.args)},
                        {"Created", created.time_since_epoch().count() / 1'000'000'000},
                        {"Ports", ports_of(container)},
                        {"Labels", labels_of(config_of(container))},
                        {"State", container.status.state},
                        {"Status", status_text(container.status, engine.clock.wall())},
                        {"HostConfig", std::move(host_shown)},
                        {"NetworkSettings", Value::object({{"Networks", endpoint_settings(container, version, true)}})},
                        {"Mounts", mount_points(engine, container)}});
}

}  // namespace reigen::docker
