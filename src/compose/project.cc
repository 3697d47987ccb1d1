#include "compose/project.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <filesystem>

#include "compose/complete.h"
#include "compose/consistency.h"
#include "compose/env_file.h"
#include "compose/loader.h"
#include "compose/short_forms.h"
#include "compose/source_file.h"

extern char** environ;

namespace reigen::compose {
namespace {

using api::Value;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::string value_of(const Environment& environment, std::string_view name) {
  auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

std::string working_directory() {
  std::error_code error;
  return std::filesystem::current_path(error).string();
}

struct Place {
  std::vector<std::string> files;
  std::string directory;
  std::vector<std::string> env_files;
  Environment environment;
};

// COMPOSE_FILE may stand in .env, and where .env is depends on the files: the folder is looked for first, then the rest.
Result<Place> find_place(const ProjectOptions& options, const Environment& outer) {
  Place place;
  std::string here = working_directory();
  std::string given = options.directory.empty() ? value_of(outer, "COMPOSE_PROJECT_DIRECTORY") : options.directory;
  std::vector<std::string> files = options.files;
  std::string separator = value_of(outer, "COMPOSE_PATH_SEPARATOR");
  if (files.empty()) files = split(value_of(outer, "COMPOSE_FILE"), separator.empty() ? ':' : separator[0]);
  for (auto& file : files)
    if (file != "-") file = join_path(here, file);
  if (files.empty()) files = find_compose_files(given.empty() ? here : join_path(here, given));
  auto folder = [&] {
    if (!given.empty()) return join_path(here, given);
    if (files.empty() || files[0] == "-") return here;
    size_t slash = files[0].rfind('/');
    return slash == 0 ? std::string("/") : files[0].substr(0, slash);
  };
  place.directory = folder();
  place.environment = outer;
  std::vector<std::string> env_files = options.env_files.empty() ? split(value_of(outer, "COMPOSE_ENV_FILES"), ',') : options.env_files;
  if (env_files.empty() && ::access((place.directory + "/.env").c_str(), F_OK) == 0 && value_of(outer, "COMPOSE_DISABLE_ENV_FILE").empty())
    env_files.push_back(place.directory + "/.env");
  for (const auto& file : env_files) {
    std::string path = join_path(here, file);
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) continue;
    auto values = read_env_file(path, place.environment);
    if (!values && values.error().code() == Code::kNotFound) return fail(Code::kNotFound, "couldn't find env file: " + path);
    if (!values) return fail(std::move(values).error());
    for (auto& [key, value] : *values)
      if (!outer.contains(key)) place.environment[key] = value;
    place.env_files.push_back(path);
  }
  if (options.files.empty() && value_of(outer, "COMPOSE_FILE").empty() && !value_of(place.environment, "COMPOSE_FILE").empty()) {
    files = split(value_of(place.environment, "COMPOSE_FILE"), ':');
    for (auto& file : files) file = join_path(place.directory, file);
  }
  place.files = std::move(files);
  return place;
}

Status check_name(const std::string& name) {
  if (name == normal_name(name) && !name.empty()) return {};
  return fail(
      Code::kInvalidArgument,
      fmt::format("invalid project name \"{}\": must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a "
                  "letter or number",
                  name));
}

// `from_files`: the last `name:` of the files.
Result<std::string> decide_name(const ProjectOptions& options, const Place& place, const std::string& from_files) {
  std::string name = options.name;
  if (name.empty()) name = value_of(place.environment, "COMPOSE_PROJECT_NAME");
  if (!name.empty()) {
    TRY(check_name(name));
    return name;
  }
  name = normal_name(from_files);
  if (!name.empty()) return name;
  name = normal_name(std::string_view(place.directory).substr(place.directory.rfind('/') + 1));
  if (name.empty()) return fail(Code::kInvalidArgument, "project name must not be empty");
  return name;
}

void fill_resources(std::map<std::string, Resource>& into, const Value* section) {
  if (!section) return;
  for (const auto& member : section->members()) {
    Resource resource{std::string(member.key()), std::string(member.value.text_at({"name"})), false, member.value};
    resource.external = member.value.find("external") && member.value.find("external")->bool_or(false);
    into.emplace(resource.key, std::move(resource));
  }
}

bool enabled(const Service& service, const std::vector<std::string>& profiles) {
  if (service.profiles.empty()) return true;
  return std::ranges::any_of(
      profiles, [&](const std::string& profile) { return profile == "*" || std::ranges::find(service.profiles, profile) != service.profiles.end(); });
}

void enable_named(Project& project, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    auto node = project.disabled.extract(name);
    if (!node.empty()) project.services.insert(std::move(node));
  }
}

Status fill_services(Project& project, const ProjectOptions& options) {
  std::vector<std::string> profiles = options.profiles;
  for (auto& profile : split(value_of(project.environment, "COMPOSE_PROFILES"), ',')) profiles.push_back(profile);
  if (const Value* services = std::as_const(project.tree).find("services")) {
    for (const auto& member : services->members()) {
      Service service = make_service(std::string(member.key()), project.name, project.compatibility, member.value);
      auto& group = enabled(service, profiles) ? project.services : project.disabled;
      group.emplace(service.name, std::move(service));
    }
  }
  enable_named(project, options.services);
  if (!options.interpolate) return {};
  for (auto& [name, service] : project.services) {
    TRY(resolve_environment(service.spec, name, project.environment));
    project.tree["services"].set(name, service.spec);
  }
  return {};
}

// Files are mounted as they are.
void note_owners(Project& project) {
  for (auto [key, known] : {std::pair("secrets", &project.secrets), std::pair("configs", &project.configs)})
    for (const auto& [name, service] : project.services) {
      const Value* uses = service.spec.find(key);
      if (!uses) continue;
      for (const auto& use : uses->items()) {
        auto found = known->find(std::string(use.text_at({"source"})));
        if (found == known->end() || found->second.spec.text_at({"file"}).empty() || (!use.has("uid") && !use.has("gid") && !use.has("mode"))) continue;
        project.findings.push_back({Treatment::kWarned, name,
                                    fmt::format("services.{}.{}.{}: uid, gid and mode have no effect: the file is mounted as it is", name, key, found->first)});
      }
    }
}

}  // namespace

