#include "compose/operations.h"

#include <fmt/core.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>

#include "compose/runner.h"

namespace reigen::compose {
namespace {

using api::Value;

std::string line_of(const std::string& name) { return "Container " + name; }

// Polling is the engine's only way to tell health and end of several containers at once: 50 ms at first, half a second later.
void pause_before_next(int& round) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, std::chrono::milliseconds(std::min(500, 50 * ++round)));
}

bool is_gone(const Status& status) { return !status && status.error().code() == Code::kNotFound; }

}  // namespace

std::string grace_text(const std::optional<int>& seconds) { return seconds.has_value() ? std::to_string(seconds.value()) : std::string(); }

Duration grace_limit(const std::optional<int>& seconds) { return std::chrono::seconds(seconds.value_or(10)) + std::chrono::minutes(10); }

Status start_container(Session& session, const std::string& name, const std::string& id) {
  TRY_ASSIGN(EngineClient * engine, session.engine());
  session.progress().begin(line_of(name), "Starting");
  if (session.options().dry_run) {
    session.progress().done(line_of(name), "Started");
    return {};
  }
  auto started = engine->post(fmt::format("/containers/{}/start", id));
  if (!started) {
    session.progress().failed(line_of(name), "Error");
    return fail(std::move(started).error());
  }
  session.progress().done(line_of(name), "Started");
  return {};
}

Status stop_container(Session& session, const Project* project, const Observed& container, std::optional<int> timeout) {
  TRY_ASSIGN(EngineClient * engine, session.engine());
  const Service* service = project ? project->find(container.service) : nullptr;
  session.progress().begin(line_of(container.name), "Stopping");
  if (session.options().dry_run) {
    session.progress().done(line_of(container.name), "Stopped");
    return {};
  }
  if (service && container.state == "running") TRY(run_hooks(*engine, *service, container.id, "pre_stop"));
  if (!timeout.has_value() && service) timeout = service->stop_grace_seconds;
  std::string target = with_query(fmt::format("/containers/{}/stop", container.id), {{"t", grace_text(timeout)}});
  auto stopped = engine->post(target, {}, grace_limit(timeout));
  if (!stopped && stopped.error().code() != Code::kNotFound) {
    session.progress().failed(line_of(container.name), "Error while Stopping");
    return fail(std::move(stopped).error());
  }
  session.progress().done(line_of(container.name), "Stopped");
  return {};
}

Status remove_container(Session& session, const Observed& container, bool volumes, bool force) {
  TRY_ASSIGN(EngineClient * engine, session.engine());
  session.progress().begin(line_of(container.name), "Removing");
  if (session.options().dry_run) {
    session.progress().done(line_of(container.name), "Removed");
    return {};
  }
  auto removed = engine->remove(with_query("/containers/" + container.id, {{"v", volumes ? "1" : ""}, {"force", force ? "1" : ""}}));
  // "removal of container x is already in progress" is what somebody else does.
  bool others = !removed && removed.error().code() == Code::kConflict && removed.error().message().find("already in progress") != std::string::npos;
  if (!removed && !is_gone(removed) && !others) {
    session.progress().failed(line_of(container.name), "Error while Removing");
    return removed;
  }
  session.progress().done(line_of(container.name), "Removed");
  return {};
}

Status stop_and_remove(Session& session, const Project* project, const Observed& container, std::optional<int> timeout, bool volumes) {
  if (container.running()) TRY(stop_container(session, project, container, timeout));
  return remove_container(session, container, volumes, true);
}

std::vector<Observed> of_services(std::vector<Observed> containers, const std::vector<std::string>& services) {
  if (!services.empty()) std::erase_if(containers, [&](const Observed& container) { return std::ranges::find(services, container.service) == services.end(); });
  return containers;
}

Status in_dependency_order(const Project& project, const std::vector<Observed>& containers, bool backwards, const std::function<Status(const Observed&)>& act) {
  std::map<std::string, std::vector<size_t>> by_service;
  for (size_t i = 0; i < containers.size(); ++i) by_service[containers[i].service].push_back(i);
  std::vector<std::vector<size_t>> after(containers.size());
  // Without files the containers' labels say what depends on what: "db:service_healthy:true,…".
  if (project.services.empty())
    for (size_t mine = 0; mine < containers.size(); ++mine) {
      std::string_view rest = containers[mine].raw.text_at({"Labels", "com.docker.compose.depends_on"});
      while (!rest.empty()) {
        auto entry = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
        auto found = by_service.find(std::string(entry.substr(0, entry.find(':'))));
        if (found == by_service.end() || found->first == containers[mine].service) continue;
        for (size_t theirs : found->second) after[backwards ? theirs : mine].push_back(backwards ? mine : theirs);
      }
    }
  for (const auto& [name, service] : project.services)
    for (const auto& [other, dependency] : service.depends_on)
      for (size_t mine : by_service[name])
        for (size_t theirs : by_service[other]) after[backwards ? theirs : mine].push_back(backwards ? mine : theirs);
  return run_graph(after, [&](size_t i) { return act(containers[i]); });
}

