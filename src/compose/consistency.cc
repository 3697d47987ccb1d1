#include "compose/consistency.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/ip.h"

namespace reigen::compose {
namespace {

using api::Value;

Fail wrong(std::string text) { return fail(Code::kInvalidArgument, std::move(text) + ": invalid compose project"); }

Status check_references(const Project& project, const Service& service) {
  for (const auto& network : service.networks)
    if (!project.networks.contains(network)) return wrong(fmt::format("service \"{}\" refers to undefined network {}", service.name, network));
  for (const auto& [other, dependency] : service.depends_on) {
    if (project.services.contains(other) || (!dependency.required && project.disabled.contains(other))) continue;
    return wrong(fmt::format("service \"{}\" depends on undefined service \"{}\"", service.name, other));
  }
  if (const Value* volumes = service.spec.find("volumes"))
    for (const auto& volume : volumes->items()) {
      std::string source(volume.text_at({"source"}));
      if (volume.text_at({"type"}) == "volume" && !source.empty() && !project.volumes.contains(source))
        return wrong(fmt::format("service \"{}\" refers to undefined volume {}", service.name, source));
    }
  for (auto [key, word, known] : {std::tuple("secrets", "secret", &project.secrets), std::tuple("configs", "config", &project.configs)}) {
    const Value* uses = service.spec.find(key);
    if (!uses) continue;
    for (const auto& use : uses->items())
      if (!known->contains(std::string(use.text_at({"source"}))))
        return wrong(fmt::format("service \"{}\" refers to undefined {} {}", service.name, word, use.text_at({"source"})));
  }
  return {};
}

Status check_limits(const Service& service) {
  const Value* resources = service.spec.at({"deploy", "resources"});
  if (!resources) return {};
  auto number = [](const Value* value) { return !value ? 0.0 : value->is_string() ? std::atof(std::string(value->text()).c_str()) : value->number_or(0); };
  auto differ = [&](std::string_view key, std::initializer_list<std::string_view> path) {
    const Value* one = service.spec.find(key);
    const Value* other = resources->at(path);
    return one && other && std::abs(number(one) - number(other)) > 1e-6;
  };
  auto said_twice = [&](std::string_view key, std::string_view path) {
    return wrong(fmt::format("services.{}: can't set distinct values on '{}' and 'deploy.resources.{}'", service.name, key, path));
  };
  if (differ("cpus", {"limits", "cpus"})) return said_twice("cpus", "limits.cpus");
  if (differ("mem_limit", {"limits", "memory"})) return said_twice("mem_limit", "limits.memory");
  if (differ("mem_reservation", {"reservations", "memory"})) return said_twice("mem_reservation", "reservations.memory");
  if (differ("pids_limit", {"limits", "pids"})) return said_twice("pids_limit", "limits.pids");
  return {};
}

Status check_scale(const Service& service) {
  const Value* scale = service.spec.find("scale");
  const Value* replicas = service.spec.at({"deploy", "replicas"});
  if (scale && replicas && scale->int_or(0) != replicas->int_or(0))
    return wrong(fmt::format("services.{}: can't set distinct values on 'scale' and 'deploy.replicas'", service.name));
  if (service.scale < 0 || service.scale > 10'000)
    return fail(Code::kInvalidArgument, fmt::format("services.{}: a scale of {} is out of range", service.name, service.scale));
  if (service.scale > 1 && !service.container_name.empty())
    return wrong(
        fmt::format("services.{}: can't set container_name and {} as container name must be unique", service.name, scale ? "scale" : "deploy.replicas"));
  return {};
}

Status check_mounts(const Service& service) {
  std::map<std::string, std::string> places;
  auto claim = [&](const std::string& target, const std::string& place) -> Status {
    auto [known, fresh] = places.try_emplace(target, place);
    return fresh ? Status() : fail(Code::kInvalidArgument, fmt::format("{}: target {} already mounted as {}", place, target, known->second));
  };
  for (const char* key : {"tmpfs", "volumes"}) {
    const Value* list = service.spec.find(key);
    if (!list) continue;
    size_t i = 0;
    for (const auto& item : list->items()) {
      std::string target(item.is_string() ? item.text().substr(0, item.text().find(':')) : item.text_at({"target"}));
      TRY(claim(target, fmt::format("services.{}.{}[{}]", service.name, key, i++)));
    }
  }
  return {};
}

Status check_service(const Project& project, const Service& service) {
  if (service.image.empty() && !service.builds && !service.spec.has("provider"))
    return wrong(fmt::format("service \"{}\" has neither an image nor a build context specified", service.name));
  const Value* build = service.spec.find("build");
  if (build && build->has("dockerfile_inline") && build->has("dockerfile"))
    return wrong(fmt::format("service \"{}\" declares mutualy exclusive dockerfile and dockerfile_inline", service.name));
  if (service.spec.has("network_mode") && !service.networks.empty())
    return wrong(fmt::format("service {} declares mutually exclusive `network_mode` and `networks`", service.name));
  if (const Value* test = service.spec.at({"healthcheck", "test"}); test && test->size() > 0) {
    auto first = test->items()[0].text();
    if (first != "CMD" && first != "CMD-SHELL" && first != "NONE")
      return fail(Code::kInvalidArgument, "healthcheck.test must start either by \"CMD\", \"CMD-SHELL\" or \"NONE\"");
  }
  if (const Value* platforms = build ? build->find("platforms") : nullptr; platforms && service.spec.has("platform") && platforms->size() > 0) {
    auto platform = service.spec.text_at({"platform"});
    bool there = std::ranges::any_of(platforms->items(), [&](const Value& one) { return one.text() == platform; });
    if (!there) return wrong(fmt::format("service.build.platforms MUST include service.platform \"{}\"", platform));
  }
  const std::string& policy = service.pull_policy;
  if (!policy.empty() && policy != "always" && policy != "never" && policy != "missing" && policy != "build" && policy != "daily" && policy != "weekly" &&
      !policy.starts_with("every_"))
    return fail(Code::kInvalidArgument, fmt::format("services.{}.pull_policy: invalid value \"{}\"", service.name, policy));
  if (const Value* ports = service.spec.find("ports"))
    for (const auto& port : ports->items())
      if (auto address = port.text_at({"host_ip"}); !address.empty() && !IpAddress::parse(address))
        return fail(Code::kInvalidArgument, fmt::format("services.{}.ports: invalid ip address: {}", service.name, address));
  TRY(check_references(project, service));
  TRY(check_scale(service));
  TRY(check_mounts(service));
  return check_limits(service);
}

Status check_file_objects(const std::map<std::string, Resource>& objects, std::string_view kind, bool content) {
  for (const auto& [key, object] : objects) {
    int sources = (object.spec.has("file") ? 1 : 0) + (object.spec.has("environment") ? 1 : 0) + (object.spec.has("content") ? 1 : 0);
    std::string_view keys = content ? "file|environment|content" : "file|environment";
    if (sources > 1) return fail(Code::kInvalidArgument, fmt::format("{}.{}: {} attributes are mutually exclusive", kind, key, keys));
    if (sources == 0 && !object.external && !object.spec.has("driver"))
      return fail(Code::kInvalidArgument, fmt::format("{}.{}: one of {} must be set", kind, key, keys));
  }
  return {};
}

Status check_external(const std::map<std::string, Resource>& resources, std::string_view kind) {
  for (const auto& [key, resource] : resources) {
    if (!resource.external) continue;
    for (const auto& member : resource.spec.members())
      if (member.key() != "name" && member.key() != "external" && !member.key().starts_with("x-"))
        return wrong(fmt::format("{}.{}: conflicting parameters \"external\" and \"{}\" specified", kind, key, member.key()));
  }
  return {};
}

}  // namespace

Status check_consistency(const Project& project) {
  std::map<std::string, std::string> names;
  for (const auto& [name, service] : project.services) {
    TRY(check_service(project, service));
    if (service.container_name.empty()) continue;
    auto [known, fresh] = names.try_emplace(service.container_name, name);
    if (!fresh)
      return fail(Code::kInvalidArgument, fmt::format("services.{}: container name \"{}\" is already in use by \"services.{}\": invalid compose project", name,
                                                      service.container_name, known->second));
  }
  TRY(check_file_objects(project.secrets, "secrets", false));
  TRY(check_file_objects(project.configs, "configs", true));
  TRY(check_external(project.volumes, "volumes"));
  TRY(check_external(project.networks, "networks"));
  auto order = in_order(project);
  return order ? Status() : Fail(std::move(order).error());
}

}  // namespace reigen::compose
