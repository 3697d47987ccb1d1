#include <fmt/core.h>

#include <algorithm>
#include <ctime>
#include <set>

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

// As Docker's tables have them: neighbours that go to themselves as ranges, then those that go elsewhere.
std::string ports_text(const Observed& container) {
  struct Range {
    std::string address, type;
    int64_t first = 0, last = 0;
  };
  std::vector<Range> ranges;
  std::string out, translated;
  for (const auto& port : sorted_ports(container)) {
    std::string address(port.text_at({"IP"})), type(port.text_at({"Type"}));
    int64_t inner = number_of(port, "PrivatePort"), outer = number_of(port, "PublicPort");
    if (outer > 0 && outer != inner) {
      translated += fmt::format("{}{}:{}->{}/{}", translated.empty() ? "" : ", ", address, outer, inner, type);
      continue;
    }
    if (outer == 0) address.clear();
    auto before = std::ranges::find_if(ranges, [&](const Range& range) { return range.address == address && range.type == type && range.last + 1 == inner; });
    if (before != ranges.end()) before->last = inner;
    else ranges.push_back({std::move(address), std::move(type), inner, inner});
  }
  std::ranges::stable_sort(ranges, {}, [](const Range& range) { return std::tie(range.first, range.address, range.type); });
  for (const auto& [address, type, first, last] : ranges) {
    std::string numbers = first == last ? std::to_string(first) : fmt::format("{}-{}", first, last);
    out += fmt::format("{}{}/{}", out.empty() ? "" : ", ", address.empty() ? numbers : fmt::format("{}:{}->{}", address, numbers, numbers), type);
  }
  return out + (out.empty() || translated.empty() ? "" : ", ") + translated;
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
  return list.size() > 0 ? list : Value();
}

std::string joined(const Value* map, bool values) {
  std::string out;
  if (!map) return out;
  for (const auto& member : map->members())
    out += fmt::format("{}{}{}", out.empty() ? "" : ",", member.key(), values ? "=" + std::string(member.value.text()) : "");
  return out;
}

std::string mounts_text(const Observed& container, bool whole, int& volumes) {
  std::string out;
  const Value* mounts = container.raw.find("Mounts");
  if (!mounts) return out;
  for (const auto& mount : mounts->items()) {
    auto name = mount.text_at({"Name"});
    volumes += mount.text_at({"Driver"}) == "local";
    std::string shown(name.empty() ? mount.text_at({"Source"}) : name);
    out += (out.empty() ? "" : ",") + (whole ? shown : shorten(shown, 15));
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
  int volumes = 0;
  std::string mounts = mounts_text(container, whole, volumes);
  std::string command = fmt::format("\"{}\"", whole ? std::string(container.raw.text_at({"Command"})) : shorten(container.raw.text_at({"Command"}), 20));
  return Value::object({{"Command", command},
                        {"CreatedAt", text},
                        {"ExitCode", exit_code_of(container)},
                        {"Health", health_of(container)},
                        {"ID", whole ? container.id : container.id.substr(0, 12)},
                        {"Image", container.image},
                        {"Labels", joined(container.raw.find("Labels"), true)},
                        {"LocalVolumes", std::to_string(volumes)},
                        {"Mounts", mounts},
                        {"Name", container.name},
                        {"Names", container.name},
                        {"Networks", joined(container.raw.at({"NetworkSettings", "Networks"}), false)},
                        {"Ports", ports_text(container)},
                        {"Project", project},
                        {"Publishers", publishers(container)},
                        {"RunningFor", human_duration(std::chrono::seconds(now - created)) + " ago"},
                        {"Service", container.service},
                        {"Size", "0B"},
                        {"State", container.state},
                        {"Status", container.status}});
}

// A template's cells stand between tabs.
std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> cells;
  for (;;) {
    size_t end = line.find('\t');
    cells.emplace_back(line.substr(0, end));
    if (end == std::string_view::npos) return cells;
    line.remove_prefix(end + 1);
  }
}

Status print(const std::vector<Observed>& containers, const std::string& project, const std::string& format, bool whole) {
  static const std::string common = "table {{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}";
  static const Value titles = Value::object({{"ID", "CONTAINER ID"},
                                             {"Name", "NAME"},
                                             {"Project", "PROJECT"},
                                             {"Service", "SERVICE"},
                                             {"Image", "IMAGE"},
                                             {"Command", "COMMAND"},
                                             {"CreatedAt", "CREATED AT"},
                                             {"RunningFor", "CREATED"},
                                             {"Ports", "PORTS"},
                                             {"State", "STATE"},
                                             {"Status", "STATUS"},
                                             {"Size", "SIZE"},
                                             {"Labels", "LABELS"}});
  const std::string& given = format.empty() || format == "table" ? common : format;
  if (!given.starts_with("table ")) {
    for (const auto& container : containers) {
      Value fields = fields_of(container, project, whole);
      TRY_ASSIGN(std::string line, given == "json" ? Result<std::string>(api::to_json(fields)) : fill_template(given, fields));
      fmt::print("{}\n", line);
    }
    return {};
  }
  std::string own = given.substr(6);
  Value head = fields_of(Observed(), project, whole);  // what has no title of its own has "<no value>" there
  for (auto& member : head.members()) member.value = titles.find(member.key()) ? *titles.find(member.key()) : Value("<no value>");
  TRY_ASSIGN(std::string title, fill_template(own, head));
  std::vector<std::vector<std::string>> rows = {cells_of(title)};
  for (const auto& container : containers) {
    TRY_ASSIGN(std::string line, fill_template(own, fields_of(container, project, whole)));
    rows.push_back(cells_of(line));
  }
  fmt::print("{}", format_table(rows, 10));
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
    if (filter.find('=') == std::string::npos) return fail(Code::kInvalidArgument, "arguments to --filter should be in form KEY=VAL");
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
  std::ranges::sort(containers, {}, &Observed::name);
  if (quiet) {
    for (const auto& container : containers) fmt::print("{}\n", container.id);
    return 0;
  }
  if (services) {
    std::string names;
    std::set<std::string> shown;
    for (const auto& container : containers)
      if (shown.insert(container.service).second) names += (names.empty() ? "" : "\n") + container.service;
    fmt::print("{}\n", names);
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
  for (const auto& filter : filters) {
    size_t equals = filter.find('=');
    if (equals == std::string::npos)
      return fail(Code::kInvalidArgument, fmt::format("invalid argument \"{}\" for \"--filter\" flag: bad format of filter (expected name=value)", filter));
    if (filter.substr(0, equals) != "name") return fail(Code::kInvalidArgument, fmt::format("invalid filter '{}'", filter.substr(0, equals)));
  }
  TRY(check_list_format(format));
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
