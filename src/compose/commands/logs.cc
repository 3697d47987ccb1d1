#include <fmt/core.h>

#include <algorithm>
#include <ctime>
#include <set>

#include "base/executor.h"
#include "compose/commands/commands.h"
#include "compose/flags.h"
#include "compose/labels.h"
#include "compose/log_view.h"
#include "compose/operations.h"
#include "compose/runner.h"
#include "compose/table.h"

namespace reigen::compose {

using api::Value;

Result<int> run_logs(Session& session, const Arguments& arguments) {
  LogOptions options;
  bool no_color = false, no_prefix = false;
  std::optional<int> index;
  Flags flags("logs [OPTIONS] [SERVICE...]", "View output from containers");
  flags.flag(&options.follow, "follow", 'f', "Follow the output")
      .number(&index, "index", 0, "Number of the container")
      .flag(&no_color, "no-color", 0, "Without colours")
      .flag(&no_prefix, "no-log-prefix", 0, "Without names before lines")
      .text(&options.since, "since", 0, "Since this time (2013-01-02T13:23:37Z) or so long ago (42m)")
      .text(&options.until, "until", 0, "Until this time or so long ago")
      .text(&options.tail, "tail", 'n', "Lines from the end of each container's log (default all)")
      .flag(&options.timestamps, "timestamps", 't', "Show timestamps");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  TRY_ASSIGN(options.since, log_time(options.since));
  TRY_ASSIGN(options.until, log_time(options.until));
  TRY_ASSIGN(Project project, session.project_or_name());
  TRY(check_services(project, *words));
  TRY_ASSIGN(EngineClient * engine, session.engine());
  TRY_ASSIGN(auto all, observe(*engine, project.name));
  auto containers = of_services(std::move(all), *words);
  // Without names: what the files have, but for what they keep silent (`attach: false`).
  if (words->empty() && !project.services.empty())
    std::erase_if(containers, [&](const Observed& container) {
      const Service* service = project.find(container.service);
      const Value* attach = service ? service->spec.find("attach") : nullptr;
      return !service || (attach && !attach->bool_or(true));
    });
  if (index && *index > 0 && !words->empty()) {
    TRY_ASSIGN(Observed one, pick(containers, words->front(), *index, true));
    containers.assign(1, std::move(one));
  }
  LogView view({.color = session.color_out() && !no_color, .prefix = !no_prefix});
  for (const auto& container : containers) view.add(short_name(project.name, container));
  auto show = [&](size_t i) -> Status {
    std::string name = short_name(project.name, containers[i]);
    auto code = show_log(*engine, containers[i], name, options, view);
    if (!code) return fail(std::move(code).error());
    if (options.follow && containers[i].running()) view.note(name, fmt::format("exited with code {}", *code));
    return {};
  };
  if (options.follow) {
    TRY(run_all(containers.size(), show, 256));
  } else {
    for (size_t i = 0; i < containers.size(); ++i) TRY(show(i));
  }
  return 0;
}

Result<int> run_events(Session& session, const Arguments& arguments) {
  bool json = false;
  std::string since, until;
  Flags flags("events [OPTIONS] [SERVICE...]", "Receive real time events from containers");
  flags.flag(&json, "json", 0, "A JSON object an event").text(&since, "since", 0, "Since this time").text(&until, "until", 0, "Until this time");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  TRY_ASSIGN(since, log_time(since));
  TRY_ASSIGN(until, log_time(until));
  TRY_ASSIGN(Project project, session.project_or_name());
  TRY_ASSIGN(EngineClient * engine, session.engine());
  TRY_ASSIGN(auto answer, engine->stream("GET", with_query("/events", {{"filters", project_filter(project.name)}, {"since", since}, {"until", until}})));
  TRY(read_json_stream(*answer.body, [&](const Value& event) -> Status {
    if (event.text_at({"Type"}) != "container") return {};
    auto attribute = [&](std::string_view key) { return event.text_at({"Actor", "Attributes", key}); };
    std::string service(attribute(kServiceLabel));
    auto action = event.text_at({"Action"});
    if (action.starts_with("exec_") || attribute(kOneOffLabel) == "True") return {};
    if (!words->empty() && std::ranges::find(*words, service) == words->end()) return {};
    Value attributes = Value::object();
    std::string listed;
    if (const Value* given = event.at({"Actor", "Attributes"}))
      for (const auto& member : given->members()) {
        if (member.key().starts_with("com.docker.compose.")) continue;
        attributes.set(member.key(), member.value);
        listed += fmt::format("{}{}={}", listed.empty() ? "" : ", ", member.key(), member.value.text());
      }
    int64_t ns = event.find("timeNano") ? event.find("timeNano")->int_or(0) : 0;
    std::time_t seconds = ns / 1'000'000'000;
    std::tm parts{};
    json ? ::gmtime_r(&seconds, &parts) : ::localtime_r(&seconds, &parts);
    char text[32];
    std::strftime(text, sizeof text, json ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &parts);
    std::string time = fmt::format("{}.{:06d}{}", text, ns % 1'000'000'000 / 1000, json ? "Z" : "");
    auto id = event.text_at({"Actor", "ID"});
    if (json)
      fmt::print("{}\n",
                 api::to_json(
                     Value::object(
                         {{"action", action}, {"attributes", std::move(attributes)}, {"id", id}, {"service", service}, {"time", time}, {"type", "container"}}),
                     {.escape_html = false}));
    else fmt::print("{} container {} {} ({})\n", time, action, id, listed);
    std::fflush(stdout);
    return {};
  }));
  return 0;
}

Result<int> run_top(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(auto words, Flags("top [SERVICE...]", "Display the running processes").parse(arguments));
  if (!words) return 0;
  TRY_ASSIGN(Project project, session.project_or_name());
  TRY(check_services(project, *words));
  TRY_ASSIGN(EngineClient * engine, session.engine());
  TRY_ASSIGN(auto all, observe(*engine, project.name));
  for (const auto& container : of_services(std::move(all), *words)) {
    if (!container.running()) continue;
    TRY_ASSIGN(Value top, engine->get(fmt::format("/containers/{}/top", container.id)));
    std::vector<std::vector<std::string>> rows;
    auto add = [&](const Value& row) {
      std::vector<std::string> cells;
      for (const auto& cell : row.items()) cells.emplace_back(cell.text());
      rows.push_back(std::move(cells));
    };
    if (const Value* titles = std::as_const(top).find("Titles")) add(*titles);
    if (const Value* processes = std::as_const(top).find("Processes"))
      for (const auto& process : processes->items()) add(process);
    fmt::print("{}\n{}\n", container.name, format_table(rows, 5));
  }
  return 0;
}

Result<int> run_images(Session& session, const Arguments& arguments) {
  bool quiet = false;
  std::string format;
  Flags flags("images [OPTIONS] [SERVICE...]", "List images used by the created containers");
  flags.text(&format, "format", 0, "table or json").flag(&quiet, "quiet", 'q', "Only ids");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  TRY(check_list_format(format));
  TRY_ASSIGN(Project project, session.project_or_name());
  TRY(check_services(project, *words));
  TRY_ASSIGN(EngineClient * engine, session.engine());
  TRY_ASSIGN(auto all, observe(*engine, project.name, OneOffs::kToo));
  std::set<std::string> shown;
  std::vector<std::vector<std::string>> rows = {{"CONTAINER", "REPOSITORY", "TAG", "IMAGE ID", "SIZE"}};
  Value out = Value::array();
  for (const auto& container : of_services(std::move(all), *words)) {
    TRY_ASSIGN(Value image, engine->get(fmt::format("/images/{}/json", container.image_id)));
    std::string repository = "<none>", tag = "<none>", id(image.text_at({"Id"}));
    if (const Value* tags = std::as_const(image).find("RepoTags"))
      for (const auto& name : tags->items()) {
        std::string text(name.text());
        bool asked = text == container.image || text == container.image + ":latest";
        if (repository != "<none>" && !asked) continue;
        repository = text.substr(0, text.rfind(':'));
        tag = text.substr(text.rfind(':') + 1);
      }
    int64_t size = image.find("Size") ? image.find("Size")->int_or(0) : 0;
    if (id.starts_with("sha256:")) id.erase(0, 7);
    if (quiet && shown.insert(id).second) fmt::print("{}\n", id);
    rows.push_back({container.name, repository, tag, id.substr(0, 12), human_size(size)});
    out.push_back(Value::object({{"ID", "sha256:" + id}, {"ContainerName", container.name}, {"Repository", repository}, {"Tag", tag}, {"Size", size}}));
  }
  if (quiet) return 0;
  if (format == "json") fmt::print("{}\n", api::to_json(out, {.escape_html = false}));
  else fmt::print("{}", format_table(rows, 20));
  return 0;
}

}  // namespace reigen::compose
