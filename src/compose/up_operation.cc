#include "compose/up_operation.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <mutex>

#include "compose/container_request.h"
#include "compose/labels.h"
#include "compose/log_view.h"
#include "compose/operations.h"
#include "compose/runner.h"

namespace reigen::compose {
namespace {

using api::Value;

// Executes a plan; its steps may run at once.
class PlanRun {
 public:
  PlanRun(Session& session, const Project& project, const UpOptions& options, const Plan& plan, const std::vector<Observed>& before,
          const std::map<std::string, std::string>& image_ids)
      : session_(session), project_(project), options_(options), plan_(plan), before_(before), image_ids_(image_ids), made_(plan.steps.size()) {}

  Status run() {
    for (const auto& name : plan_.running) session_.progress().done("Container " + name, "Running");
    std::vector<std::vector<size_t>> after;
    for (const auto& step : plan_.steps) after.push_back(step.after);
    return run_graph(after, [&](size_t i) { return one(i); }, {.parallel = session_.options().parallel});
  }
  std::set<std::string> fresh() const { return fresh_; }
  std::map<std::string, std::string> told_until() const { return told_until_; }

 private:
  const Observed* known(const std::string& id) const {
    auto found = std::ranges::find(before_, id, &Observed::id);
    return found == before_.end() ? nullptr : &*found;
  }

  Status one(size_t i) {
    const Step& step = plan_.steps[i];
    switch (step.kind) {
      case Step::Kind::kRemove: return stop_and_remove(session_, &project_, *known(step.container), options_.timeout, false);
      case Step::Kind::kCreate: return create(i);
      case Step::Kind::kStart: return start(step);
      case Step::Kind::kRestart: return restart(step);
      case Step::Kind::kWait: return wait(step);
    }
    return {};
  }

  Status create(size_t i) {
    const Step& step = plan_.steps[i];
    const Observed* old = step.container.empty() ? nullptr : known(step.container);
    std::string line = "Container " + step.name;
    session_.progress().begin(line, old ? "Recreate" : "Creating");
    auto image = image_ids_.find(step.service);
    CreateOptions options{.name = step.name, .number = step.number, .replaces = old, .renew_volumes = options_.renew_volumes};
    options.image_id = image == image_ids_.end() ? "" : image->second;
    Result<std::string> made =
        session_.options().dry_run ? Result<std::string>("") : create_container(session_, project_, *project_.find(step.service), options);
    if (made && old && !session_.options().dry_run) {
      if (auto replaced = replace(*old, *made, step.name); !replaced) made = fail(std::move(replaced).error());
    }
    if (!made) {
      session_.progress().failed(line, "Error");
      return fail(std::move(made).error());
    }
    session_.progress().done(line, old ? "Recreated" : "Created");
    std::lock_guard lock(mutex_);
    made_[i] = *made;
    fresh_.insert(*made);
    return {};
  }

  // The old one ends, the new one takes its name.
  Status replace(const Observed& old, const std::string& id, const std::string& name) {
    TRY_ASSIGN(EngineClient * engine, session_.engine());
    const Service* service = project_.find(old.service);
    std::optional<int> timeout = options_.timeout ? options_.timeout : service ? service->stop_grace_seconds : std::nullopt;
    if (old.running()) {
      auto stopped = engine->post(with_query(fmt::format("/containers/{}/stop", old.id), {{"t", grace_text(timeout)}}), {}, grace_limit(timeout));
      if (!stopped && stopped.error().code() != Code::kNotFound) return fail(std::move(stopped).error());
    }
    auto removed = engine->remove(fmt::format("/containers/{}?force=1", old.id));
    if (!removed && removed.error().code() != Code::kNotFound) return removed;
    auto renamed = engine->post(with_query(fmt::format("/containers/{}/rename", id), {{"name", name}}));
    return renamed ? Status() : Fail(std::move(renamed).error());
  }

  std::string id_of(const Step& step) {
    std::lock_guard lock(mutex_);
    return step.made_by == Step::kNone ? step.container : made_[step.made_by];
  }

  Status start(const Step& step) {
    std::string id = id_of(step);
    if (const Observed* old = known(id); old && old->state == "paused") {
      TRY_ASSIGN(EngineClient * engine, session_.engine());
      auto resumed = engine->post(fmt::format("/containers/{}/unpause", id));
      return resumed ? Status() : Fail(std::move(resumed).error());
    }
    if (options_.attached && known(id) && !session_.options().dry_run) {
      TRY_ASSIGN(EngineClient * engine, session_.engine());
      auto last = after_last_line(*engine, id);  // a log that cannot be read has told nothing
      std::lock_guard lock(mutex_);
      if (last && !last->empty()) told_until_[id] = *last;
    }
    TRY(start_container(session_, step.name, id));
    {
      std::lock_guard lock(mutex_);
      fresh_.insert(id);
    }
    if (session_.options().dry_run) return {};
    TRY_ASSIGN(EngineClient * engine, session_.engine());
    return run_hooks(*engine, *project_.find(step.service), id, "post_start");
  }

