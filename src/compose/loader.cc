#include "compose/loader.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

#include "compose/env_file.h"
#include "compose/merge.h"
#include "compose/normalise.h"
#include "compose/short_forms.h"

namespace reigen::compose {
namespace {

using api::Value;

constexpr size_t kMaxDepth = 32;  // of files that include or extend others

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// Volumes that version 1 names without declaring them.
void declare_volumes(Value& tree) {
  Value volumes = Value::object();
  for (const auto& service : tree.find("services")->members()) {
    const Value* mounts = service.value.find("volumes");
    if (!mounts) continue;
    for (const auto& mount : mounts->items()) {
      auto source = mount.text_at({"source"});
      if (mount.text_at({"type"}) == "volume" && !source.empty()) volumes.set(source, Value::object({{"name", source}}));
    }
  }
  if (volumes.size() > 0) tree.set("volumes", std::move(volumes));
}

class Loader {
 public:
  Loader(const LoadOptions& options, LoadedFiles& result) : options_(options), result_(result) {}

  // What the files make together. `chain`: the files that led here.
  Result<Value> load(const std::vector<std::string>& paths, const std::string& directory, const Environment& environment, std::vector<std::string> chain) {
    if (chain.size() > kMaxDepth) return fail(Code::kInvalidArgument, "files include one another too deeply");
    Value tree = Value::object();
    for (const auto& path : paths) {
      TRY_ASSIGN(auto files, read_source(path));
      for (auto& file : files) TRY(add(tree, file, directory, environment, chain));
    }
    return tree;
  }

 private:
  struct Context {
    std::string directory;
    const Environment& environment;
  };

  Status prepare(SourceFile& file, const Context& context) {
    bool keep = !options_.interpolate;
    if (options_.only_variables) note_variables(file.tree, result_.notes);
    if (!keep) TRY(interpolate_tree(file.tree, context.environment, &result_.notes, [&](const std::string& pointer) { return file.where(pointer); }));
    bool first_version = is_version_1(file.tree);
    TRY(check_file(file, result_.findings, keep));
    TRY(normalise_file(file, {context.directory, options_.resolve_paths, keep}));
    if (Value* services = file.tree.find("services"))
      for (auto& member : services->members()) drop_repeats(member.value);
    if (first_version) declare_volumes(file.tree);
    return {};
  }

  Status add(Value& tree, SourceFile& file, const std::string& directory, const Environment& environment, std::vector<std::string> chain) {
    Context context{directory, environment};
    TRY(prepare(file, context));
    if (Value* services = file.tree.find("services")) {
      for (auto& member : services->members()) TRY(extend(std::string(member.key()), member.value, *services, tree.find("services"), file, context, {}));
    }
    if (std::ranges::find(chain, file.path) != chain.end()) return fail(Code::kInvalidArgument, "include cycle detected: " + file.path);
    chain.push_back(file.path);
    Value included = Value::object();
    if (const Value* include = file.tree.find("include"))
      for (const auto& entry : include->items()) TRY(add_included(included, entry, file, context, chain));
    file.tree.erase("include");
    merge_files(tree, std::move(included));
    apply_tags(tree, file.tree, file.tags);
    merge_files(tree, std::move(file.tree));
    return {};
  }

  Status add_included(Value& into, const Value& entry, const SourceFile& file, const Context& context, const std::vector<std::string>& chain) {
    std::vector<std::string> paths;
    const Value* path = entry.is_string() ? &entry : entry.find("path");
    if (!path) return fail(Code::kInvalidArgument, file.where("/include") + "include needs a path");
    if (path->is_string()) paths.push_back(join_path(context.directory, path->text()));
    for (const auto& item : path->items()) paths.push_back(join_path(context.directory, item.text()));
    if (paths.empty()) return fail(Code::kInvalidArgument, file.where("/include") + "include needs a path");
    std::string directory = folder_of(paths[0]);
    if (auto given = entry.text_at({"project_directory"}); !given.empty()) directory = join_path(context.directory, given);
    std::vector<std::string> env_files;
    const Value* given = entry.find("env_file");
    if (given && given->is_string()) env_files.push_back(join_path(context.directory, given->text()));
    else if (given)
      for (const auto& item : given->items()) env_files.push_back(join_path(context.directory, item.text()));
    else if (::access((directory + "/.env").c_str(), F_OK) == 0) env_files.push_back(directory + "/.env");
    Environment environment = context.environment;
    for (const auto& env_file : env_files) {
      if (env_file == "/dev/null") continue;
      TRY_ASSIGN(auto values, read_env_file(env_file, environment));
      environment.merge(values);  // what is set outside wins
    }
    TRY_ASSIGN(Value tree, load(paths, directory, environment, chain));
    tree.erase("name");
    tree.erase("version");
    merge_files(into, std::move(tree));
    return {};
  }

  // Lays `service` over what it extends. `below`: the services of the files before.
  Status extend(const std::string& name, Value& service, const Value& services, const Value* below, const SourceFile& file, const Context& context,
                std::vector<std::string> chain) {
    const Value* extends = service.find("extends");
    if (!extends) return {};
    std::string link = file.path + ":" + name;
    if (std::ranges::find(chain, link) != chain.end()) return fail(Code::kInvalidArgument, fmt::format("circular reference: {} extends itself", link));
    chain.push_back(link);
    std::string wanted(extends->text_at({"service"})), other(extends->text_at({"file"}));
    if (wanted.empty())
      return fail(Code::kInvalidArgument, fmt::format("{}services.{}.extends needs a service", file.where("/services/" + name + "/extends"), name));
    Value base;
    auto missing = [&](const std::string& where) {
      return fail(Code::kInvalidArgument, fmt::format("cannot extend service \"{}\" in {}: service \"{}\" not found{}", name, file.path, wanted, where));
    };
    if (other.empty()) {
      const Value* found = services.find(wanted);
      if (!found && below) found = below->find(wanted);
      if (!found) return missing("");
      base = *found;
      TRY(extend(wanted, base, services, below, file, context, chain));
    } else {
      std::string path = join_path(context.directory, other);
      TRY_ASSIGN(auto files, read_source(path));
      Context there{folder_of(path), context.environment};
      TRY(prepare(files[0], there));
      const Value* their = files[0].tree.find("services");
      const Value* found = their ? their->find(wanted) : nullptr;
      if (!found) return missing(" in " + other);
      base = *found;
      TRY(extend(wanted, base, *their, nullptr, files[0], there, chain));
    }
    apply_service_tags(base, name, file.tags);
    Value over = std::move(service);
    over.erase("extends");
    base.erase("extends");
    merge_services(base, std::move(over));
    service = std::move(base);
    if (const Value* list = service.find("ports")) ports_ += list->items().size();
    if (ports_ > kMaxPorts)
      return fail(Code::kInvalidArgument, fmt::format("{}services that extend others have more than {} ports", file.where("/services/" + name), kMaxPorts));
    return {};
  }

  const LoadOptions& options_;
  LoadedFiles& result_;
  size_t ports_ = 0;  // of all services that extend others
};

}  // namespace

Result<LoadedFiles> load_files(const LoadOptions& options) {
  LoadedFiles result;
  TRY_ASSIGN(result.tree, Loader(options, result).load(options.files, options.directory, options.environment, {}));
  std::vector<Finding> once;
  for (auto& finding : result.findings)
    if (std::ranges::none_of(once, [&](const Finding& known) { return known.text == finding.text; })) once.push_back(std::move(finding));
  result.findings = std::move(once);
  return result;
}

}  // namespace reigen::compose
