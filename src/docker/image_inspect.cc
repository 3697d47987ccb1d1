// GET /images/x/json and /images/x/history.
#include <algorithm>

#include "docker/engine.h"
#include "docker/go_json.h"
#include "docker/image_handlers.h"
#include "docker/image_host.h"
#include "image/docker_image.h"
#include "docker/version_table.h"

namespace reigen::docker {
namespace {

using api::Value;

Value text_list(const std::vector<std::string>& list) {
  Value out = Value::array();
  for (const auto& item : list) out.push_back(item);
  return out;
}

// From 1.50 on only what an image can say, and only what it says.
void drop_container_fields(Value& config) {
  for (const char* key : {"Hostname", "Domainname", "AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce", "Image", "NetworkDisabled",
                          "MacAddress", "StopTimeout"})
    config.erase(key);
  for (const char* key : {"User", "Env", "Cmd", "Volumes", "WorkingDir", "Entrypoint", "OnBuild", "Labels"}) {
    const Value* member = config.find(key);
    if (member && (member->is_null() || (member->is_string() && member->text().empty()))) config.erase(key);
  }
}

Result<Value> config_of(const image::ImageConfig& image, ApiVersion version) {
  TRY_ASSIGN(auto out, api::parse_json(image::encode_run_config(image)));
  if (version >= since::kPlainImageConfig) drop_container_fields(out);
  return out;
}

// A container's configuration that an image does not have: every field, empty.
Value container_config(const image::ImageConfig& image) {
  if (!image.container_config.empty())
    if (auto parsed = api::parse_json(image.container_config)) return std::move(*parsed);
  auto empty = api::parse_json(image::encode_run_config({}));
  return empty ? std::move(*empty) : Value::object();
}

Result<Value> inspect(ImageHost& host, const ImageDetails& image, ApiVersion version) {
  const auto& config = image.config;
  const auto& record = image.record;
  TRY_ASSIGN(auto run_config, config_of(config, version));
  TRY_ASSIGN(auto folders, host.store().layer_dirs(record.id));
  Value data = Value::object();
  std::string lower;
  for (size_t i = folders.size(); i-- > 1;) lower += (lower.empty() ? "" : ":") + folders[i - 1];
  if (!lower.empty()) data.set("LowerDir", lower);
  data.set("UpperDir", folders.back());
  Value rootfs = Value::object({{"Type", "layers"}});
  if (!config.diff_ids.empty()) rootfs.set("Layers", text_list(config.diff_ids));
  auto size = static_cast<int64_t>(record.size);
  Value out = Value::object({{"Id", record.id},
                             {"RepoTags", text_list(familiar(record.names))},
                             {"RepoDigests", text_list(familiar(record.repo_digests))},
                             {"Parent", record.parent},
                             {"Comment", config.comment()}});
  if (!config.created.empty() && image.created_s != kYearOne) out.set("Created", config.created);
  if (version < since::kNoImageContainer) {
    out.set("Container", config.container);
    out.set("ContainerConfig", container_config(config));
  }
  out.set("DockerVersion", config.docker_version);
  out.set("Author", config.author);
  out.set("Config", std::move(run_config));
  out.set("Architecture", config.architecture);
  if (!config.variant.empty()) out.set("Variant", config.variant);
  out.set("Os", config.os);
  out.set("Size", size);
  if (version < since::kNoVirtualSize) out.set("VirtualSize", size);
  out.set("GraphDriver", Value::object({{"Data", std::move(data)}, {"Name", "overlay2"}}));
  out.set("RootFS", std::move(rootfs));
  std::string tagged = record.tagged_s ? go_time(WallTime(std::chrono::seconds(record.tagged_s))) : std::string(kZeroTime);
  out.set("Metadata", Value::object({{"LastTagTime", tagged}}));
  return out;
}

int64_t unix_seconds(const std::string& text) {
  auto time = api::Time::parse(text);
  return time ? time->seconds : kYearOne;
}

Result<Value> history(ImageHost& host, const ImageDetailsPtr& image) {
  TRY_ASSIGN(auto layers, host.store().layers(image->record.id));
  std::vector<Value> entries;
  size_t layer = 0;
  for (const auto& entry : image->config.history) {
    int64_t size = 0;
    if (!entry.empty_layer && layer < layers.size()) size = static_cast<int64_t>(layers[layer++].size);
    entries.push_back(Value::object({{"Comment", entry.comment},
                                     {"Created", unix_seconds(entry.created)},
                                     {"CreatedBy", entry.created_by},
                                     {"Id", "<missing>"},
                                     {"Size", size},
                                     {"Tags", nullptr}}));
  }
  std::ranges::reverse(entries);
  // The images on the way are known only where they were made.
  ImageDetailsPtr at = image;
  for (auto& entry : entries) {
    entry.set("Id", at->record.id);
    if (!at->record.names.empty()) entry.set("Tags", text_list(familiar(at->record.names)));
    auto parent = at->record.parent.empty() ? Result<ImageDetailsPtr>(fail(Code::kNotFound, "")) : host.find(at->record.parent);
    if (!parent) break;
    at = std::move(*parent);
  }
  return Value(std::move(entries));
}

}  // namespace

void image_inspect(Call call) {
  auto& host = *call.engine.images;
  const auto& name = call.params[0];
  auto image = host.find(name);
  if (!image) {
    Error error = std::move(image).error();
    if (error.code() == Code::kNotFound || error.code() == Code::kInvalidArgument)
      error = Error(error.code(), "no such image: " + name + ": " + error.message());
    return call.error(error);
  }
  auto out = inspect(host, **image, call.version);
  if (!out) return call.error(out.error());
  call.json(200, std::move(*out), "image.inspect");
}

void image_history(Call call) {
  auto& host = *call.engine.images;
  auto image = host.find(call.params[0]);
  if (!image) return call.error(image.error());
  auto out = history(host, *image);
  if (!out) return call.error(out.error());
  call.json(200, std::move(*out));
}

}  // namespace reigen::docker
