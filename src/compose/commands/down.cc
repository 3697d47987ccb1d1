#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "compose/commands/commands.h"
#include "compose/flags.h"
#include "compose/labels.h"
#include "compose/operations.h"
#include "compose/runner.h"

namespace reigen::compose {
namespace {

struct DownFlags {
  bool orphans = false, volumes = false;
  std::string images;
  std::optional<int> timeout;
};

Status remove_network(Session& session, EngineClient& engine, const std::string& name, const std::string& id) {
  std::string line = "Network " + name;
  session.progress().begin(line, "Removing");
  if (session.options().dry_run) return {};
  auto removed = engine.remove("/networks/" + id);
  if (!removed && removed.error().code() == Code::kNotFound) {
    session.progress().tell(line, "Warning: No resource found to remove", ProgressView::State::kWarning);
    return {};
  }
  if (!removed && removed.error().message().find("has active endpoints") != std::string::npos) {
    session.progress().tell(line, "Resource is still in use", ProgressView::State::kWarning);
    return {};
  }
  if (!removed) session.progress().failed(line, "Error");
  else session.progress().done(line, "Removed");
  return removed;
}

// Whether there were any.
Result<bool> remove_networks(Session& session, EngineClient& engine, const Project& project) {
  TRY_ASSIGN(auto list, engine.get(with_query("/networks", {{"filters", project_filter(project.name)}})));
  std::vector<std::pair<std::string, std::string>> networks;
  for (const auto& network : std::as_const(list).items()) {
    std::string key(network.text_at({"Labels", kNetworkLabel}));
    auto known = project.networks.find(key);
    if (known != project.networks.end() && known->second.external) continue;
    networks.emplace_back(network.text_at({"Name"}), network.text_at({"Id"}));
  }
  TRY(run_all(networks.size(), [&](size_t i) { return remove_network(session, engine, networks[i].first, networks[i].second); }));
  return !networks.empty();
}

// Whether there were any.
Result<bool> remove_volumes(Session& session, EngineClient& engine, const Project& project) {
  std::set<std::string> names;
  for (const auto& [key, volume] : project.volumes)
    if (!volume.external) names.insert(volume.name);
  if (project.services.empty() && project.volumes.empty()) {
    TRY_ASSIGN(auto list, engine.get(with_query("/volumes", {{"filters", project_filter(project.name)}})));
    if (const api::Value* volumes = std::as_const(list).find("Volumes"))
      for (const auto& volume : volumes->items()) names.emplace(volume.text_at({"Name"}));
  }
  std::vector<std::string> all(names.begin(), names.end());
  TRY(run_all(all.size(), [&](size_t i) -> Status {
    std::string line = "Volume " + all[i];
    session.progress().begin(line, "Removing");
    if (session.options().dry_run) return {};
    auto removed = engine.remove("/volumes/" + all[i]);
    if (!removed && removed.error().code() == Code::kNotFound)
      session.progress().tell(line, "Warning: No resource found to remove", ProgressView::State::kWarning);
    else if (!removed && removed.error().code() == Code::kConflict) session.progress().tell(line, "Resource is still in use", ProgressView::State::kWarning);
    else if (!removed) session.progress().failed(line, "Error");
    else session.progress().done(line, "Removed");
    bool fine = removed || removed.error().code() == Code::kNotFound || removed.error().code() == Code::kConflict;
    return fine ? Status() : removed;
  }));
  return !all.empty();
}

Status remove_images(Session& session, EngineClient& engine, const Project& project, const std::string& which, const std::vector<std::string>& services) {
  std::set<std::string> names;
  for (const auto& [name, service] : project.services) {
    if (!services.empty() && std::ranges::find(services, name) == services.end()) continue;
    bool given = !service.spec.text_at({"image"}).empty();
    if (which == "all" || (service.builds && !given)) names.insert(service.image);
  }
  std::vector<std::string> all(names.begin(), names.end());
  return run_all(all.size(), [&](size_t i) -> Status {
    std::string line = "Image " + all[i];
    session.progress().begin(line, "Removing");
    if (session.options().dry_run) return {};
    auto removed = engine.remove("/images/" + all[i]);
    if (!removed && removed.error().code() == Code::kNotFound)
      session.progress().tell(line, "Warning: No resource found to remove", ProgressView::State::kWarning);
    else if (!removed && removed.error().code() == Code::kConflict) session.progress().tell(line, "Resource is still in use", ProgressView::State::kWarning);
    else if (!removed) return removed;
    else session.progress().done(line, "Removed");
    return {};
  });
}

}  // namespace

Result<int> run_down(Session& session, const Arguments& arguments) {
  DownFlags given;
  Flags flags("down [OPTIONS] [SERVICE...]", "Stop and remove containers and networks");
  flags.flag(&given.orphans, "remove-orphans", 0, "Remove containers of services not in the files too")
      .text(&given.images, "rmi", 0, "Remove images: local (those without a name of their own) or all")
      .number(&given.timeout, "timeout", 't', "Seconds a stop may take")
      .flag(&given.volumes, "volumes", 'v', "Remove the named volumes of the files and anonymous ones");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  if (!given.images.empty() && given.images != "all" && given.images != "local")
    return fail(Code::kInvalidArgument, fmt::format("invalid value for --rmi: \"{}\"", given.images));
  TRY_ASSIGN(Project project, session.project_or_name(*words));
  TRY(check_services(project, *words));
  TRY_ASSIGN(EngineClient * engine, session.engine());
  // Those of `run` are orphans.
  TRY_ASSIGN(auto containers, observe(*engine, project.name, given.orphans ? OneOffs::kToo : OneOffs::kWithout));
  bool any = !containers.empty();
  bool knows = !project.services.empty();
  std::erase_if(containers, [&](const Observed& container) {
    bool ours = !knows || project.services.contains(container.service);
    if (project.disabled.contains(container.service)) return true;  // of a profile that is not asked for
    if (!words->empty()) return std::ranges::find(*words, container.service) == words->end();
    return !ours && !given.orphans;
  });
  TRY(in_dependency_order(project, containers, true,
                          [&](const Observed& container) { return stop_and_remove(session, &project, container, given.timeout, given.volumes); }));
  if (!given.images.empty()) TRY(remove_images(session, *engine, project, given.images, *words));
  TRY_ASSIGN(bool had_networks, remove_networks(session, *engine, project));
  any |= had_networks || knows;
  if (given.volumes) {
    TRY_ASSIGN(bool had_volumes, remove_volumes(session, *engine, project));
    any |= had_volumes;
  }
  if (!any) fmt::print(stderr, "Warning: No resource found to remove for project \"{}\".\n", project.name);
  return 0;
}

}  // namespace reigen::compose
