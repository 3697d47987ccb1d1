#include "docker/create_request.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>

#include "api/json.h"
#include "docker/create_versions.h"
#include "docker/wire_form.h"
#include "docker/error_answer.h"

namespace reigen::docker {

namespace {

using api::Value;

constexpr std::string_view kMaskedPaths[] = {
    "/proc/asound",      "/proc/acpi",        "/proc/kcore", "/proc/keys",    "/proc/latency_stats",          "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",  "/sys/firmware", "/sys/devices/virtual/powercap"};
constexpr std::string_view kReadonlyPaths[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

bool is_unset(const Value& object, std::string_view name) {
  const Value* value = object.find(name);
  return !value || value->is_null() || (value->is_string() && value->text().empty()) || (value->is_int() && value->int_or(0) == 0) ||
         ((value->is_array() || value->is_object()) && value->size() == 0);
}

int64_t number(const Value& object, std::string_view name) {
  const Value* value = object.find(name);
  return value ? value->int_or(0) : 0;
}

Value take(Value& from, std::string_view name) {
  Value* found = from.find(name);
  Value out = found ? std::move(*found) : Value();
  from.erase(name);
  return out;
}

Value strings(const auto& items) {
  Value out = Value::array();
  for (const auto& item : items) out.push_back(std::string_view(item));
  return out;
}

std::string_view key_of(std::string_view env) { return env.substr(0, env.find('=')); }

void merge_environment(Value& config, const image::ImageConfig& image) {
  Value env = config.find("Env") ? *config.find("Env") : Value();
  for (const auto& each : image.env) {
    bool found = std::ranges::any_of(env.is_array() ? env.items() : Value::Array(), [&](const Value& own) { return key_of(own.text()) == key_of(each); });
    if (!found) env.push_back(each);
  }
  config.set("Env", std::move(env));
}

// Sorted by key, as Go prints maps.
void merge_keys(Value& config, std::string_view name, const std::vector<std::string>& keys) {
  if (keys.empty()) return;
  std::map<std::string, Value> all;
  if (const Value* own = config.find(name)) {
    for (const auto& member : own->members()) all.emplace(member.key(), member.value);
  }
  for (const auto& key : keys) all.emplace(key, Value::object());
  Value out = Value::object();
  for (auto& [key, value] : all) out.set(key, std::move(value));
  config.set(name, std::move(out));
}

void merge_labels(Value& config, const std::map<std::string, std::string>& labels) {
  std::map<std::string, std::string> all;
  if (const Value* own = config.find("Labels")) {
    for (const auto& member : own->members()) all.emplace(member.key(), member.value.text());
  }
  all.insert(labels.begin(), labels.end());
  Value out = Value::object();
  for (const auto& [key, value] : all) out.set(key, value);
  config.set("Labels", std::move(out));
}

void merge_health(Value& config, const image::HealthCheck& check) {
  Value own = config.find("Healthcheck") ? *config.find("Healthcheck") : Value::object();
  Value out = Value::object();
  auto choose = [&](std::string_view name, Value theirs) {
    if (!is_unset(own, name)) {
      out.set(name, *own.find(name));
    } else if (!(theirs.is_int() && theirs.int_or(0) == 0) && !(theirs.is_array() && theirs.size() == 0)) {
      out.set(name, std::move(theirs));
    }
  };
  choose("Test", strings(check.test));
  choose("Interval", check.interval_ns);
  choose("Timeout", check.timeout_ns);
  choose("StartPeriod", check.start_period_ns);
  choose("StartInterval", check.start_interval_ns);
  choose("Retries", check.retries);
  config.set("Healthcheck", std::move(out));
}

// Members that omitempty drops are added at the end by set(): back into Docker's order.
Result<Value> in_order(const api::TypeDesc& type, const Value& value) { return wire_form(type, value); }

}  // namespace

api::dockerv1::Config CreateRequest::typed_config() const {
  return api::decode_json_as<api::dockerv1::Config>(api::to_json(config)).value_or(api::dockerv1::Config());
}
api::dockerv1::HostConfig CreateRequest::typed_host() const {
  return api::decode_json_as<api::dockerv1::HostConfig>(api::to_json(host)).value_or(api::dockerv1::HostConfig());
}

Result<CreateRequest> read_create_request(const Value& body, ApiVersion version, const HostFacts& facts) {
  if (body.is_null()) return fail(Code::kInvalidArgument, "Config cannot be empty in order to create a container");
  CreateRequest out;
  TRY_ASSIGN(out.config, as_unreadable(wire_form<api::dockerv1::CreateRequest>(body)));
  out.host = take(out.config, "HostConfig");
  Value networking = take(out.config, "NetworkingConfig");
  out.host_given = out.host.is_object();
  if (!out.host_given) {
    TRY_ASSIGN(out.host, wire_form<api::dockerv1::HostConfig>(Value::object()));
  }
  if (out.host_given && out.config.find("Volumes")->is_null()) out.config.set("Volumes", Value::object());
  if (const Value* endpoints = networking.find("EndpointsConfig")) {
    for (const auto& member : endpoints->members()) out.endpoints.emplace(member.key(), member.value);
  }
  TRY(bring_up(out, version, facts));
  return out;
}

Status merge_image(CreateRequest& request, const image::ImageConfig& image) {
  Value& config = request.config;
  if (is_unset(config, "User")) config.set("User", image.user);
  merge_keys(config, "ExposedPorts", image.exposed_ports);
  merge_environment(config, image);
  merge_labels(config, image.labels);
  bool entrypoint_sent = config.find("Entrypoint") && !config.find("Entrypoint")->is_null();
  if (is_unset(config, "Entrypoint")) {
    if (is_unset(config, "Cmd")) config.set("Cmd", image.cmd_set || !image.cmd.empty() ? strings(image.cmd) : Value());
    if (!entrypoint_sent) config.set("Entrypoint", image.entrypoint_set || !image.entrypoint.empty() ? strings(image.entrypoint) : Value());
  }
  if (image.health_check) merge_health(config, *image.health_check);
  if (is_unset(config, "WorkingDir")) config.set("WorkingDir", image.working_dir);
  if (is_unset(config, "Volumes") && image.volumes.empty()) config.set("Volumes", Value());
  merge_keys(config, "Volumes", image.volumes);
  if (is_unset(config, "StopSignal") && !image.stop_signal.empty()) config.set("StopSignal", image.stop_signal);
  const Value* entrypoint = config.find("Entrypoint");
  if (entrypoint && entrypoint->is_array() && entrypoint->size() == 1 && entrypoint->items()[0].text().empty()) config.set("Entrypoint", Value());
  if (is_unset(config, "Entrypoint") && is_unset(config, "Cmd")) return fail(Code::kInvalidArgument, "no command specified");
  TRY_ASSIGN(config, in_order(api::type_of<api::dockerv1::Config>(), config));
  return {};
}

void fill_defaults(CreateRequest& request, const HostFacts& facts) {
  Value& host = request.host;
  bool privileged = host.find("Privileged")->bool_or(false);
  if (number(host, "Memory") > 0 && number(host, "MemorySwap") == 0)
    host.set("MemorySwap", number(host, "Memory") > INT64_MAX / 2 ? INT64_MAX : number(host, "Memory") * 2);
  if (number(host, "ShmSize") == 0) host.set("ShmSize", 64 << 20);
  if (is_unset(host, "IpcMode")) host.set("IpcMode", "private");
  if (is_unset(host, "CgroupnsMode")) host.set("CgroupnsMode", facts.cgroup_version == 2 ? "private" : "host");
  if (request.host_given && is_unset(host, "Runtime")) host.set("Runtime", "runc");
  if (host.text_at({"LogConfig", "Type"}).empty()) host.make({"LogConfig", "Type"}) = "json-file";
  if (host.at({"LogConfig", "Config"})->is_null()) host.make({"LogConfig", "Config"}) = Value::object();
  if (host.find("OomKillDisable")->is_null() && facts.oom_kill_disable) host.set("OomKillDisable", false);
  bool unmasked = false;
  const Value* options = host.find("SecurityOpt");
  if (options && options->is_array()) {
    Value kept = Value::array();
    for (const auto& option : options->items()) {
      if (option.text() == "systempaths=unconfined") {
        unmasked = true;
      } else {
        kept.push_back(option);
      }
    }
    if (unmasked) host.set("SecurityOpt", kept.size() > 0 ? std::move(kept) : Value());
  }
  if (unmasked) {
    host.set("MaskedPaths", Value::array());
    host.set("ReadonlyPaths", Value::array());
  } else if (!privileged) {
    if (host.find("MaskedPaths")->is_null()) host.set("MaskedPaths", strings(kMaskedPaths));
    if (host.find("ReadonlyPaths")->is_null()) host.set("ReadonlyPaths", strings(kReadonlyPaths));
  }
  if (auto ordered = in_order(api::type_of<api::dockerv1::HostConfig>(), host)) host = std::move(*ordered);
}

void resolve_command(const CreateRequest& request, std::string& path, std::vector<std::string>& arguments) {
  std::vector<std::string> all;
  for (std::string_view name : {"Entrypoint", "Cmd"}) {
    const Value* part = request.config.find(name);
    if (!part || !part->is_array()) continue;
    for (const auto& word : part->items()) all.emplace_back(word.text());
  }
  path = all.empty() ? "" : all[0];
  if (!all.empty()) all.erase(all.begin());
  arguments = std::move(all);
}

}  // namespace reigen::docker
