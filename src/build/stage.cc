#include "build/stage.h"

#include <algorithm>
#include <charconv>

#include "build/clean_path.h"
#include "linux/pidfd.h"

namespace reigen::build {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Fail bad(const std::string& why) { return fail(Code::kInvalidArgument, why); }

// Go's form: "1m30s", "500ms", in nanoseconds; its words where it is none.
Result<int64_t> parse_duration(std::string_view text) {
  std::string whole(text);
  auto wrong = [&](const std::string& why) { return bad("time: " + why + " duration \"" + whole + "\""); };
  int64_t total = 0;
  bool minus = text.starts_with('-');
  if (minus || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return int64_t{0};
  if (text.empty()) return wrong("invalid");
  while (!text.empty()) {
    double number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || number < 0) return wrong("invalid");
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    std::string_view unit = text.substr(0, text.find_first_of(".0123456789"));
    if (unit.empty()) return wrong("missing unit in");
    constexpr std::pair<std::string_view, double> units[] = {{"ms", 1e6}, {"us", 1e3}, {"µs", 1e3}, {"ns", 1}, {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12}};
    const auto* known = std::ranges::find(units, unit, &std::pair<std::string_view, double>::first);
    if (known == std::end(units)) return wrong("unknown unit \"" + std::string(unit) + "\" in");
    if (number * known->second > 9e18 - static_cast<double>(total)) return wrong("invalid");
    total += static_cast<int64_t>(number * known->second);
    text.remove_prefix(unit.size());
  }
  return minus ? -total : total;
}

// A number is taken as it is, as by Docker.
bool is_signal(const std::string& text) {
  int number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number != 0;
  std::string name = text;
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
  return linux::parse_signal(name).has_value();
}

void insert_sorted(std::vector<std::string>& list, const std::string& value) {
  auto at = std::ranges::lower_bound(list, value);
  if (at == list.end() || *at != value) list.insert(at, value);
}

std::vector<std::string> command_of(const Stage& stage, const Instruction& instruction) {
  if (instruction.json) return instruction.list;
  auto out = stage.shell();
  if (instruction.rest.empty()) return instruction.keyword == "ENTRYPOINT" ? std::vector<std::string>() : out;
  out.push_back(instruction.rest);
  return out;
}

Status apply_expose(Stage& stage, const std::string& word) {
  auto slash = word.find('/');
  std::string protocol = slash == std::string::npos ? "tcp" : word.substr(slash + 1);
  std::string range = word.substr(0, slash);
  std::ranges::transform(protocol, protocol.begin(), [](unsigned char c) { return std::tolower(c); });
  if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") return bad("Invalid proto: " + protocol);
  if (auto colon = range.rfind(':'); colon != std::string::npos) range = range.substr(colon + 1);
  auto dash = range.find('-');
  unsigned first = 0, last = 0;
  auto number = [](const std::string& text, unsigned& out) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size() && out <= 65535;
  };
  if (!number(range.substr(0, dash), first)) return bad("Invalid containerPort: " + range);
  last = first;
  if (dash != std::string::npos && (!number(range.substr(dash + 1), last) || last < first)) return bad("Invalid containerPort: " + range);
  for (unsigned port = first; port <= last; ++port) insert_sorted(stage.config.exposed_ports, std::to_string(port) + "/" + protocol);
  return {};
}

Status apply_list(Stage& stage, const Instruction& instruction) {
  const auto& keyword = instruction.keyword;
  auto lookup = stage.lookup();
  if (keyword == "EXPOSE" || (keyword == "VOLUME" && !instruction.json)) {
    TRY_ASSIGN(auto words, expand_words(instruction.rest, stage.escape, lookup));
    for (const auto& word : words) {
      if (word.empty() && keyword == "VOLUME") return bad("VOLUME specified can not be an empty string");
      if (keyword == "EXPOSE") TRY(apply_expose(stage, word));
      else insert_sorted(stage.config.volumes, word);
    }
    return {};
  }
  for (const auto& word : instruction.list) {
    if (word.empty()) return bad("VOLUME specified can not be an empty string");
    TRY_ASSIGN(auto path, expand_word(word, stage.escape, lookup));
    insert_sorted(stage.config.volumes, path);
  }
  return {};
}

