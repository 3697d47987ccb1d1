#include <fmt/core.h>

#include <algorithm>
#include <ctime>

#include "compose/commands/commands.h"
#include "compose/flags.h"
#include "compose/labels.h"
#include "compose/operations.h"
#include "compose/table.h"

namespace reigen::compose {
namespace {

using api::Value;

int64_t number_of(const Value& value, std::string_view key) { return value.find(key) ? value.find(key)->int_or(0) : 0; }

std::vector<Value> sorted_ports(const Observed& container) {
  std::vector<Value> ports;
  if (const Value* list = container.raw.find("Ports")) ports.assign(list->items().begin(), list->items().end());
  std::ranges::sort(ports, [](const Value& a, const Value& b) {
    return std::tuple(number_of(a, "PrivatePort"), a.text_at({"IP"}), number_of(a, "PublicPort")) <
           std::tuple(number_of(b, "PrivatePort"), b.text_at({"IP"}), number_of(b, "PublicPort"));
  });
  return ports;
}

std::string ports_text(const Observed& container) {
  std::string out;
  for (const auto& port : sorted_ports(container)) {
    out += out.empty() ? "" : ", ";
    if (number_of(port, "PublicPort") > 0) {
      auto address = port.text_at({"IP"});
      out += fmt::format("{}:{}->", address, number_of(port, "PublicPort"));
    }
    out += fmt::format("{}/{}", number_of(port, "PrivatePort"), port.text_at({"Type"}));
  }
  return out;
}

std::string health_of(const Observed& container) {
  for (const char* word : {"(healthy)", "(unhealthy)", "(health: starting)"})
    if (container.status.find(word) != std::string::npos)
      return word[1] == 'h' && word[7] == ':' ? "starting" : std::string(word + 1, std::string_view(word).size() - 2);
  return "";
}

int exit_code_of(const Observed& container) {
  int code = 0;
  std::sscanf(container.status.c_str(), "Exited (%d)", &code);
  return code;
}

Value publishers(const Observed& container) {
  Value list = Value::array();
  for (const auto& port : sorted_ports(container))
    list.push_back(Value::object({{"URL", port.text_at({"IP"})},
                                  {"TargetPort", number_of(port, "PrivatePort")},
                                  {"PublishedPort", number_of(port, "PublicPort")},
                                  {"Protocol", port.text_at({"Type"})}}));
  return list;
}

std::string joined(const Value* map_or_list, std::string_view key) {
  std::string out;
  if (!map_or_list) return out;
  for (const auto& member : map_or_list->members())
    out += fmt::format("{}{}{}", out.empty() ? "" : ",", member.key(), key.empty() ? "=" + std::string(member.value.text()) : "");
  for (const auto& item : map_or_list->items()) {
    auto name = item.text_at({"Name"});
    out += fmt::format("{}{}", out.empty() ? "" : ",", name.empty() ? item.text_at({"Source"}) : name);
  }
  return out;
}

Value fields_of(const Observed& container, const std::string& project, bool whole) {
  int64_t created = number_of(container.raw, "Created");
  std::time_t seconds = created;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char text[64];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z %Z", &parts);
  auto now = std::chrono::duration_cast<std::chrono::seconds>(system_clock().wall().time_since_epoch()).count();
  std::string command = fmt::format("\"{}\"", whole ? std::string(container.raw.text_at({"Command"})) : shorten(container.raw.text_at({"Command"}), 20));
  return Value::object({{"Command", command},
                        {"CreatedAt", text},
                        {"ExitCode", exit_code_of(container)},
                        {"Health", health_of(container)},
                        {"ID", whole ? container.id : container.id.substr(0, 12)},
                        {"Image", container.image},
                        {"Labels", joined(container.raw.find("Labels"), "")},
                        {"LocalVolumes", "0"},
                        {"Mounts", joined(container.raw.find("Mounts"), "Name")},
                        {"Name", container.name},
                        {"Names", container.name},
                        {"Networks", joined(container.raw.at({"NetworkSettings", "Networks"}), "Name")},
                        {"Ports", ports_text(container)},
                        {"Project", project},
                        {"Publishers", publishers(container)},
                        {"RunningFor", human_duration(std::chrono::seconds(now - created)) + " ago"},
                        {"Service", container.service},
                        {"Size", "0B"},
                        {"State", container.state},
                        {"Status", container.status}});
}

Status print(const std::vector<Observed>& containers, const std::string& project, const std::string& format, bool whole) {
  std::vector<std::vector<std::string>> rows = {{"NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"}};
  std::string own = format.starts_with("table ") ? format.substr(6) : format;
  bool columns = format.empty() || format == "table";
  for (const auto& container : containers) {
    Value fields = fields_of(container, project, whole);
    auto text = [&](const char* key) { return std::string(fields.text_at({key})); };
    if (columns) {
      rows.push_back({text("Name"), text("Image"), text("Command"), text("Service"), text("RunningFor"), text("Status"), text("Ports")});
    } else if (format == "json") {
      fmt::print("{}\n", api::to_json(fields, {.escape_html = false}));
    } else {
      TRY_ASSIGN(std::string line, fill_template(own, fields));
      fmt::print("{}\n", line);
    }
  }
  if (columns) fmt::print("{}", format_table(rows, 10));
  return {};
}

}  // namespace

Result<int> run_ps(Session& session, const Arguments& arguments) {
  bool all = false, quiet = false, services = false, whole = false, orphans = true;
  std::string format, filter;
  std::vector<std::string> states;
  Flags flags("ps [OPTIONS] [SERVICE...]", "List containers");
  flags.flag(&all, "all", 'a', "Show stopped containers too, and those of run")
      .text(&filter, "filter", 0, "status=STATE")
      .text(&format, "format", 0, "table, json, or a template such as '{{.Name}}'")
      .flag(&whole, "no-trunc", 0, "Don't shorten")
      .flag(&orphans, "orphans", 0, "Include containers of services not in the files")
      .flag(&quiet, "quiet", 'q', "Only ids")
      .flag(&services, "services", 0, "Only services")
      .list(&states, "status", 0, "Only containers in this state: paused, restarting, removing, running, dead, created, exited");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  if (!filter.empty()) {
    if (!filter.starts_with("status=")) return fail(Code::kInvalidArgument, fmt::format("unknown filter {}", filter.substr(0, filter.find('='))));
    states.push_back(filter.substr(7));
  }
  TRY_ASSIGN(Project project, session.project_or_name());
  TRY(check_services(project, *words));
  TRY_ASSIGN(EngineClient * engine, session.engine());
  TRY_ASSIGN(auto containers, observe(*engine, project.name, all ? OneOffs::kToo : OneOffs::kWithout));
  containers = of_services(std::move(containers), *words);
  std::erase_if(containers, [&](const Observed& container) {
    bool ours = project.services.empty() || project.services.contains(container.service) || project.disabled.contains(container.service);
    if (!ours && !orphans) return true;
    if (!states.empty()) return std::ranges::find(states, container.state) == states.end();
    return !all && !container.running();
  });
  if (quiet) {
    for (const auto& container : containers) fmt::print("{}\n", container.id);
    return 0;
  }
  if (services) {
    std::string last;
    for (const auto& container : containers)
      if (container.service != last) fmt::print("{}\n", last = container.service);
    return 0;
  }
  TRY(print(containers, project.name, format, whole));
  return 0;
}

Result<int> run_port(Session& session, const Arguments& arguments) {
  std::optional<int> index;
  std::string protocol = "tcp";
  Flags flags("port [OPTIONS] SERVICE PRIVATE_PORT", "Print the public port for a port binding");
  flags.number(&index, "index", 0, "Number of the container").text(&protocol, "protocol", 0, "tcp or udp");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  if (words->size() < 2) return fail(Code::kInvalidArgument, fmt::format("requires at least 2 arg(s), only received {}", words->size()));
  std::string wanted = (*words)[1];
  if (size_t slash = wanted.find('/'); slash != std::string::npos) {
    protocol = wanted.substr(slash + 1);
    wanted.resize(slash);
  }
  TRY_ASSIGN(Project project, session.project_or_name());
  TRY_ASSIGN(EngineClient * engine, session.engine());
  TRY_ASSIGN(auto containers, observe(*engine, project.name));
  TRY_ASSIGN(Observed container, pick(containers, (*words)[0], index.value_or(0)));
  for (const auto& port : sorted_ports(container)) {
    if (std::to_string(number_of(port, "PrivatePort")) != wanted || port.text_at({"Type"}) != protocol || number_of(port, "PublicPort") == 0) continue;
    auto address = port.text_at({"IP"});
    std::string host = address.find(':') == std::string_view::npos ? std::string(address) : fmt::format("[{}]", address);
    fmt::print("{}:{}\n", host, number_of(port, "PublicPort"));
    return 0;
  }
  return fail(Code::kNotFound, fmt::format("no port {}/{} for container {}: {}", wanted, protocol, container.name, ports_text(container)));
}

Result<int> run_ls(Session& session, const Arguments& arguments) {
  bool all = false, quiet = false;
  std::string format;
  std::vector<std::string> filters;
  Flags flags("ls [OPTIONS]", "List running compose projects");
  flags.flag(&all, "all", 'a', "Stopped projects too")
      .list(&filters, "filter", 0, "name=NAME")
      .text(&format, "format", 0, "table or json")
      .flag(&quiet, "quiet", 'q', "Only names");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  TRY_ASSIGN(EngineClient * engine, session.engine());
  TRY_ASSIGN(auto list, engine->get(with_query("/containers/json", {{"all", all ? "1" : ""}, {"filters", project_filter("")}})));
  std::map<std::string, std::map<std::string, int>> states;
  std::map<std::string, std::string> files;
  for (const auto& item : std::as_const(list).items()) {
    std::string name(item.text_at({"Labels", kProjectLabel}));
    bool wanted = filters.empty();
    for (const auto& filter : filters) wanted |= filter.starts_with("name=") && name.find(filter.substr(5)) != std::string::npos;
    if (!wanted) continue;
    ++states[name][std::string(item.text_at({"State"}))];
    files[name] = item.text_at({"Labels", kFilesLabel});
  }
  Value out = Value::array();
  std::vector<std::vector<std::string>> rows = {{"NAME", "STATUS", "CONFIG FILES"}};
  for (const auto& [name, counts] : states) {
    std::string status;
    for (const auto& [state, count] : counts) status += fmt::format("{}{}({})", status.empty() ? "" : ", ", state, count);
    if (quiet) fmt::print("{}\n", name);
    rows.push_back({name, status, files[name]});
    out.push_back(Value::object({{"Name", name}, {"Status", status}, {"ConfigFiles", files[name]}}));
  }
  if (quiet) return 0;
  if (format == "json") fmt::print("{}\n", api::to_json(out, {.escape_html = false}));
  else fmt::print("{}", format_table(rows, 20));
  return 0;
}

}  // namespace reigen::compose