Result<int> run_hook(EngineClient& engine, const std::string& container, const Value& hook) {
  Value body = Value::object({{"AttachStdout", true}, {"AttachStderr", true}});
  if (const Value* command = hook.find("command")) body.set("Cmd", *command);
  for (auto [name, key] : {std::pair("User", "user"), std::pair("WorkingDir", "working_dir"), std::pair("Privileged", "privileged")})
    if (const Value* value = hook.find(key)) body.set(name, *value);
  if (const Value* environment = hook.find("environment"))
    for (const auto& member : environment->members()) body["Env"].push_back(fmt::format("{}={}", member.key(), member.value.text()));
  TRY_ASSIGN(Value made, engine.post(fmt::format("/containers/{}/exec", container), body));
  std::string id(made.text_at({"Id"}));
  TRY_ASSIGN(auto stream, engine.hijack(fmt::format("/exec/{}/start", id), Value::object({{"Detach", false}, {"Tty", false}})));
  for (;;) {
    auto piece = read_piece(*stream);
    if (!piece || piece->empty()) break;
  }
  TRY_ASSIGN(Value state, engine.get(fmt::format("/exec/{}/json", id)));
  const Value* code = state.find("ExitCode");
  return code ? static_cast<int>(code->int_or(0)) : 0;
}

Status run_hooks(EngineClient& engine, const Service& service, const std::string& container, std::string_view key) {
  const Value* hooks = service.spec.find(key);
  if (!hooks) return {};
  for (const auto& hook : hooks->items()) {
    TRY_ASSIGN(int code, run_hook(engine, container, hook));
    if (code != 0) return fail(Code::kInternal, fmt::format("services.{}: {} hook exited with code {}", service.name, key, code));
  }
  return {};
}

Status wait_for_condition(Session& session, const Project&, const std::string& service, const std::vector<std::pair<std::string, std::string>>& containers,
                          const std::string& condition, Duration limit) {
  TRY_ASSIGN(EngineClient * engine, session.engine());
  if (containers.empty()) return fail(Code::kUnavailable, fmt::format("no containers for service {}", service));
  if (session.options().dry_run) return {};
  // What shows in the first half second may pass: a check that failed before, a program about to end.
  TimePoint end = system_clock().now() + limit, settled = system_clock().now() + std::chrono::milliseconds(500);
  for (const auto& [name, id] : containers) {
    session.progress().begin(line_of(name), "Waiting");
    for (int round = 0;;) {
      TRY_ASSIGN(Value state, engine->get(fmt::format("/containers/{}/json", id)));
      auto status = state.text_at({"State", "Status"}), health = state.text_at({"State", "Health", "Status"});
      const Value* code = state.at({"State", "ExitCode"});
      int64_t exit_code = code ? code->int_or(0) : 0;
      bool ended = status == "exited" || status == "dead", wants_health = condition == "service_healthy";
      bool early = system_clock().now() < settled;
      auto give_up = [&](const std::string& why) {
        session.progress().failed(line_of(name), "Error");
        return fail(Code::kUnavailable, wants_health ? "dependency failed to start: " + why : why);
      };
      if (condition == "service_completed_successfully") {
        if (ended && exit_code != 0) return give_up(fmt::format("service \"{}\" didn't complete successfully: exit {}", service, exit_code));
        if (ended) break;
      } else {
        if (ended) return give_up(fmt::format("container {} exited ({})", name, exit_code));
        if (wants_health && health.empty()) return give_up(fmt::format("container {} has no healthcheck configured", name));
        if (health == "unhealthy" && !early) return give_up(fmt::format("container {} is unhealthy", name));
        if (status == "running" && (health == "healthy" || (health.empty() && !early))) break;
      }
      if (limit > Duration::zero() && system_clock().now() > end) return give_up(fmt::format("timeout waiting for container {}", name));
      pause_before_next(round);
    }
    session.progress().done(line_of(name), condition == "service_completed_successfully" ? "Exited" : "Healthy");
  }
  return {};
}

}  // namespace reigen::compose
