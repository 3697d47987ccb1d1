#include "compose/normalise.h"

#include <fmt/core.h>

#include <algorithm>

#include "compose/short_forms.h"

namespace reigen::compose {
namespace {

using api::Value;

Fail too_many_ports() { return fail(Code::kInvalidArgument, fmt::format("ports: more than {} ports in one file", kMaxPorts)); }

// "A=b" items or a map into a map. Without '=': null, or "" where `blank`.
void pairs_to_map(Value* value, bool blank) {
  if (!value || value->is_null()) return;
  if (value->is_array()) {
    Value map = Value::object();
    for (const auto& item : value->items()) {
      auto text = item.text();
      size_t equals = text.find('=');
      if (equals == std::string_view::npos) map.set(text, Value());
      else map.set(text.substr(0, equals), text.substr(equals + 1));
    }
    *value = std::move(map);
  }
  if (blank)
    for (auto& member : value->members())
      if (member.value.is_null()) member.value = "";
}

void text_to_list(Value* value) {
  if (value && value->is_string()) *value = Value::array({Value(value->text())});
}

Status command_to_list(Value* value) {
  if (!value || !value->is_string()) return {};
  TRY_ASSIGN(auto words, split_words(value->text()));
  Value list = Value::array();
  for (auto& word : words) list.push_back(std::move(word));
  *value = std::move(list);
  return {};
}

// "a:1.2.3.4", "a=1.2.3.4", {a: 1.2.3.4}, {a: [1.2.3.4]} into "a=1.2.3.4".
Status hosts_to_list(Value* value) {
  if (!value || value->is_null()) return {};
  Value list = Value::array();
  for (const auto& item : std::as_const(*value).items()) {
    auto text = item.text();
    size_t at = text.find('=');
    if (at == std::string_view::npos) at = text.find(':');
    if (at == std::string_view::npos || at == 0) return fail(Code::kInvalidArgument, fmt::format("extra_hosts: bad host name \"{}\"", text));
    auto address = text.substr(at + 1);
    if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
    list.push_back(fmt::format("{}={}", text.substr(0, at), address));
  }
  for (const auto& member : std::as_const(*value).members()) {
    if (member.value.is_string()) list.push_back(fmt::format("{}={}", member.key(), member.value.text()));
    for (const auto& item : member.value.items()) list.push_back(fmt::format("{}={}", member.key(), item.text()));
  }
  *value = std::move(list);
  return {};
}

void texts_to_map(Value* value, const Value& each) {
  if (!value || !value->is_array()) return;
  Value map = Value::object();
  for (const auto& item : std::as_const(*value).items()) map.set(item.text(), each);
  *value = std::move(map);
}

void files_to_long(Value* value) {
  if (!value || !value->is_array()) return;
  for (auto& item : value->items())
    if (item.is_string()) item = Value::object({{"source", item.text()}});
}

bool is_remote_context(std::string_view context) {
  return context.find("://") != std::string_view::npos || context.starts_with("git@") || context.starts_with("github.com/") || context.starts_with("ssh:");
}

class Service {
 public:
  Service(Value& service, const NormaliseOptions& options) : service_(service), options_(options) {}

  Status run() {
    TRY(build());
    for (const char* key : {"annotations", "labels", "sysctls"}) pairs_to_map(service_.find(key), true);
    pairs_to_map(service_.find("environment"), false);
    for (const char* key : {"command", "entrypoint"}) {
      TRY(command_to_list(service_.find(key)));
      if (const Value* found = service_.find(key); found && found->is_null()) service_.erase(key);
    }
    for (const char* key : {"dns", "dns_search", "tmpfs", "label_file"}) text_to_list(service_.find(key));
    TRY(hosts_to_list(service_.find("extra_hosts")));
    for (const char* key : {"configs", "secrets"}) files_to_long(service_.find(key));
    depends_on();
    env_files();
    texts_to_map(service_.find("networks"), Value());
    TRY(devices());
    health();
    logging();
    if (Value* watches = service_.at({"develop", "watch"}); watches && watches->is_array())
      for (auto& watch : watches->items()) watch.set("path", resolved(watch.text_at({"path"})));
    hooks("post_start");
    hooks("pre_stop");
    if (Value* extends = service_.find("extends"); extends && extends->is_string()) *extends = Value::object({{"service", extends->text()}});
    if (Value* gpus = service_.find("gpus"); gpus && gpus->is_string()) *gpus = Value::array({Value::object({{"count", gpus->text()}})});
    device_counts(service_.find("gpus"));
    device_counts(service_.at({"deploy", "resources", "reservations", "devices"}));
    if (Value* labels = service_.at({"deploy", "labels"})) pairs_to_map(labels, true);
    TRY(ports());
    return volumes();
  }

