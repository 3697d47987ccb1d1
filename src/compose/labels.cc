#include "compose/labels.h"

#include <fmt/core.h>

#include "image/digest.h"

namespace reigen::compose {

using api::Value;

std::optional<std::string> inline_content(const Project& project, const Resource& object) {
  if (const Value* content = object.spec.find("content")) return std::string(content->text());
  auto name = object.spec.text_at({"environment"});
  if (name.empty()) return std::nullopt;
  auto found = project.environment.find(name);
  return found == project.environment.end() ? std::string() : found->second;
}

std::string service_hash(const Project& project, const Service& service) {
  Value spec = service.spec;
  for (const char* key : {"build", "pull_policy", "depends_on", "profiles", "scale", "develop", "pre_stop", "post_start", "attach"}) spec.erase(key);
  if (Value* deploy = spec.find("deploy")) {
    deploy->erase("replicas");
    deploy->erase("update_config");
    deploy->erase("rollback_config");
    if (deploy->size() == 0) spec.erase("deploy");
  }
  Value used = Value::object();
  for (const auto& network : service.networks)
    if (auto found = project.networks.find(network); found != project.networks.end()) used.make({"networks"}).set(network, found->second.name);
  if (const Value* volumes = service.spec.find("volumes"))
    for (const auto& volume : volumes->items())
      if (auto found = project.volumes.find(std::string(volume.text_at({"source"}))); found != project.volumes.end() && volume.text_at({"type"}) == "volume")
        used.make({"volumes"}).set(found->first, found->second.name);
  for (auto [key, objects] : {std::pair("secrets", &project.secrets), std::pair("configs", &project.configs)}) {
    const Value* uses = service.spec.find(key);
    if (!uses) continue;
    for (const auto& use : uses->items()) {
      auto found = objects->find(std::string(use.text_at({"source"})));
      if (found == objects->end()) continue;
      auto content = inline_content(project, found->second);
      used.make({key}).set(found->first, content ? image::digest_of(*content) : std::string(found->second.spec.text_at({"file"})));
    }
  }
  Value all = Value::object({{"service", std::move(spec)}, {"image", service.image}, {"uses", std::move(used)}});
  return image::hex_of(image::digest_of(api::to_json(all, {.sorted = true})));
}

std::string resource_hash(const Resource& resource) { return image::hex_of(image::digest_of(api::to_json(resource.spec, {.sorted = true}))); }

Value container_labels(const Project& project, const Service& service, int number, bool one_off) {
  Value labels = Value::object();
  if (const Value* given = service.spec.find("labels"))
    for (const auto& member : given->members()) labels.set(member.key(), member.value);
  labels.set(kProjectLabel, project.name);
  labels.set(kServiceLabel, service.name);
  labels.set(kVersionLabel, kVersion);
  labels.set(kOneOffLabel, one_off ? "True" : "False");
  if (number > 0) labels.set(kNumberLabel, std::to_string(number));
  labels.set(kDirectoryLabel, project.directory);
  std::string files, depends;
  for (const auto& file : project.files) files += (files.empty() ? "" : ",") + file;
  labels.set(kFilesLabel, files);
  if (!project.env_files.empty()) {
    std::string env_files;
    for (const auto& file : project.env_files) env_files += (env_files.empty() ? "" : ",") + file;
    labels.set("com.docker.compose.project.environment_file", env_files);
  }
  for (const auto& [name, dependency] : service.depends_on)
    depends += fmt::format("{}{}:{}:{}", depends.empty() ? "" : ",", name, dependency.condition, dependency.restart);
  labels.set("com.docker.compose.depends_on", depends);
  return labels;
}

Value resource_labels(const Project& project, const Resource& resource, std::string_view key_label) {
  Value labels = Value::object();
  if (const Value* given = resource.spec.find("labels"))
    for (const auto& member : given->members()) labels.set(member.key(), member.value);
  labels.set(key_label, resource.key);
  labels.set(kProjectLabel, project.name);
  labels.set(kVersionLabel, kVersion);
  return labels;
}

std::string project_filter(std::string_view project, std::initializer_list<std::string> more) {
  Value labels = Value::array();
  labels.push_back(project.empty() ? std::string(kProjectLabel) : fmt::format("{}={}", kProjectLabel, project));
  for (const auto& label : more) labels.push_back(label);
  return api::to_json(Value::object({{"label", std::move(labels)}}));
}

}  // namespace reigen::compose