Status read_interval(const std::string& flag, const std::string& value, int64_t& out) {
  TRY_ASSIGN(out, parse_duration(value));
  if (out < 1'000'000) return bad("Interval \"" + flag + "\" cannot be less than 1ms");
  return {};
}

Status read_health_flags(const Instruction& instruction, image::HealthCheck& check) {
  for (const auto& [flag, values] : instruction.flags) {
    const std::string& value = values.back();
    if (value.empty()) continue;
    if (flag == "retries") {
      auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), check.retries);
      if (error != std::errc() || end != value.data() + value.size()) return bad("strconv.ParseInt: parsing \"" + value + "\": invalid syntax");
      if (check.retries < 1) return bad("--retries must be at least 1 (not " + value + ")");
      continue;
    }
    int64_t* target = flag == "interval"         ? &check.interval_ns
                      : flag == "timeout"        ? &check.timeout_ns
                      : flag == "start-period"   ? &check.start_period_ns
                      : flag == "start-interval" ? &check.start_interval_ns
                                                 : nullptr;
    if (!target) return bad("Unknown flag: " + flag);
    TRY(read_interval(flag, value, *target));
  }
  return {};
}

Status apply_arg(Stage& stage, const Instruction& instruction, const std::map<std::string, std::string>& args) {
  for (const auto& word : split_words(instruction.rest, stage.escape)) {
    auto equals = word.find('=');
    TRY_ASSIGN(auto key, expand_word(word.substr(0, equals), stage.escape, stage.lookup()));
    if (key.empty()) return bad("ARG names can not be blank");
    std::optional<std::string> value;
    if (equals != std::string::npos) {
      TRY_ASSIGN(value, expand_word(word.substr(equals + 1), stage.escape, stage.lookup()));
    }
    if (auto given = args.find(key); given != args.end()) value = given->second;
    stage.args[key] = value;
  }
  return {};
}

}  // namespace

Result<image::HealthCheck> parse_health_check(const Instruction& instruction, char escape) {
  image::HealthCheck check;
  auto words = split_words(instruction.rest, escape);
  std::string type = words.empty() ? "" : words[0];
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::toupper(c); });
  if (type == "NONE") {
    if (words.size() > 1) return bad("HEALTHCHECK NONE takes no arguments");
    check.test = {"NONE"};
    return check;
  }
  if (type != "CMD") return bad("Unknown type \"" + type + "\" in HEALTHCHECK (try CMD)");
  // The command behind CMD, as an instruction of its own: it too has an exec form.
  std::string_view rest = instruction.rest;
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t", words[0].size()), rest.size()));
  TRY_ASSIGN(auto inner, parse_dockerfile("CMD " + std::string(rest)));
  const auto& command = inner.instructions.front();
  if (command.json ? command.list.empty() : rest.empty()) return bad("Missing command after HEALTHCHECK CMD");
  TRY(read_health_flags(instruction, check));
  check.test = {command.json ? "CMD" : "CMD-SHELL"};
  if (command.json) check.test.insert(check.test.end(), command.list.begin(), command.list.end());
  else check.test.push_back(command.rest);
  return check;
}