 private:
  bool stays(const Value& item) const { return options_.keep_variables && item.text().find('$') != std::string_view::npos; }
  std::string resolved(std::string_view path) const {
    return options_.resolve_paths && !(options_.keep_variables && path.starts_with('$')) ? join_path(options_.directory, path) : std::string(path);
  }

  Status build() {
    Value* build = service_.find("build");
    if (!build || build->is_null()) return {};
    if (build->is_string()) *build = Value::object({{"context", build->text()}});
    pairs_to_map(build->find("args"), false);
    pairs_to_map(build->find("labels"), true);
    pairs_to_map(build->find("additional_contexts"), true);
    if (Value* secrets = build->find("secrets")) files_to_long(secrets);
    TRY(hosts_to_list(build->find("extra_hosts")));
    if (Value* context = build->find("context"); context && !is_remote_context(context->text())) *context = resolved(context->text());
    return {};
  }

  void depends_on() {
    Value* depends = service_.find("depends_on");
    texts_to_map(depends, Value::object());
    if (!depends) return;
    for (auto& member : depends->members()) {
      if (!member.value.has("condition")) member.value.set("condition", "service_started");
      if (!member.value.has("required")) member.value.set("required", true);
    }
  }

  void env_files() {
    Value* files = service_.find("env_file");
    text_to_list(files);
    if (!files || !files->is_array()) return;
    for (auto& file : files->items()) {
      if (file.is_string()) file = Value::object({{"path", file.text()}});
      if (!file.has("required")) file.set("required", true);
      file.set("path", resolved(file.text_at({"path"})));
    }
    if (Value* labels = service_.find("label_file"))
      for (auto& file : labels->items()) file = resolved(file.text());
  }

  Status devices() {
    Value* devices = service_.find("devices");
    if (!devices || !devices->is_array()) return {};
    for (auto& device : devices->items()) {
      if (!device.is_string() || stays(device)) continue;
      TRY_ASSIGN(device, parse_device(device.text()));
    }
    return {};
  }

  void health() {
    Value* health = service_.find("healthcheck");
    Value* test = health ? health->find("test") : nullptr;
    if (test && test->is_string()) *test = Value::array({"CMD-SHELL", test->text()});
  }

  // log_driver and log_opt are version 1's.
  void logging() {
    if (service_.has("log_driver") || service_.has("log_opt")) {
      Value logging = Value::object();
      if (const Value* driver = service_.find("log_driver")) logging.set("driver", *driver);
      if (const Value* options = service_.find("log_opt"); options && options->is_object()) logging.set("options", *options);
      service_.erase("log_driver");
      service_.erase("log_opt");
      if (!service_.has("logging")) service_.set("logging", std::move(logging));
    }
  }

  static void device_counts(Value* requests) {
    if (!requests || !requests->is_array()) return;
    for (auto& request : requests->items())
      if (request.text_at({"count"}) == "all") request.set("count", -1);
  }

  void hooks(std::string_view key) {
    Value* hooks = service_.find(key);
    if (!hooks || !hooks->is_array()) return;
    for (auto& hook : hooks->items()) {
      pairs_to_map(hook.find("environment"), false);
      (void)command_to_list(hook.find("command"));
    }
  }