Environment process_environment() {
  Environment environment;
  for (char** entry = environ; entry && *entry; ++entry) {
    std::string_view text = *entry;
    size_t equals = text.find('=');
    if (equals != std::string_view::npos && equals > 0) environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

std::string normal_name(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter || (!out.empty() && (c == '-' || c == '_'))) out += c;
  }
  return out;
}

Service make_service(const std::string& name, const std::string& project, bool compatibility, Value spec) {
  Service service;
  service.name = name;
  service.image = std::string(spec.text_at({"image"}));
  service.builds = spec.has("build");
  if (service.image.empty() && service.builds) service.image = fmt::format("{}{}{}", project, compatibility ? '_' : '-', name);
  if (const Value* replicas = spec.at({"deploy", "replicas"})) service.scale = static_cast<int>(replicas->int_or(1));
  if (const Value* scale = spec.find("scale")) service.scale = static_cast<int>(scale->int_or(1));
  service.container_name = std::string(spec.text_at({"container_name"}));
  service.pull_policy = std::string(spec.text_at({"pull_policy"}));
  if (const Value* depends = spec.find("depends_on"))
    for (const auto& member : depends->members()) {
      auto flag = [&](std::string_view key, bool fallback) { return member.value.find(key) ? member.value.find(key)->bool_or(fallback) : fallback; };
      service.depends_on[std::string(member.key())] = {std::string(member.value.text_at({"condition"})), flag("restart", false), flag("required", true)};
    }
  if (const Value* profiles = spec.find("profiles"))
    for (const auto& profile : profiles->items()) service.profiles.emplace_back(profile.text());
  if (const Value* networks = spec.find("networks")) {
    std::vector<std::pair<int64_t, std::string>> order;  // the highest priority first, then by name
    for (const auto& member : networks->members()) {
      const Value* priority = member.value.find("priority");
      order.emplace_back(priority ? ~priority->int_or(0) : ~int64_t{0}, member.key());
    }
    std::ranges::sort(order);
    for (auto& [priority, network] : order) service.networks.push_back(network);
  }
  if (auto grace = spec.text_at({"stop_grace_period"}); !grace.empty())
    if (auto duration = parse_duration(grace))
      service.stop_grace_seconds = static_cast<int>(std::clamp<int64_t>(std::chrono::ceil<std::chrono::seconds>(*duration).count(), -1, INT32_MAX));
  service.spec = std::move(spec);
  return service;
}