Status check_trigger(const Instruction& instruction) {
  std::string trigger = instruction.rest.substr(0, instruction.rest.find_first_of(" \t"));
  std::ranges::transform(trigger, trigger.begin(), [](unsigned char c) { return std::toupper(c); });
  if (trigger == "ONBUILD") return bad("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (trigger == "FROM" || trigger == "MAINTAINER") return bad(trigger + " isn't allowed as an ONBUILD trigger");
  return {};
}

Lookup Stage::lookup() const {
  return [this](const std::string& key) -> std::optional<std::string> {
    for (const auto& item : config.env)
      if (item.size() > key.size() && item.starts_with(key) && item[key.size()] == '=') return item.substr(key.size() + 1);
    auto it = args.find(key);
    return it == args.end() ? std::nullopt : it->second;
  };
}

std::vector<std::string> Stage::shell() const { return config.shell.empty() ? std::vector<std::string>{"/bin/sh", "-c"} : config.shell; }

void Stage::set_env(const std::string& key, const std::string& value) {
  for (auto& item : config.env) {
    if (item.size() > key.size() && item.starts_with(key) && item[key.size()] == '=') {
      item.replace(key.size() + 1, std::string::npos, value);
      return;
    }
  }
  config.env.push_back(key + "=" + value);
}

Result<Pairs> split_pairs(const Instruction& instruction, char escape) {
  Pairs out;
  auto words = split_words(instruction.rest, escape);
  if (words.empty()) return bad(instruction.keyword + " requires at least one argument");
  if (words[0].find('=') == std::string::npos) {  // the old form: one key, and all that follows is its value
    if (words.size() < 2) return bad(instruction.keyword + " must have two arguments");
    std::string_view rest = instruction.rest;
    rest.remove_prefix(words[0].size());
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    out.emplace_back(words[0], rest);
    return out;
  }
  for (const auto& word : words) {
    // The key may be quoted, and hold blanks then.
    size_t equals = word[0] == '"' ? word.find('=', std::min(word.find('"', 1), word.size())) : word.find('=');
    if (equals == std::string::npos) return bad("Syntax error - can't find = in \"" + word + "\". Must be of the form: name=value");
    out.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return out;
}

Result<Pairs> parse_pairs(const Instruction& instruction, char escape, const Lookup& lookup) {
  if (!instruction.pairs.empty()) return instruction.pairs;
  TRY_ASSIGN(auto out, split_pairs(instruction, escape));
  for (auto& [key, value] : out) {
    TRY_ASSIGN(key, expand_word(key, escape, lookup));
    TRY_ASSIGN(value, expand_word(value, escape, lookup));
    if (key.empty()) return bad(instruction.keyword + " names can not be blank");
  }
  return out;
}

Status apply_metadata(Stage& stage, const Instruction& instruction, const std::map<std::string, std::string>& args) {
  const auto& keyword = instruction.keyword;
  auto& config = stage.config;
  auto lookup = stage.lookup();
  if (keyword == "ENV" || keyword == "LABEL") {
    TRY_ASSIGN(auto pairs, parse_pairs(instruction, stage.escape, lookup));
    for (const auto& [key, value] : pairs) {
      if (keyword == "ENV") stage.set_env(key, value);
      else config.labels[key] = value;
    }
    return {};
  }
  if (keyword == "ARG") return apply_arg(stage, instruction, args);
  if (keyword == "CMD") {
    config.cmd = command_of(stage, instruction);
    config.cmd_set = stage.cmd_here = true;
    return {};
  }
  if (keyword == "ENTRYPOINT") {
    config.entrypoint = command_of(stage, instruction);
    config.entrypoint_set = !config.entrypoint.empty();
    // The base's command was meant for the base's entry point.
    if (!stage.cmd_here) {
      config.cmd.clear();
      config.cmd_set = false;
    }
    return {};
  }
  if (keyword == "EXPOSE" || keyword == "VOLUME") return apply_list(stage, instruction);
  if (keyword == "USER") {
    TRY_ASSIGN(config.user, expand_word(instruction.rest, stage.escape, lookup));
    return {};
  }
  if (keyword == "STOPSIGNAL") {
    TRY_ASSIGN(auto signal, expand_word(instruction.rest, stage.escape, lookup));
    if (!is_signal(signal)) return bad("Invalid signal: " + signal);
    config.stop_signal = std::move(signal);
    return {};
  }
  if (keyword == "MAINTAINER") {
    config.author = instruction.rest;
    return {};
  }
  if (keyword == "SHELL") {
    if (!instruction.json || instruction.list.empty()) return bad("SHELL requires the arguments to be in JSON form");
    config.shell = instruction.list;
    return {};
  }
  if (keyword == "HEALTHCHECK") {
    TRY_ASSIGN(config.health_check, parse_health_check(instruction, stage.escape));
    return {};
  }
  if (keyword == "ONBUILD") {
    TRY(check_trigger(instruction));
    config.on_build.push_back(instruction.rest);
    return {};
  }
  return fail(Code::kUnimplemented, keyword);
}

}  // namespace reigen::build
