// start, stop, restart, kill, pause, unpause, rm, wait: what acts on containers that are there.
#include <fmt/core.h>

#include <algorithm>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <set>

#include "compose/commands/commands.h"
#include "compose/flags.h"
#include "compose/operations.h"
#include "base/executor.h"
#include "compose/runner.h"
#include "compose/terminal.h"

namespace reigen::compose {
namespace {

struct Found {
  Project project;
  std::vector<Observed> containers;
};

// Of services that are enabled or named; with `orphans` of others, too.
Result<Found> find_in(Session& session, Project project, const std::vector<std::string>& services, OneOffs one_offs = OneOffs::kWithout, bool orphans = false) {
  Found found;
  found.project = std::move(project);
  TRY(check_services(found.project, services));
  TRY_ASSIGN(EngineClient * engine, session.engine());
  TRY_ASSIGN(auto containers, observe(*engine, found.project.name, one_offs));
  found.containers = of_services(std::move(containers), services);
  if (!orphans && !found.project.services.empty())
    std::erase_if(found.containers, [&](const Observed& container) { return !found.project.services.contains(container.service); });
  return found;
}

Result<Found> find(Session& session, const std::vector<std::string>& services, OneOffs one_offs = OneOffs::kWithout, bool orphans = false) {
  TRY_ASSIGN(Project project, session.project_or_name(services));
  return find_in(session, std::move(project), services, one_offs, orphans);
}

Status post_each(Session& session, const Found& found, bool backwards, const std::string& doing, const std::string& did, const std::string& act,
                 Duration limit) {
  TRY_ASSIGN(EngineClient * engine, session.engine());
  return in_dependency_order(found.project, found.containers, backwards, [&](const Observed& container) -> Status {
    std::string line = "Container " + container.name;
    bool told = act != "pause" && act != "unpause";  // as Docker's: only what has been done
    if (told) session.progress().begin(line, doing);
    if (!session.options().dry_run) {
      auto done = engine->post(fmt::format("/containers/{}/{}", container.id, act), {}, limit);
      if (!done) {
        if (told) session.progress().failed(line, "Error while " + doing);
        return fail(std::move(done).error());
      }
    }
    session.progress().done(line, did);
    return {};
  });
}

}  // namespace

Result<int> run_start(Session& session, const Arguments& arguments) {
  bool wait = false;
  std::optional<int> wait_timeout;
  Flags flags("start [OPTIONS] [SERVICE...]", "Start services");
  flags.flag(&wait, "wait", 0, "Wait until services are running or healthy").number(&wait_timeout, "wait-timeout", 0, "Seconds --wait may take");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  // With what they depend on.
  TRY_ASSIGN(Project project, session.project_or_name(*words));
  TRY(check_services(project, *words));
  std::vector<std::string> services = *words;
  if (!project.services.empty()) {
    TRY_ASSIGN(services, with_dependencies(project, *words));
  }
  TRY_ASSIGN(Found found, find_in(session, std::move(project), services));
  if (found.containers.empty() && found.project.services.empty())
    return fail(Code::kNotFound, fmt::format("no container found for project \"{}\": not found", found.project.name));
  std::set<std::string> present;
  for (const auto& container : found.containers) present.insert(container.service);
  for (const auto& name : services)
    if (const Service* service = found.project.find(name); service && !present.contains(name) && service->scale > 0)
      return fail(Code::kNotFound, fmt::format("service \"{}\" has no container to start", name));
  TRY(in_dependency_order(found.project, found.containers, false, [&](const Observed& container) -> Status {
    const Service* service = found.project.find(container.service);
    if (service)
      for (const auto& [name, dependency] : service->depends_on) {
        if (dependency.condition == "service_started") continue;
        std::vector<std::pair<std::string, std::string>> others;
        for (const auto& other : found.containers)
          if (other.service == name) others.emplace_back(other.name, other.id);
        if (!others.empty()) TRY(wait_for_condition(session, found.project, name, others, dependency.condition, Duration::zero()));
      }
    return container.state == "running" ? Status() : start_container(session, container.name, container.id);
  }));
  if (!wait) return 0;
  TRY(run_all(found.containers.size(), [&](size_t i) {
    const Observed& one = found.containers[i];
    return wait_for_condition(session, found.project, one.service, {{one.name, one.id}}, "running_or_healthy", std::chrono::seconds(wait_timeout.value_or(0)));
  }));
  return 0;
}

Result<int> run_stop(Session& session, const Arguments& arguments) {
  std::optional<int> timeout;
  Flags flags("stop [OPTIONS] [SERVICE...]", "Stop services");
  flags.number(&timeout, "timeout", 't', "Seconds a stop may take");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  TRY_ASSIGN(Found found, find(session, *words));
  std::erase_if(found.containers, [](const Observed& container) { return !container.running(); });
  TRY(in_dependency_order(found.project, found.containers, true,
                          [&](const Observed& container) { return stop_container(session, &found.project, container, timeout); }));
  return 0;
}

Result<int> run_restart(Session& session, const Arguments& arguments) {
  std::optional<int> timeout;
  bool no_deps = false;
  Flags flags("restart [OPTIONS] [SERVICE...]", "Restart service containers");
  flags.number(&timeout, "timeout", 't', "Seconds a stop may take").flag(&no_deps, "no-deps", 0, "Don't restart dependent services");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  std::vector<std::string> services = *words;
  TRY_ASSIGN(Project project, session.project_or_name(*words));
  // Those that asked to be restarted with what they depend on.
  for (size_t i = 0; i < services.size() && !no_deps; ++i)
    for (const auto& [name, service] : project.services) {
      auto depends = service.depends_on.find(services[i]);
      if (depends != service.depends_on.end() && depends->second.restart && std::ranges::find(services, name) == services.end()) services.push_back(name);
    }
  TRY_ASSIGN(Found found, find_in(session, std::move(project), services));
  TRY_ASSIGN(EngineClient * engine, session.engine());
  TRY(in_dependency_order(found.project, found.containers, false, [&](const Observed& container) -> Status {
    std::string line = "Container " + container.name;
    const Service* service = found.project.find(container.service);
    std::optional<int> grace = timeout ? timeout : service ? service->stop_grace_seconds : std::nullopt;
    session.progress().begin(line, "Restarting");
    if (!session.options().dry_run) {
      auto done = engine->post(with_query(fmt::format("/containers/{}/restart", container.id), {{"t", grace_text(grace)}}), {}, grace_limit(grace));
      if (!done) {
        session.progress().failed(line, "Error");
        return fail(std::move(done).error());
      }
      if (service) TRY(run_hooks(*engine, *service, container.id, "post_start"));
    }
    session.progress().done(line, "Started");
    return {};
  }));
  return 0;
}

Result<int> run_kill(Session& session, const Arguments& arguments) {
  std::string signal = "SIGKILL";
  bool orphans = false;
  Flags flags("kill [OPTIONS] [SERVICE...]", "Force stop service containers");
  flags.text(&signal, "signal", 's', "The signal (default SIGKILL)").flag(&orphans, "remove-orphans", 0, "Kill containers of services not in the files too");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  TRY_ASSIGN(Found found, find(session, *words, OneOffs::kToo, orphans));
  std::erase_if(found.containers, [&](const Observed& container) { return !container.running(); });
  if (found.containers.empty()) {
    fmt::print(stderr, "no container to kill\n");
    return 0;
  }
  TRY(post_each(session, found, false, "Killing", "Killed", "kill?signal=" + http::percent_encode(signal), std::chrono::minutes(2)));
  return 0;
}

Result<int> run_pause(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(auto words, Flags("pause [SERVICE...]", "Pause services").parse(arguments));
  if (!words) return 0;
  TRY_ASSIGN(Found found, find(session, *words));
  std::erase_if(found.containers, [](const Observed& container) { return !container.running(); });
  TRY(post_each(session, found, true, "Pausing", "Paused", "pause", std::chrono::minutes(2)));
  return 0;
}

Result<int> run_unpause(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(auto words, Flags("unpause [SERVICE...]", "Unpause services").parse(arguments));
  if (!words) return 0;
  TRY_ASSIGN(Found found, find(session, *words));
  std::erase_if(found.containers, [](const Observed& container) { return !container.running(); });
  TRY(post_each(session, found, false, "Unpausing", "Unpaused", "unpause", std::chrono::minutes(2)));
  return 0;
}

Result<int> run_rm(Session& session, const Arguments& arguments) {
  bool force = false, stop = false, volumes = false, all = false;
  Flags flags("rm [OPTIONS] [SERVICE...]", "Remove stopped service containers");
  flags.flag(&force, "force", 'f', "Don't ask")
      .flag(&stop, "stop", 's', "Stop containers that run first")
      .flag(&volumes, "volumes", 'v', "Remove their anonymous volumes too")
      .flag(&all, "all", 'a', "Has no effect");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  TRY_ASSIGN(Found found, find(session, *words));
  if (stop) {
    auto running = found.containers;
    std::erase_if(running, [](const Observed& container) { return !container.running(); });
    TRY(in_dependency_order(found.project, running, true, [&](const Observed& container) { return stop_container(session, &found.project, container, {}); }));
  } else {
    std::erase_if(found.containers, [](const Observed& container) { return container.running(); });
  }
  if (found.containers.empty()) {
    fmt::print(stderr, "No stopped containers\n");
    return 0;
  }
  std::string names;
  for (const auto& container : found.containers) names += (names.empty() ? "" : ", ") + container.name;
  fmt::print("Going to remove {}\n", names);
  if (!force) {
    if (is_terminal(0)) fmt::print("Are you sure? [yN] ");
    std::fflush(stdout);
    std::string answer;
    std::getline(std::cin, answer);
    if (answer != "y" && answer != "Y" && answer != "yes") return 0;
  }
  TRY(run_all(found.containers.size(), [&](size_t i) { return remove_container(session, found.containers[i], volumes, force); }));
  return 0;
}

Result<int> run_wait(Session& session, const Arguments& arguments) {
  bool down = false;
  Flags flags("wait SERVICE [SERVICE...] [OPTIONS]", "Block until the first service container stops");
  flags.flag(&down, "down-project", 0, "Take the project down when the first container stops");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  if (words->empty()) return fail(Code::kInvalidArgument, "requires at least 1 arg(s), only received 0");
  TRY_ASSIGN(Found found, find(session, *words));
  if (found.containers.empty()) return fail(Code::kNotFound, fmt::format("no containers for project \"{}\"", found.project.name));
  TRY_ASSIGN(EngineClient * engine, session.engine());
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Result<int>> first;
  // The first to end closes the streams of the others, which ends their threads.
  std::vector<std::shared_ptr<ByteStream>> streams;
  ThreadExecutor executor(static_cast<unsigned>(std::min<size_t>(found.containers.size(), 256)), "wait");
  for (const auto& container : found.containers) {
    executor.post([&, id = container.id, name = container.name] {
      auto answer = engine->stream("POST", fmt::format("/containers/{}/wait", id));
      Result<int> code = 0;
      if (!answer) {
        code = fail(std::move(answer).error());
      } else {
        {
          std::lock_guard lock(mutex);
          if (first) return;
          streams.push_back(answer->body);
        }
        auto text = read_piece(*answer->body);
        auto parsed = text ? api::parse_json(*text) : Result<api::Value>(fail(text.error()));
        if (parsed && parsed->has("StatusCode")) code = static_cast<int>(parsed->find("StatusCode")->int_or(0));
        else code = fail(Code::kUnavailable, "the engine ended the wait");
      }
      std::lock_guard lock(mutex);
      if (!first) {
        if (code) fmt::print("container \"{}\" exited with status code {}\n", name, *code);
        first = std::move(code);
      }
      changed.notify_one();
    });
  }
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return first.has_value(); });
    for (auto& stream : streams) stream->close();
  }
  if (down) {
    auto ended = run_down(session, {"--remove-orphans"});
    if (!ended) return ended;
  }
  return *first;
}

}  // namespace reigen::compose
