#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/files.h"
#include "compose/commands/commands.h"
#include "compose/config_view.h"
#include "compose/flags.h"
#include "compose/image_steps.h"
#include "compose/key_table.h"
#include "compose/labels.h"
#include "compose/table.h"

namespace reigen::compose {
namespace {

using api::Value;

struct ConfigFlags {
  bool images = false, no_consistency = false, no_interpolate = false, no_normalize = false, no_paths = false, profiles = false, quiet = false, digests = false,
       services = false, variables = false, volumes = false, networks = false, environment = false;
  std::string format = "yaml", hash, output;
};

Flags config_flags(ConfigFlags& given) {
  Flags flags("config [OPTIONS] [SERVICE...]", "Parse, resolve and render compose files in canonical form");
  flags.flag(&given.environment, "environment", 0, "Print the environment used for interpolation")
      .text(&given.format, "format", 0, "yaml or json")
      .text(&given.hash, "hash", 0, "Print the services' hashes: a name, several with commas, or *")
      .flag(&given.images, "images", 0, "Print the images' names")
      .flag(&given.networks, "networks", 0, "Print the networks' names")
      .flag(&given.no_consistency, "no-consistency", 0, "Don't check that all fits together")
      .flag(&given.no_interpolate, "no-interpolate", 0, "Leave variables as they are")
      .flag(&given.no_normalize, "no-normalize", 0, "Add nothing that the files do not say")
      .flag(&given.no_paths, "no-path-resolution", 0, "Leave paths as they are")
      .text(&given.output, "output", 'o', "Write to this file")
      .flag(&given.profiles, "profiles", 0, "Print the profiles' names")
      .flag(&given.quiet, "quiet", 'q', "Only check")
      .flag(&given.digests, "resolve-image-digests", 0, "Pin images to digests")
      .flag(&given.services, "services", 0, "Print the services' names")
      .flag(&given.variables, "variables", 0, "Print the variables the files use")
      .flag(&given.volumes, "volumes", 0, "Print the volumes' names");
  return flags;
}

Result<std::string> hashes(const Project& project, const std::string& which) {
  std::set<std::string> names;
  if (which == "*") {
    for (const auto& [name, service] : project.services) names.insert(name);
  } else {
    for (std::string_view rest = which; !rest.empty();) {
      names.emplace(rest.substr(0, rest.find(',')));
      rest.remove_prefix(std::min(rest.find(','), rest.size() - 1) + 1);
    }
  }
  std::string out;
  for (const auto& name : names) {
    auto found = project.services.find(name);
    if (found == project.services.end()) return fail(Code::kNotFound, fmt::format("no such service: {}: not found", name));
    out += fmt::format("{} {}\n", name, service_hash(project, found->second));
  }
  return out;
}

std::string variables(const Project& project) {
  std::vector<std::vector<std::string>> rows = {{"NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"}};
  for (const auto& [name, use] : project.notes.used) rows.push_back({name, use.required ? "true" : "false", use.fallback, use.alternate});
  return format_table(rows, 20);
}

// What is enabled and used. `only`: services named, with what they depend on.
Result<Value> shown_tree(const Project& project, const std::vector<std::string>& only) {
  Value tree = project.tree;
  std::set<std::string> kept, enabled;
  for (const auto& [name, service] : project.services) enabled.insert(name);
  if (only.empty()) {
    kept = enabled;
  } else {
    TRY_ASSIGN(auto names, with_dependencies(project, only));
    kept.insert(names.begin(), names.end());
  }
  std::set<std::string> used[4];
  static constexpr const char* kinds[] = {"networks", "volumes", "secrets", "configs"};
  Value services = Value::object();
  if (const Value* all = std::as_const(tree).find("services"))
    for (const auto& member : all->members()) {
      if (!enabled.contains(std::string(member.key()))) continue;
      if (kept.contains(std::string(member.key()))) services.set(member.key(), member.value);
      if (const Value* networks = member.value.find("networks"))
        for (const auto& network : networks->members()) used[0].emplace(network.key());
      for (size_t kind = 1; kind < 4; ++kind)
        if (const Value* list = member.value.find(kinds[kind]))
          for (const auto& item : list->items()) used[kind].emplace(item.text_at({"source"}));
      if (const Value* secrets = member.value.at({"build", "secrets"}))
        for (const auto& item : secrets->items()) used[2].emplace(item.text_at({"source"}));
    }
  tree.set("services", std::move(services));
  for (size_t kind = 0; kind < 4; ++kind) {
    Value* section = tree.find(kinds[kind]);
    if (!section || !section->is_object()) continue;
    Value left = Value::object();
    for (const auto& member : std::as_const(*section).members())
      if (used[kind].contains(std::string(member.key()))) left.set(member.key(), member.value);
    *section = std::move(left);
  }
  return tree;
}

Status pin_images(Session& session, Value& tree) {
  TRY_ASSIGN(EngineClient * engine, session.engine());
  for (auto& member : tree.find("services")->members()) {
    std::string image(member.value.text_at({"image"}));
    if (image.empty() || image.find('@') != std::string::npos) continue;
    TRY_ASSIGN(Value facts, engine->get(fmt::format("/distribution/{}/json", image)));
    member.value.set("image", fmt::format("{}@{}", image, facts.text_at({"Descriptor", "digest"})));
  }
  return {};
}

// A member that YAML leaves out, in its place among those of the shape.
void add_left_out(Value& object, const Shaped& shape, std::string_view name, const Value& value) {
  if (!object.is_object() || object.has(name)) return;
  Value whole = Value::object();
  for (const Key& key : shape.keys) {
    if (Value* known = object.find(key.name)) whole.set(key.name, std::move(*known));
    else if (key.name == name) whole.set(name, value);
  }
  for (auto& other : object.members())
    if (!whole.has(other.key())) whole.set(other.key(), std::move(other.value));
  object = std::move(whole);
}

// JSON says what YAML leaves out, and has its sections in the order of their names.
void make_json(Value& tree) {
  if (Value* services = tree.find("services"))
    for (auto& member : services->members())
      for (const char* name : {"command", "entrypoint"}) add_left_out(member.value, kServiceShape, name, Value());
  auto section = std::ranges::find(kFileShape.keys, std::string_view("networks"), &Key::name);
  if (Value* networks = tree.find("networks"))
    for (auto& member : networks->members()) add_left_out(member.value, *section->value->members, "ipam", Value::object());
  std::map<std::string, Value> sections;
  for (auto& member : tree.members()) sections[std::string(member.key())] = std::move(member.value);
  tree = Value::object();
  for (auto& [name, section] : sections) tree.set(name, std::move(section));
}

Result<std::string> lines_of(const Project& project, const ConfigFlags& given, const std::vector<std::string>& words) {
  std::string out;
  TRY_ASSIGN(auto services, with_dependencies(project, words));
  if (given.services) {
    for (const auto& name : services) out += name + "\n";
  } else if (given.volumes) {
    for (const auto& [key, volume] : project.volumes) out += key + "\n";
  } else if (given.networks) {
    for (const auto& [key, network] : project.networks) out += key + "\n";
  } else if (!given.hash.empty()) {
    return hashes(project, given.hash);
  } else if (given.images) {
    for (const auto& name : services) out += project.find(name)->image + "\n";
  } else if (given.profiles) {
    std::set<std::string> profiles;
    for (const auto* group : {&project.services, &project.disabled})
      for (const auto& [name, service] : *group) profiles.insert(service.profiles.begin(), service.profiles.end());
    for (const auto& profile : profiles) out += profile + "\n";
  } else if (given.variables) {
    return variables(project);
  } else {
    for (const auto& [name, value] : project.environment) out += fmt::format("{}={}\n", name, value);
  }
  return out;
}

}  // namespace

Result<int> run_config(Session& session, const Arguments& arguments) {
  ConfigFlags given;
  TRY_ASSIGN(auto words, config_flags(given).parse(arguments));
  if (!words) return 0;
  if (given.format != "yaml" && given.format != "json") return fail(Code::kInvalidArgument, fmt::format("unsupported format \"{}\"", given.format));
  auto& options = session.options().project;
  options.interpolate = !given.no_interpolate && !given.variables;
  options.only_variables = given.variables;
  options.normalise = !given.no_normalize;
  options.resolve_paths = !given.no_paths;
  options.consistency = !given.no_consistency && !given.no_normalize;
  TRY_ASSIGN(Project project, session.project(*words));
  TRY(check_services(project, *words));
  std::string out;
  bool lines =
      given.services || given.images || given.volumes || given.networks || given.profiles || given.environment || given.variables || !given.hash.empty();
  if (lines) {
    TRY_ASSIGN(out, lines_of(project, given, *words));
  } else {
    Value tree = project.tree;
    if (options.interpolate) {
      TRY_ASSIGN(tree, shown_tree(project, *words));
    }
    if (given.digests) TRY(pin_images(session, tree));
    tree = options.interpolate ? config_tree(tree, true) : sorted_tree(tree);
    if (given.format == "json" && options.interpolate) make_json(tree);
    out = given.format == "json" ? write_json(tree) : write_yaml(tree);
    if (given.quiet) return 0;
  }
  if (!given.output.empty() && !lines) {
    TRY(write_file(given.output, out, 0644));
    return 0;
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  return 0;
}

Result<int> run_version(Session&, const Arguments& arguments) {
  bool brief = false;
  std::string format;
  Flags flags("version [OPTIONS]", "Show the version information");
  flags.text(&format, "format", 'f', "pretty or json").flag(&brief, "short", 0, "Only the number");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  if (brief) fmt::print("{}\n", kVersion);
  else if (format == "json") fmt::print("{{\"version\":\"{}\"}}\n", kVersion);
  else fmt::print("Docker Compose version {} (as spoken by reigen)\n", kVersion);
  return 0;
}

}  // namespace reigen::compose
