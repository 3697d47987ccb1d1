// POST /containers/create: read, check, resolve, write: the missing volumes, the name's claim, the Container.
#include <fmt/core.h>

#include "api/docker_names.h"
#include "apiserver/docker_error.h"
#include "base/files.h"
#include "base/log.h"
#include "docker/container_create.h"
#include "docker/container_handlers.h"
#include "docker/container_lookup.h"
#include "docker/create_checks.h"
#include "docker/create_request.h"
#include "docker/go_json.h"
#include "docker/mount_points.h"
#include "docker/name_maker.h"
#include "docker/network_requests.h"
#include "docker/object_writes.h"
#include "image/image_store.h"
#include "image/reference.h"
#include "docker/version_table.h"

namespace reigen::docker {

namespace {

using api::Value;
using api::dockerv1::Container;

constexpr int kNameAttempts = 20;

Result<std::string> read_name(std::string_view given) {
  std::string_view name = given.starts_with("/") ? given.substr(1) : given;
  if (!given.empty() && !api::is_docker_name(name))
    return fail(Code::kInvalidArgument, fmt::format("Invalid container name ({}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", given));
  return std::string(name);
}

Result<image::ImageRecord> find_image(Engine& engine, const std::string& name, std::string_view platform, image::ImageConfig& config) {
  if (name.empty()) return fail(Code::kInvalidArgument, "no image given");
  auto found = engine.image_store->find(name);
  if (!found) {
    auto reference = image::parse_reference(name);
    if (!reference && found.error().code() != Code::kConflict) return fail(Code::kInvalidArgument, reference.error().message());
    if (found.error().code() != Code::kNotFound) return found;
    return fail(Code::kNotFound, fmt::format("No such image: {}", reference->familiar()));
  }
  TRY_ASSIGN(config, engine.image_store->config(found->id));
  if (platform.empty()) return found;
  TRY_ASSIGN(auto wanted, image::Platform::parse(platform));
  bool same = wanted.os == config.os && (wanted.architecture.empty() || wanted.architecture == config.architecture);
  if (same) return found;
  return fail(Code::kNotFound, fmt::format("image with reference {} was found but does not provide the specified platform ({})", name, wanted.str()));
}

MountContext mount_context(Engine& engine, ApiVersion version) {
  return {.random = engine.random,
          .recursive_read_only = version >= since::kReadOnlyRecursive,
          .mounts_of = [&engine](std::string_view name) -> Result<std::vector<api::dockerv1::MountPoint>> {
            TRY_ASSIGN(auto container, find_shareable(engine, name));
            return container->spec.mounts;
          },
          .path_exists = [](const std::string& path) { return path_exists(path); }};
}

class Creation {
 public:
  Creation(Engine& engine, CreateRequest request, std::string id) : engine_(engine), request_(std::move(request)), id_(std::move(id)) {}

  Status prepare(const std::string& platform, ApiVersion version) {
    TRY(check_create(request_, host_facts()));
    std::string image_name(request_.config.text_at({"Image"}));
    image::ImageConfig image;
    TRY_ASSIGN(auto record, find_image(engine_, image_name, platform, image));
    warn_platform(image, platform);
    TRY(merge_image(request_, image));
    fill_defaults(request_, host_facts());
    TRY_ASSIGN(mounts_, resolve_mounts(request_.typed_config(), request_.typed_host(), mount_context(engine_, version)));
    TRY_ASSIGN(object_.spec.networks, resolve_networks(request_, network_context()));
    if (request_.config.text_at({"Hostname"}).empty()) {
      request_.config.set("Hostname", default_hostname());
    }
    object_.metadata.name = id_;
    auto& spec = object_.spec;
    spec.node_name = engine_.node_name;
    spec.image_name = image_name;
    spec.image_id = record.id;
    spec.created = go_time(engine_.clock.wall());
    spec.mounts = mounts_.points;
    resolve_command(request_, spec.path, spec.args);
    spec.config = api::RawExtension(api::to_json(request_.config));
    spec.host_config = api::RawExtension(api::to_json(request_.host));
    return {};
  }