  Status restart(const Step& step) {
    TRY_ASSIGN(EngineClient * engine, session_.engine());
    std::string line = "Container " + step.name;
    session_.progress().begin(line, "Restarting");
    if (!session_.options().dry_run) {
      auto restarted = engine->post(fmt::format("/containers/{}/restart", step.container), {}, std::chrono::minutes(12));
      if (!restarted) return fail(std::move(restarted).error());
    }
    session_.progress().done(line, "Started");
    return {};
  }

  Status wait(const Step& step) {
    std::vector<std::pair<std::string, std::string>> containers;
    for (const auto& other : plan_.steps)
      if (other.kind == Step::Kind::kStart && other.service == step.service) containers.emplace_back(other.name, id_of(other));
    for (const auto& other : before_) {
      bool replaced = std::ranges::any_of(plan_.steps, [&](const Step& one) { return one.container == other.id; });
      if (other.service == step.service && !replaced) containers.emplace_back(other.name, other.id);
    }
    auto done = wait_for_condition(session_, project_, step.service, containers, step.condition, Duration::zero());
    if (done) return {};
    if (!step.required) {
      session_.warn(fmt::format("optional dependency \"{}\" failed: {}", step.service, done.error().message()));
      return {};
    }
    return done;
  }

  Session& session_;
  const Project& project_;
  const UpOptions& options_;
  const Plan& plan_;
  const std::vector<Observed>& before_;
  const std::map<std::string, std::string>& image_ids_;
  std::mutex mutex_;
  std::vector<std::string> made_;
  std::set<std::string> fresh_;
  std::map<std::string, std::string> told_until_;
};

std::set<std::string> used_networks(const Project& project, const std::vector<std::string>& services) {
  std::set<std::string> used;
  for (const auto& name : services)
    for (const auto& network : project.find(name)->networks) used.insert(network);
  return used;
}

Status ensure_network(Session& session, const Project& project, const Resource& network) {
  TRY_ASSIGN(EngineClient * engine, session.engine());
  auto there = engine->get("/networks/" + network.name);
  if (there) {
    std::string owner(there->text_at({"Labels", kProjectLabel}));
    if (!network.external && owner != project.name)
      session.warn(fmt::format("a network with name {} exists but was not created {}.\nSet `external: true` to use an existing network", network.name,
                               owner.empty() ? "by compose" : fmt::format("for project \"{}\"", project.name)));
    return {};
  }
  if (there.error().code() != Code::kNotFound) return fail(std::move(there).error());
  if (network.external) {
    static const std::set<std::string> built_in = {"host", "none", "bridge"};
    if (built_in.contains(network.name)) return {};
    return fail(Code::kNotFound, fmt::format("network {} declared as external, but could not be found", network.name));
  }
  std::string line = "Network " + network.name;
  session.progress().begin(line, "Creating");
  if (!session.options().dry_run) {
    auto made = engine->post("/networks/create", network_body(project, network));
    if (!made && made.error().message().find("already exists") == std::string::npos) {
      session.progress().failed(line, "Error");
      return fail(std::move(made).error().context("failed to create network " + network.name));
    }
  }
  session.progress().done(line, "Created");
  return {};
}

Status ensure_volume(Session& session, const Project& project, const Resource& volume) {
  TRY_ASSIGN(EngineClient * engine, session.engine());
  auto there = engine->get("/volumes/" + volume.name);
  if (there) {
    std::string owner(there->text_at({"Labels", kProjectLabel}));
    if (!volume.external && owner != project.name)
      session.warn(
          fmt::format("volume \"{}\" already exists but was {}. Use `external: true` to use an existing volume", volume.name,
                      owner.empty() ? "not created by Docker Compose" : fmt::format("created for project \"{}\" (expected \"{}\")", owner, project.name)));
    return {};
  }
  if (there.error().code() != Code::kNotFound) return fail(std::move(there).error());
  if (volume.external) return fail(Code::kNotFound, fmt::format("external volume \"{}\" not found", volume.name));
  std::string line = fmt::format("Volume \"{}\"", volume.name);
  session.progress().begin(line, "Creating");
  if (!session.options().dry_run) {
    auto made = engine->post("/volumes/create", volume_body(project, volume));
    if (!made) {
      session.progress().failed(line, "Error");
      return fail(std::move(made).error());
    }
  }
  session.progress().done(line, "Created");
  return {};
}

}  // namespace

Status ensure_networks(Session& session, const Project& project, const std::vector<std::string>& services) {
  std::vector<const Resource*> networks;
  for (const auto& key : used_networks(project, services))
    if (auto found = project.networks.find(key); found != project.networks.end()) networks.push_back(&found->second);
  return run_all(networks.size(), [&](size_t i) { return ensure_network(session, project, *networks[i]); });
}

Status ensure_volumes(Session& session, const Project& project, const std::vector<std::string>& services) {
  std::set<std::string> used;
  for (const auto& name : services)
    if (const Value* volumes = project.find(name)->spec.find("volumes"))
      for (const auto& volume : volumes->items())
        if (volume.text_at({"type"}) == "volume" && !volume.text_at({"source"}).empty()) used.emplace(volume.text_at({"source"}));
  std::vector<const Resource*> volumes;
  for (const auto& key : used)
    if (auto found = project.volumes.find(key); found != project.volumes.end()) volumes.push_back(&found->second);
  return run_all(volumes.size(), [&](size_t i) { return ensure_volume(session, project, *volumes[i]); });
}

Result<std::map<std::string, int>> parse_scales(const Project& project, const std::vector<std::string>& arguments, std::string_view flag) {
  std::map<std::string, int> scales;
  for (const auto& argument : arguments) {
    size_t equals = argument.find('=');
    if (equals == std::string::npos)
      return fail(Code::kInvalidArgument, flag.empty() ? fmt::format("invalid scale specifier: {}", argument)
                                                       : fmt::format("invalid {} option \"{}\". Should be SERVICE=NUM", flag, argument));
    int number = -1;
    auto [end, ec] = std::from_chars(argument.data() + equals + 1, argument.data() + argument.size(), number);
    if (ec != std::errc() || end != argument.data() + argument.size())
      return fail(Code::kInvalidArgument, flag.empty() ? fmt::format("invalid scale specifier: can't parse replica value as int: {}", argument)
                                                       : fmt::format("strconv.Atoi: parsing \"{}\": invalid syntax", argument.substr(equals + 1)));
    if (number < 0 || number > 10'000) return fail(Code::kInvalidArgument, fmt::format("invalid scale specifier: {}", argument));
    std::string name = argument.substr(0, equals);
    if (!project.find(name)) return fail(Code::kNotFound, fmt::format("no such service: {}{}", name, flag.empty() ? "" : ": not found"));
    scales[name] = number;
  }
  return scales;
}

Result<UpResult> bring_up(Session& session, const Project& project, const UpOptions& options) {
  UpResult result;
  TRY_ASSIGN(result.services, with_dependencies(project, options.services));
  if (options.no_deps && !options.services.empty())
    std::erase_if(result.services, [&](const std::string& name) { return std::ranges::find(options.services, name) == options.services.end(); });
  TRY(refuse_unsupported(project, result.services));
  TRY_ASSIGN(EngineClient * engine, session.engine());
  TRY_ASSIGN(auto image_ids, ensure_images(session, project, result.services, options.images));
  // What runs is asked for while networks and volumes are made.
  std::vector<Observed> before;
  std::vector<std::function<Status()>> first = {[&] { return ensure_networks(session, project, result.services); },
                                                [&] { return ensure_volumes(session, project, result.services); },
                                                [&]() -> Status {
                                                  TRY_ASSIGN(before, observe(*engine, project.name));
                                                  return {};
                                                }};
  TRY(run_all(first.size(), [&](size_t i) { return first[i](); }));
  PlanOptions wanted;
  wanted.services = result.services;
  wanted.targets.insert(options.services.begin(), options.services.end());
  wanted.scale = options.scale;
  wanted.image_ids = image_ids;
  wanted.force_recreate = options.force_recreate;
  wanted.no_recreate = options.no_recreate;
  wanted.always_recreate_dependencies = options.always_recreate_dependencies;
  wanted.remove_orphans = options.remove_orphans;
  wanted.start = options.start;
  TRY_ASSIGN(Plan plan, make_plan(project, before, wanted));
  if (!plan.orphans.empty() && !options.ignore_orphans) {
    std::string names;
    for (const auto& name : plan.orphans) names += (names.empty() ? "" : " ") + name;
    session.warn(
        fmt::format("Found orphan containers ([{}]) for this project. If you removed or renamed this service in your compose file, you can run this command "
                    "with the --remove-orphans flag to clean it up.",
                    names));
  }
  PlanRun run(session, project, options, plan, before, image_ids);
  TRY(run.run());
  result.fresh = run.fresh();
  result.told_until = run.told_until();
  TRY_ASSIGN(auto now, observe(*engine, project.name));
  result.containers = of_services(std::move(now), result.services);
  return result;
}

}  // namespace reigen::compose