Result<std::string> project_name(const ProjectOptions& options, const Environment& outer) {
  TRY_ASSIGN(Place place, find_place(options, outer));
  std::string name = options.name.empty() ? value_of(place.environment, "COMPOSE_PROJECT_NAME") : options.name;
  if (!name.empty()) return decide_name(options, place, "");
  TRY_ASSIGN(Project project, open_project(options, outer));
  return project.name;
}

Result<Project> open_project(const ProjectOptions& options, const Environment& outer) {
  TRY_ASSIGN(Place place, find_place(options, outer));
  if (place.files.empty()) return fail(Code::kNotFound, "no configuration file provided: not found");
  // Files may use the project's name; that of the files themselves is not known yet.
  LoadOptions load{place.files, place.directory, place.environment, options.interpolate, options.resolve_paths, options.only_variables};
  if (auto name = decide_name(options, place, ""); name && !load.environment.contains("COMPOSE_PROJECT_NAME")) load.environment["COMPOSE_PROJECT_NAME"] = *name;
  TRY_ASSIGN(LoadedFiles loaded, load_files(load));
  Project project;
  std::string from_files = normal_name(loaded.tree.text_at({"name"}));
  if (!from_files.empty() && options.name.empty() && value_of(place.environment, "COMPOSE_PROJECT_NAME").empty() &&
      load.environment["COMPOSE_PROJECT_NAME"] != from_files && loaded.notes.used.contains("COMPOSE_PROJECT_NAME")) {
    load.environment["COMPOSE_PROJECT_NAME"] = from_files;
    TRY_ASSIGN(loaded, load_files(load));
  }
  TRY_ASSIGN(project.name, decide_name(options, place, std::string(loaded.tree.text_at({"name"}))));
  project.environment = std::move(place.environment);
  project.environment["COMPOSE_PROJECT_NAME"] = project.name;
  project.directory = place.directory;
  project.files = std::move(place.files);
  project.env_files = std::move(place.env_files);
  project.compatibility = options.compatibility || value_of(project.environment, "COMPOSE_COMPATIBILITY") == "true";
  project.tree = std::move(loaded.tree);
  project.tree.erase("version");
  if (options.interpolate || options.normalise) project.tree.set("name", project.name);
  project.findings = std::move(loaded.findings);
  project.notes = std::move(loaded.notes);
  if (options.normalise) complete_services(project.tree, options.resolve_paths ? project.directory : ".");
  else complete_targets(project.tree);
  if (options.normalise || options.interpolate) complete_resources(project.tree, options.normalise ? project.name : "");
  fill_resources(project.networks, std::as_const(project.tree).find("networks"));
  fill_resources(project.volumes, std::as_const(project.tree).find("volumes"));
  fill_resources(project.secrets, std::as_const(project.tree).find("secrets"));
  fill_resources(project.configs, std::as_const(project.tree).find("configs"));
  TRY(fill_services(project, options));
  note_owners(project);
  if (options.consistency && options.interpolate) TRY(check_consistency(project));
  return project;
}

}  // namespace reigen::compose