  Result<std::string> write(std::string name) {
    TRY_ASSIGN(object_.spec.docker_name, claim(std::move(name)));
    auto made = make_volumes(engine_, mounts_.volumes);
    Result<ContainerPtr> stored = made ? engine_.client.create(object_) : Result<ContainerPtr>(fail(made.error()));
    if (!stored) {
      release_name(engine_, "Container", object_.spec.docker_name);
      return fail(made ? plain_error(stored.error(), "container " + object_.spec.docker_name) : stored.error());
    }
    wait_seen(engine_, engine_.containers.untyped(), (*stored)->metadata.resource_version);
    return id_;
  }

  Value warnings() const {
    Value out = Value::array();
    for (const auto& warning : request_.warnings) out.push_back(warning);
    return out;
  }

 private:
  NetworkContext network_context() {
    return {.find_network = [this](std::string_view name) { return find_network(engine_, name).value_or(nullptr); },
            .find_container = [this](std::string_view name) -> Result<std::string> {
              TRY_ASSIGN(auto container, find_shareable(engine_, name));
              return container->metadata.name;
            }};
  }

  // Who shares a network shares its hostname.
  std::string default_hostname() {
    std::string_view mode = request_.host.text_at({"NetworkMode"});
    if (mode == "host") return host_facts().host_name;
    if (mode.starts_with("container:")) {
      if (auto other = find_container(engine_, mode.substr(10))) return config_of(**other).hostname;
    }
    return id_.substr(0, 12);
  }

  void warn_platform(const image::ImageConfig& image, const std::string& asked) {
    auto host = image::Platform::host();
    if (!asked.empty() || image.architecture.empty() || image.architecture == host.architecture) return;
    request_.warnings.push_back(
        fmt::format("The requested image's platform ({}/{}) does not match the detected host platform ({}) and no specific platform was requested", image.os,
                    image.architecture, host.str()));
  }

  Result<std::string> claim(std::string name) {
    bool made_up = name.empty();
    for (int attempt = 0;; ++attempt) {
      if (made_up) name = make_name(engine_.random, attempt);
      auto claimed = claim_name(engine_, "Container", name, id_);
      if (claimed) return name;
      if (claimed.error().code() != Code::kAlreadyExists) return fail(claimed.error());
      if (!made_up) return fail(name_conflict(name, claimed.error().message()));
      if (attempt == kNameAttempts) name = id_.substr(0, 12);
      if (attempt > kNameAttempts) return fail(Code::kResourceExhausted, "no free name was found for the container");
    }
  }

  Engine& engine_;
  CreateRequest request_;
  const std::string id_;
  ResolvedMounts mounts_;
  Container object_;
};

Result<Value> create(Call& call) {
  TRY_ASSIGN(std::string name, read_name(call.arg("name")));
  TRY_ASSIGN(Value body, call.json_body());
  TRY_ASSIGN(auto request, read_create_request(body, call.version, host_facts()));
  Creation creation(call.engine, std::move(request), call.engine.random.hex(32));
  std::string platform(call.version >= since::kCreatePlatform ? call.arg("platform") : std::string_view());
  TRY(creation.prepare(platform, call.version));
  TRY_ASSIGN(std::string id, creation.write(std::move(name)));
  return Value::object({{"Id", id}, {"Warnings", creation.warnings()}});
}

}  // namespace

Status create_container(Engine& engine, CreateRequest request, const std::string& id) {
  Creation creation(engine, std::move(request), id);
  TRY(creation.prepare("", since::kBuilders));
  TRY(creation.write(""));
  return {};
}

void container_create(Call call) {
  auto answer = create(call);
  if (!answer) return call.error(answer.error());
  call.json(201, std::move(*answer));
}

}  // namespace reigen::docker
