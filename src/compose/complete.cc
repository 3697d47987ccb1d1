#include "compose/complete.h"

#include <fmt/core.h>

#include "compose/env_file.h"
#include "compose/model.h"

namespace reigen::compose {
namespace {

using api::Value;

void add_dependency(Value& service, const std::string& name, bool restart) {
  if (name.empty()) return;
  Value& depends = service["depends_on"];
  if (depends.has(name)) return;
  depends.set(name, Value::object({{"condition", "service_started"}, {"restart", restart}, {"required", true}}));
}

void implied_dependencies(Value& service) {
  if (const Value* links = service.find("links")) {
    std::vector<std::string> names;
    for (const auto& link : links->items()) names.emplace_back(link.text().substr(0, link.text().find(':')));
    for (const auto& name : names) add_dependency(service, name, true);
  }
  for (const char* key : {"network_mode", "ipc", "pid", "uts", "cgroup"}) add_dependency(service, shared_service(service.text_at({key})), true);
  std::vector<std::string> from;
  if (const Value* sources = service.find("volumes_from"))
    for (const auto& source : sources->items())
      if (!source.text().starts_with("container:")) from.emplace_back(source.text().substr(0, source.text().find(':')));
  for (const auto& name : from) add_dependency(service, name, false);
}

void secret_targets(Value& service) {
  if (Value* secrets = service.find("secrets"))
    for (auto& secret : secrets->items())
      if (!secret.has("target")) secret.set("target", fmt::format("/run/secrets/{}", secret.text_at({"source"})));
}

void service_defaults(Value& service, const std::string& directory) {
  if (service.is_null()) service = Value::object();
  if (Value* build = service.find("build"); build && build->is_object()) {
    if (!build->has("context")) build->set("context", directory);
    if (!build->has("dockerfile") && !build->has("dockerfile_inline")) build->set("dockerfile", "Dockerfile");
  }
  if (service.text_at({"pull_policy"}) == "if_not_present") service.set("pull_policy", "missing");
  secret_targets(service);
  implied_dependencies(service);
}

}  // namespace

void complete_resources(Value& tree, const std::string& project) {
  for (const char* kind : {"networks", "volumes", "secrets", "configs"}) {
    Value* resources = tree.find(kind);
    if (!resources || !resources->is_object()) continue;
    for (auto& member : resources->members()) {
      Value& resource = member.value;
      if (resource.is_null()) resource = Value::object();
      if (resource.has("name") || project.empty()) continue;
      bool external = resource.find("external") && resource.find("external")->bool_or(false);
      resource.set("name", external ? std::string(member.key()) : fmt::format("{}_{}", project, member.key()));
    }
  }
}

void complete_targets(Value& tree) {
  if (Value* services = tree.find("services"))
    for (auto& member : services->members()) secret_targets(member.value);
}

void complete_services(Value& tree, const std::string& directory) {
  bool uses_default = false;
  if (Value* services = tree.find("services")) {
    for (auto& member : services->members()) {
      Value& service = member.value;
      service_defaults(service, directory);
      if (service.has("network_mode")) continue;
      Value& networks = service["networks"];
      if (!networks.is_object() || networks.size() == 0) networks = Value::object({{"default", Value()}});
      uses_default |= networks.has("default");
    }
  }
  if (uses_default && (!tree.has("networks") || !tree.find("networks")->has("default"))) tree["networks"].set("default", Value());
}

Status resolve_environment(Value& service, const std::string& name, const Environment& environment) {
  auto outside = [&](Value* map, bool keep) {
    if (!map || !map->is_object()) return;
    std::vector<std::string> gone;
    for (auto& member : map->members()) {
      if (!member.value.is_null()) continue;
      auto found = environment.find(member.key());
      if (found != environment.end()) member.value = found->second;
      else if (!keep) gone.emplace_back(member.key());
    }
    for (const auto& key : gone) map->erase(key);
  };
  outside(service.find("environment"), true);
  outside(service.at({"build", "args"}), false);
  auto merge_file = [&](std::string_view key, const std::string& path, bool raw) -> Status {
    auto values = read_env_file(path, environment, raw);
    if (!values) return fail(std::move(values).error().context(fmt::format("services.{}.{}", name, key == "labels" ? "label_file" : "env_file")));
    Value& map = service[key];
    for (const auto& [variable, value] : *values) map.set(variable, value);
    return {};
  };
  // Files first, what is written in the service over them.
  for (auto [list, target] : {std::pair("env_file", "environment"), std::pair("label_file", "labels")}) {
    if (!service.has(list)) continue;
    Value paths = *service.find(list);
    Value given = service.find(target) ? *service.find(target) : Value::object();
    service.set(target, Value::object());
    for (const auto& file : std::as_const(paths).items()) {
      std::string path(file.is_string() ? file.text() : file.text_at({"path"}));
      bool required = !file.find("required") || file.find("required")->bool_or(true);
      auto merged = merge_file(target, path, file.text_at({"format"}) == "raw");
      if (!merged && (required || merged.error().code() != Code::kNotFound)) return merged;
    }
    for (const auto& member : std::as_const(given).members()) service[target].set(member.key(), member.value);
    service.erase(list);
  }
  return {};
}

}  // namespace reigen::compose
