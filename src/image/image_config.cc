#include "image/image_config.h"

#include <sys/utsname.h>

#include <algorithm>
#include <array>

#include "image/json_reader.h"
#include "image/health_check_json.h"
#include "image/reference.h"

namespace reigen::image {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr size_t kMaxLayers = 127;

std::string go_architecture(std::string_view machine) {
  if (machine == "x86_64" || machine == "x86-64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine == "armv7l" || machine == "armhf" || machine == "armel") return "arm";
  if (machine == "i686" || machine == "i386") return "386";
  return std::string(machine);
}

Status read_keys(element parent, const char* key, std::vector<std::string>& out) {
  element value;
  if (parent[key].get(value) || value.is_null()) return {};
  object map;
  if (value.get(map)) return fail(Code::kInvalidArgument, std::string("field ") + key + " is no object");
  for (auto field : map) {
    if (out.size() >= kMaxItems) return fail(Code::kInvalidArgument, std::string("field ") + key + " has more than 4096 entries");
    out.emplace_back(field.key);
  }
  std::ranges::sort(out);
  return {};
}

Status read_labels(element parent, std::map<std::string, std::string>& out) {
  element value;
  if (parent["Labels"].get(value) || value.is_null()) return {};
  object map;
  if (value.get(map)) return fail(Code::kInvalidArgument, "field Labels is no object");
  for (auto field : map) {
    std::string_view text;
    if (field.value.get(text)) return fail(Code::kInvalidArgument, "field Labels holds what is no string");
    if (out.size() >= kMaxItems) return fail(Code::kInvalidArgument, "field Labels has more than 4096 entries");
    out[std::string(field.key)] = text;
  }
  return {};
}

Status read_health_check(element parent, std::optional<HealthCheck>& out) {
  element value;
  if (parent["Healthcheck"].get(value) || value.is_null()) return {};
  if (!value.is_object()) return fail(Code::kInvalidArgument, "field Healthcheck is no object");
  HealthCheck check;
  TRY(read_strings(value, "Test", check.test));
  TRY(read_integer(value, "Interval", check.interval_ns));
  TRY(read_integer(value, "Timeout", check.timeout_ns));
  TRY(read_integer(value, "StartPeriod", check.start_period_ns));
  TRY(read_integer(value, "StartInterval", check.start_interval_ns));
  TRY(read_integer(value, "Retries", check.retries));
  out = std::move(check);
  return {};
}

Status read_docker_fields(element config, ImageConfig& out) {
  TRY(read_string(config, "Hostname", out.hostname));
  TRY(read_string(config, "Domainname", out.domainname));
  TRY(read_string(config, "MacAddress", out.mac_address));
  TRY(read_string(config, "Image", out.image));
  TRY(read_boolean(config, "AttachStdin", out.attach_stdin));
  TRY(read_boolean(config, "AttachStdout", out.attach_stdout));
  TRY(read_boolean(config, "AttachStderr", out.attach_stderr));
  TRY(read_boolean(config, "Tty", out.tty));
  TRY(read_boolean(config, "OpenStdin", out.open_stdin));
  TRY(read_boolean(config, "StdinOnce", out.stdin_once));
  TRY(read_boolean(config, "NetworkDisabled", out.network_disabled));
  element value;
  if (config["StopTimeout"].get(value) || value.is_null()) return {};
  int64_t seconds = 0;
  TRY(read_integer(config, "StopTimeout", seconds));
  out.stop_timeout_s = seconds;
  return {};
}

Status read_config_object(element config, ImageConfig& out) {
  TRY(read_docker_fields(config, out));
  TRY(read_string(config, "User", out.user));
  TRY(read_strings(config, "Entrypoint", out.entrypoint, &out.entrypoint_set));
  TRY(read_strings(config, "Cmd", out.cmd, &out.cmd_set));
  TRY(read_strings(config, "Env", out.env));
  TRY(read_string(config, "WorkingDir", out.working_dir));
  TRY(read_keys(config, "Volumes", out.volumes));
  TRY(read_keys(config, "ExposedPorts", out.exposed_ports));
  TRY(read_labels(config, out.labels));
  TRY(read_health_check(config, out.health_check));
  TRY(read_string(config, "StopSignal", out.stop_signal));
  TRY(read_strings(config, "Shell", out.shell));
  TRY(read_strings(config, "OnBuild", out.on_build));
  return read_boolean(config, "ArgsEscaped", out.args_escaped);
}

Status read_history(element root, std::vector<HistoryEntry>& out) {
  element value;
  if (root["history"].get(value) || value.is_null()) return {};
  simdjson::dom::array list;
  if (value.get(list)) return fail(Code::kInvalidArgument, "field history is no list");
  for (auto item : list) {
    if (!item.is_object() || out.size() >= kMaxItems) return fail(Code::kInvalidArgument, "field history is malformed");
    HistoryEntry entry;
    TRY(read_string(item, "created", entry.created));
    TRY(read_string(item, "created_by", entry.created_by));
    TRY(read_string(item, "author", entry.author));
    TRY(read_string(item, "comment", entry.comment));
    TRY(read_boolean(item, "empty_layer", entry.empty_layer));
    out.push_back(std::move(entry));
  }
  return {};
}

void write_run_config(JsonWriter& json, const ImageConfig& config) {
  auto keys = [&](const char* name, const std::vector<std::string>& list) {
    if (list.empty()) return;
    json.key(name).begin_object();
    for (const auto& item : list) json.key(item).begin_object().end_object();
    json.end_object();
  };
  json.key("config").begin_object();
  if (!config.user.empty()) json.key("User").value(config.user);
  keys("ExposedPorts", config.exposed_ports);
  if (!config.env.empty()) json.key("Env").value(config.env);
  if (config.entrypoint_set) json.key("Entrypoint").value(config.entrypoint);
  if (config.cmd_set) json.key("Cmd").value(config.cmd);
  if (config.health_check) write_health_check(json, *config.health_check);
  keys("Volumes", config.volumes);
  if (!config.working_dir.empty()) json.key("WorkingDir").value(config.working_dir);
  if (!config.on_build.empty()) json.key("OnBuild").value(config.on_build);
  if (!config.labels.empty()) {
    json.key("Labels").begin_object();
    for (const auto& [key, value] : config.labels) json.key(key).value(std::string_view(value));
    json.end_object();
  }
  if (!config.stop_signal.empty()) json.key("StopSignal").value(config.stop_signal);
  if (!config.shell.empty()) json.key("Shell").value(config.shell);
  if (config.args_escaped) json.key("ArgsEscaped").boolean(true);
  json.end_object();
}

}  // namespace

void write_health_check(JsonWriter& json, const HealthCheck& check) {
  json.key("Healthcheck").begin_object();
  if (!check.test.empty()) json.key("Test").value(check.test);
  auto number = [&](const char* key, int64_t value) {
    if (value) json.key(key).value(value);
  };
  number("Interval", check.interval_ns);
  number("Timeout", check.timeout_ns);
  number("StartPeriod", check.start_period_ns);
  number("StartInterval", check.start_interval_ns);
  number("Retries", check.retries);
  json.end_object();
}

Result<ImageConfig> parse_image_config(std::string_view text) {
  constexpr std::string_view what = "image configuration";
  simdjson::dom::parser parser;
  TRY_ASSIGN(element root, parse_document(parser, text, what));
  ImageConfig out;
  auto read = [&]() -> Status {
    TRY(read_string(root, "created", out.created));
    TRY(read_string(root, "author", out.author));
    TRY(read_string(root, "architecture", out.architecture));
    TRY(read_string(root, "os", out.os));
    TRY(read_string(root, "variant", out.variant));
    TRY(read_string(root, "docker_version", out.docker_version));
    TRY(read_string(root, "container", out.container));
    element value;
    if (!root["container_config"].get(value) && value.is_object()) out.container_config = simdjson::minify(value);
    if (!root["config"].get(value) && !value.is_null()) {
      if (!value.is_object()) return fail(Code::kInvalidArgument, "field config is no object");
      TRY(read_config_object(value, out));
    }
    if (!root["rootfs"].get(value) && value.is_object()) TRY(read_strings(value, "diff_ids", out.diff_ids));
    return read_history(root, out.history);
  };
  if (auto done = read(); !done) return fail(std::move(done).error().context(what));
  if (out.diff_ids.size() > kMaxLayers) return fail(Code::kInvalidArgument, std::string(what) + ": more than 127 layers");
  for (const auto& id : out.diff_ids)
    if (!is_digest(id)) return fail(Code::kInvalidArgument, std::string(what) + ": rootfs.diff_ids holds what is no sha256 digest");
  return out;
}

Result<ImageConfig> parse_run_config(std::string_view text) {
  simdjson::dom::parser parser;
  TRY_ASSIGN(element root, parse_document(parser, text, "container configuration"));
  ImageConfig out;
  if (auto done = read_config_object(root, out); !done) return fail(std::move(done).error().context("container configuration"));
  return out;
}

std::string encode_image_config(const ImageConfig& config) {
  JsonWriter json;
  json.begin_object();
  if (!config.created.empty()) json.key("created").value(config.created);
  if (!config.author.empty()) json.key("author").value(config.author);
  json.key("architecture").value(config.architecture).key("os").value(config.os);
  if (!config.variant.empty()) json.key("variant").value(config.variant);
  write_run_config(json, config);
  json.key("rootfs").begin_object().key("type").value("layers").key("diff_ids").value(config.diff_ids).end_object();
  if (!config.history.empty()) {
    json.key("history").begin_array();
    for (const auto& entry : config.history) {
      json.begin_object();
      if (!entry.created.empty()) json.key("created").value(entry.created);
      if (!entry.created_by.empty()) json.key("created_by").value(entry.created_by);
      if (!entry.author.empty()) json.key("author").value(entry.author);
      if (!entry.comment.empty()) json.key("comment").value(entry.comment);
      if (entry.empty_layer) json.key("empty_layer").boolean(true);
      json.end_object();
    }
    json.end_array();
  }
  return json.end_object().take();
}

Platform Platform::host() {
  utsname info{};
  ::uname(&info);
  return {"linux", go_architecture(info.machine), ""};
}

Result<Platform> Platform::parse(std::string_view text) {
  Platform out;
  std::vector<std::string> parts;
  std::string_view rest = text;
  while (true) {
    auto slash = rest.find('/');
    parts.emplace_back(rest.substr(0, slash));
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  auto valid = [](const std::string& part) {
    return !part.empty() && part.size() <= 64 &&
           std::ranges::all_of(part, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-'; });
  };
  if (parts.size() > 3 || !std::ranges::all_of(parts, valid))
    return fail(Code::kInvalidArgument, "\"" + std::string(text.substr(0, 100)) + "\" is no platform, such as linux/amd64 or linux/arm64/v8");
  if (parts.size() == 1 && parts[0] == "linux") return Platform::host();
  if (parts.size() == 1) {
    constexpr std::array known = {"386",    "amd64",    "arm",   "arm64",   "loong64", "mips",  "mipsle",
                                  "mips64", "mips64le", "ppc64", "ppc64le", "riscv64", "s390x", "wasm"};
    std::string architecture = go_architecture(parts[0]);
    if (std::ranges::find(known, architecture) == known.end())
      return fail(Code::kInvalidArgument, "\"" + parts[0] + "\": unknown operating system or architecture: invalid argument");
    return Platform{"linux", architecture, ""};
  }
  out.os = parts[0];
  out.architecture = go_architecture(parts[1]);
  if (parts.size() == 3) out.variant = parts[2];
  return out;
}

std::string Platform::str() const { return os + "/" + architecture + (variant.empty() ? "" : "/" + variant); }

}  // namespace reigen::image