  Status ports() {
    Value* ports = service_.find("ports");
    if (!ports || !ports->is_array()) return {};
    Value list = Value::array();
    for (auto& port : ports->items()) {
      if (port.is_object()) {
        if (!port.has("protocol")) port.set("protocol", "tcp");
        if (!port.has("mode")) port.set("mode", "ingress");
        if (!port.has("target")) return fail(Code::kInvalidArgument, "ports: a port needs a target");
        list.push_back(std::move(port));
        continue;
      }
      if (stays(port)) {
        list.push_back(std::move(port));
        continue;
      }
      TRY_ASSIGN(auto parsed, parse_port(port.text()));
      if (list.items().size() + parsed.size() > kMaxPorts) return too_many_ports();
      for (auto& one : parsed) list.push_back(std::move(one));
    }
    *ports = std::move(list);
    return {};
  }

  Status volumes() {
    Value* volumes = service_.find("volumes");
    if (!volumes || !volumes->is_array()) return {};
    for (auto& volume : volumes->items()) {
      if (stays(volume)) continue;
      if (volume.is_string()) {
        TRY_ASSIGN(volume, parse_volume(volume.text()));
      }
      if (volume.text_at({"target"}).empty()) return fail(Code::kInvalidArgument, "volumes: a mount needs a target");
      volume.set("target", clean_file_path(volume.text_at({"target"})));
      if (volume.text_at({"type"}).empty()) volume.set("type", volume.text_at({"source"}).starts_with('/') ? "bind" : "volume");
      pairs_to_map(volume.at({"volume", "labels"}), true);
      Value* bind = volume.find("bind");
      if (bind && !bind->has("create_host_path")) bind->set("create_host_path", true);
      if (volume.text_at({"type"}) != "bind") continue;
      if (volume.text_at({"source"}).empty()) return fail(Code::kInvalidArgument, "invalid mount config for type \"bind\": field Source must not be empty");
      auto source = volume.text_at({"source"});
      bool windows = source.size() > 2 && source[1] == ':' && source[2] == '\\';
      if (!windows) volume.set("source", resolved(source));
    }
    return {};
  }

  Value& service_;
  const NormaliseOptions& options_;
};

// `external: {name: x}` is the old way.
void external(Value& resource) {
  Value* external = resource.find("external");
  if (!external || !external->is_object()) return;
  std::string name(external->text_at({"name"}));
  *external = true;
  if (!name.empty() && !resource.has("name")) resource.set("name", name);
}

void normalise_resources(Value& tree, const NormaliseOptions& options) {
  for (const char* kind : {"networks", "volumes", "secrets", "configs"}) {
    Value* resources = tree.find(kind);
    if (!resources) continue;
    if (resources->is_null()) *resources = Value::object();
    for (auto& member : resources->members()) {
      if (!member.value.is_object()) continue;
      external(member.value);
      pairs_to_map(member.value.find("labels"), true);
      auto resolve = [&](Value* path) {
        if (path && path->is_string() && options.resolve_paths) *path = join_path(options.directory, path->text());
      };
      resolve(member.value.find("file"));
      Value* driver_options = member.value.find("driver_opts");
      if (driver_options && member.value.text_at({"driver"}) == "local" && driver_options->text_at({"o"}) == "bind") resolve(driver_options->find("device"));
    }
  }
}

}  // namespace

Status normalise_service(Value& service, const NormaliseOptions& options) { return Service(service, options).run(); }

Status normalise_file(SourceFile& file, const NormaliseOptions& options) {
  if (Value* services = file.tree.find("services")) {
    if (services->is_null()) *services = Value::object();
    size_t ports = 0;
    for (auto& member : services->members()) {
      if (!member.value.is_object()) continue;  // !reset
      auto done = normalise_service(member.value, options);
      if (const Value* list = member.value.find("ports")) ports += list->items().size();
      if (done && ports > kMaxPorts) done = too_many_ports();
      if (!done) {
        std::string name(member.key());
        return fail(std::move(done).error().context(fmt::format("{}services.{}", file.where("/services/" + name), name)));
      }
    }
  }
  normalise_resources(file.tree, options);
  return {};
}

}  // namespace reigen::compose
