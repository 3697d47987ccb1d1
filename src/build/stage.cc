#include "build/stage.h"

#include <algorithm>
#include <charconv>

#include "build/clean_path.h"

namespace reigen::build {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Fail bad(const std::string& why) { return fail(Code::kInvalidArgument, why); }

// Go's form: "1m30s", "500ms", in nanoseconds.
Result<int64_t> parse_duration(std::string_view text) {
  std::string whole(text);
  int64_t total = 0;
  if (text == "0") return int64_t{0};
  if (text.empty()) return bad("\"\" is no duration");
  while (!text.empty()) {
    double number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number < 0) return bad("\"" + whole + "\" is no duration, such as 30s or 1m30s");
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    struct {
      std::string_view unit;
      double ns;
    } units[] = {{"ms", 1e6}, {"us", 1e3}, {"ns", 1}, {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12}};
    bool found = false;
    for (const auto& unit : units) {
      if (!text.starts_with(unit.unit)) continue;
      if (number * unit.ns > 9e18 - static_cast<double>(total)) return bad("\"" + whole + "\" is too long a duration");
      total += static_cast<int64_t>(number * unit.ns);
      text.remove_prefix(unit.unit.size());
      found = true;
      break;
    }
    if (!found) return bad("\"" + whole + "\" is no duration, such as 30s or 1m30s");
  }
  return total;
}

void insert_sorted(std::vector<std::string>& list, const std::string& value) {
  auto at = std::ranges::lower_bound(list, value);
  if (at == list.end() || *at != value) list.insert(at, value);
}

std::vector<std::string> command_of(const Stage& stage, const Instruction& instruction) {
  if (instruction.json) return instruction.list;
  if (instruction.rest.empty()) return {};
  auto out = stage.shell();
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

Status apply_health_check(Stage& stage, const Instruction& instruction) {
  image::HealthCheck check;
  for (const auto& [flag, values] : instruction.flags) {
    const std::string& value = values.back();
    if (flag == "retries") {
      auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), check.retries);
      if (error != std::errc() || end != value.data() + value.size() || check.retries < 1)
        return bad("--retries wants a number above 0, not \"" + value + "\"");
      continue;
    }
    int64_t* target = flag == "interval"         ? &check.interval_ns
                      : flag == "timeout"        ? &check.timeout_ns
                      : flag == "start-period"   ? &check.start_period_ns
                      : flag == "start-interval" ? &check.start_interval_ns
                                                 : nullptr;
    if (!target) return bad("Unknown flag: " + flag);
    TRY_ASSIGN(*target, parse_duration(value));
  }
  auto words = split_words(instruction.rest, stage.escape);
  std::string type = words.empty() ? "" : words[0];
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::toupper(c); });
  if (type == "NONE" && words.size() == 1) {
    check.test = {"NONE"};
  } else if (type == "CMD" && words.size() > 1) {
    // The command behind CMD, as an instruction of its own: it too has an exec form.
    TRY_ASSIGN(auto inner, parse_dockerfile("CMD " + instruction.rest.substr(instruction.rest.find_first_not_of(" \t", words[0].size()))));
    const auto& command = inner.instructions.front();
    check.test = {command.json ? "CMD" : "CMD-SHELL"};
    if (command.json) check.test.insert(check.test.end(), command.list.begin(), command.list.end());
    else check.test.push_back(command.rest);
  } else {
    return bad("Unknown type \"" + type + "\" in HEALTHCHECK (try CMD)");
  }
  stage.config.health_check = std::move(check);
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
      item = key + "=" + value;
      return;
    }
  }
  config.env.push_back(key + "=" + value);
}

Result<Pairs> parse_pairs(const Instruction& instruction, char escape, const Lookup& lookup) {
  Pairs out;
  auto words = split_words(instruction.rest, escape);
  if (words.empty()) return bad(instruction.keyword + " requires at least one argument");
  if (words[0].find('=') == std::string::npos) {  // the old form: one key, and all that follows is its value
    if (words.size() < 2) return bad(instruction.keyword + " must have two arguments");
    std::string_view rest = instruction.rest;
    rest.remove_prefix(words[0].size());
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    TRY_ASSIGN(auto value, expand_word(rest, escape, lookup));
    TRY_ASSIGN(auto key, expand_word(words[0], escape, lookup));
    out.emplace_back(std::move(key), std::move(value));
    return out;
  }
  for (const auto& word : words) {
    // The key may be quoted, and hold blanks then.
    size_t equals = word[0] == '"' ? word.find('=', std::min(word.find('"', 1), word.size())) : word.find('=');
    if (equals == std::string::npos) return bad("Syntax error - can't find = in \"" + word + "\". Must be of the form: name=value");
    TRY_ASSIGN(auto key, expand_word(word.substr(0, equals), escape, lookup));
    TRY_ASSIGN(auto value, expand_word(word.substr(equals + 1), escape, lookup));
    if (key.empty()) return bad(instruction.keyword + " names can not be blank");
    out.emplace_back(std::move(key), std::move(value));
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
    config.entrypoint_set = true;
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
    TRY_ASSIGN(config.stop_signal, expand_word(instruction.rest, stage.escape, lookup));
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
  if (keyword == "HEALTHCHECK") return apply_health_check(stage, instruction);
  if (keyword == "ONBUILD") {
    TRY_ASSIGN(auto inner, parse_dockerfile(instruction.rest));
    const auto& trigger = inner.instructions.front().keyword;
    if (trigger == "ONBUILD") return bad("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (trigger == "FROM" || trigger == "MAINTAINER") return bad(trigger + " isn't allowed as an ONBUILD trigger");
    config.on_build.push_back(instruction.rest);
    return {};
  }
  return fail(Code::kUnimplemented, keyword);
}

}  // namespace reigen::build
