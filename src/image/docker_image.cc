#include "image/docker_image.h"

#include <ctime>

#include "image/health_check_json.h"

namespace reigen::image {
namespace {

constexpr const char* kDockerVersion = "28.2.2";  // what /version says; tools read it out of images

void write_list(JsonWriter& json, const char* key, const std::vector<std::string>& list, bool set) {
  json.key(key);
  if (set) json.value(list);
  else json.null();
}

void write_set(JsonWriter& json, const char* key, const std::vector<std::string>& keys) {
  json.key(key).begin_object();
  for (const auto& item : keys) json.key(item).begin_object().end_object();
  json.end_object();
}

void write_config(JsonWriter& json, const ImageConfig& config) {
  json.begin_object();
  json.key("Hostname").value(config.hostname).key("Domainname").value(config.domainname).key("User").value(config.user);
  json.key("AttachStdin").boolean(config.attach_stdin).key("AttachStdout").boolean(config.attach_stdout);
  json.key("AttachStderr").boolean(config.attach_stderr);
  if (!config.exposed_ports.empty()) write_set(json, "ExposedPorts", config.exposed_ports);
  json.key("Tty").boolean(config.tty).key("OpenStdin").boolean(config.open_stdin).key("StdinOnce").boolean(config.stdin_once);
  write_list(json, "Env", config.env, !config.env.empty());
  write_list(json, "Cmd", config.cmd, config.cmd_set);
  if (config.health_check) write_health_check(json, *config.health_check);
  if (config.args_escaped) json.key("ArgsEscaped").boolean(true);
  json.key("Image").value(config.image);
  if (config.volumes.empty()) json.key("Volumes").null();
  else write_set(json, "Volumes", config.volumes);
  json.key("WorkingDir").value(config.working_dir);
  write_list(json, "Entrypoint", config.entrypoint, config.entrypoint_set);
  if (config.network_disabled) json.key("NetworkDisabled").boolean(true);
  if (!config.mac_address.empty()) json.key("MacAddress").value(config.mac_address);
  write_list(json, "OnBuild", config.on_build, !config.on_build.empty());
  json.key("Labels");
  if (config.labels.empty()) {
    json.null();
  } else {
    json.begin_object();
    for (const auto& [key, value] : config.labels) json.key(key).value(std::string_view(value));
    json.end_object();
  }
  if (!config.stop_signal.empty()) json.key("StopSignal").value(config.stop_signal);
  if (config.stop_timeout_s) json.key("StopTimeout").value(*config.stop_timeout_s);
  if (!config.shell.empty()) json.key("Shell").value(config.shell);
  json.end_object();
}

void write_history(JsonWriter& json, const std::vector<HistoryEntry>& history) {
  json.key("history").begin_array();
  for (const auto& entry : history) {
    json.begin_object();
    json.key("created").value(entry.created.empty() ? "0001-01-01T00:00:00Z" : entry.created);
    if (!entry.author.empty()) json.key("author").value(entry.author);
    if (!entry.created_by.empty()) json.key("created_by").value(entry.created_by);
    if (!entry.comment.empty()) json.key("comment").value(entry.comment);
    if (entry.empty_layer) json.key("empty_layer").boolean(true);
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::string encode_run_config(const ImageConfig& config) {
  JsonWriter json;
  write_config(json, config);
  return json.take();
}

std::string encode_docker_image(const ImageConfig& config) {
  JsonWriter json;
  json.begin_object().key("architecture").value(config.architecture);
  if (!config.author.empty()) json.key("author").value(config.author);
  json.key("config");
  write_config(json, config);
  if (!config.container.empty()) json.key("container").value(config.container);
  if (!config.container_config.empty()) json.key("container_config").raw(config.container_config);
  json.key("created").value(config.created.empty() ? "0001-01-01T00:00:00Z" : config.created);
  if (!config.docker_version.empty()) json.key("docker_version").value(config.docker_version);
  write_history(json, config.history);
  json.key("os").value(config.os);
  json.key("rootfs").begin_object().key("type").value("layers");
  if (!config.diff_ids.empty()) json.key("diff_ids").value(config.diff_ids);
  json.end_object();
  if (!config.variant.empty()) json.key("variant").value(config.variant);
  return json.end_object().take();
}

std::string format_nanos(WallTime time) {
  auto since = time.time_since_epoch();
  auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  std::time_t whole = seconds.count();
  std::tm parts{};
  ::gmtime_r(&whole, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::string nanos = std::to_string((since - seconds).count());
  nanos.insert(0, 9 - nanos.size(), '0');
  while (nanos.ends_with('0')) nanos.pop_back();
  return std::string(text) + (nanos.empty() ? "" : "." + nanos) + "Z";
}

Result<ImageRecord> commit_child(ImageWriter& writer, ChildImage child) {
  ImageConfig& out = child.config;
  out.diff_ids.clear();
  out.history.clear();
  if (!child.parent.empty()) {
    TRY_ASSIGN(auto below, writer.store().config(child.parent));
    out.architecture = below.architecture;
    out.os = below.os;
    out.variant = below.variant;
    out.diff_ids = std::move(below.diff_ids);
    out.history = std::move(below.history);
    writer.declare_chain(out.diff_ids);
  }
  auto host = Platform::host();
  if (out.architecture.empty()) out.architecture = host.architecture;
  if (out.os.empty()) out.os = host.os;
  out.created = child.created.empty() ? format_nanos(system_clock().wall()) : child.created;
  out.author = child.author;
  out.docker_version = kDockerVersion;
  out.container = child.container;
  out.container_config = child.container_config;
  if (child.layer) out.diff_ids.push_back(child.layer->diff_id);
  out.history.push_back({out.created, child.created_by, child.author, child.comment, !child.layer});
  TRY_ASSIGN(auto record, writer.commit(encode_docker_image(out), "", {}, {}, child.parent));
  if (child.names.empty()) return record;
  // Tagged, not only named: the time shows.
  for (const auto& name : child.names) {
    TRY_ASSIGN(auto reference, parse_reference(name));
    TRY(writer.store().tag(record.id, reference));
  }
  return writer.store().find(record.id);
}

}  // namespace reigen::image
