#include "docker/object_writes.h"

#include <fmt/core.h>

#include "api/docker_names.h"
#include "api/errors.h"
#include "apiserver/docker_error.h"
#include "docker/go_json.h"

namespace reigen::docker {

using api::dockerv1::Container;
using api::dockerv1::NameClaim;
using api::dockerv1::Volume;

namespace {
constexpr int kAttempts = 50;  // the node writes its status at the same time
}

Error plain_error(const Error& error, std::string_view what) {
  std::string message = fmt::format("{}: {}", what, error.message());
  if (error.code() == Code::kUnavailable) return Error(Code::kUnavailable, std::move(message));
  return apiserver::docker_error(500, std::move(message));
}

Result<ContainerPtr> change_container(Engine& engine, const std::string& id, const ChangeContainer& change) {
  auto missing = [&] { return fail(Code::kNotFound, fmt::format("No such container: {}", id)); };
  ContainerPtr current = engine.containers.get("", id);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (!current || attempt > 0) {
      auto read = engine.client.get<Container>("", id);
      if (!read) return api::is_not_found(read.error()) ? missing() : fail(plain_error(read.error(), "container " + id));
      current = std::move(*read);
    }
    Container changed = *current;
    TRY_ASSIGN(bool write, change(changed));
    if (!write) return current;
    auto written = engine.client.update(std::move(changed));
    if (written) return *written;
    if (api::is_not_found(written.error())) return missing();
    if (!api::is_conflict(written.error())) return fail(plain_error(written.error(), "container " + id));
  }
  return fail(Code::kConflict, fmt::format("container {} is changed by others all the time", id));
}

Status claim_name(Engine& engine, std::string_view kind, std::string_view docker_name, const std::string& holder) {
  NameClaim claim;
  claim.metadata.name = api::claim_object_name(kind, docker_name);
  if (claim.metadata.name.empty()) return fail(Code::kInvalidArgument, fmt::format("the name {} is too long", docker_name));
  std::string object = claim.metadata.name;
  claim.spec.kind = kind;
  claim.spec.docker_name = docker_name;
  claim.spec.holder = holder;
  auto made = engine.client.create(std::move(claim));
  if (made) return {};
  if (!api::is_already_exists(made.error())) return fail(plain_error(made.error(), "the name " + std::string(docker_name)));
  auto held = engine.client.get<NameClaim>("", object);
  return fail(Code::kAlreadyExists, held ? (*held)->spec.holder : std::string());
}

void release_name(Engine& engine, std::string_view kind, std::string_view docker_name) {
  (void)engine.client.remove<NameClaim>("", api::claim_object_name(kind, docker_name));
}

Error name_conflict(std::string_view docker_name, std::string_view holder) {
  return {Code::kConflict, fmt::format("Conflict. The container name \"/{}\" is already in use by container \"{}\". You have to remove (or rename) that "
                                       "container to be able to reuse that name.",
                                       docker_name, holder)};
}

Result<std::shared_ptr<const Volume>> make_volume(Engine& engine, const VolumeWish& wish) {
  std::string object = api::volume_object_name(wish.name);
  if (object.empty()) return fail(Code::kInvalidArgument, fmt::format("the name {} is too long", wish.name));
  Event event{.type = "volume", .action = "create", .id = wish.name, .attributes = {{"driver", "local"}}};
  if (auto known = engine.volumes.get("", object)) {
    event.again = true;
    engine.events.add(std::move(event));
    return known;
  }
  Volume volume;
  volume.metadata.name = object;
  volume.spec.docker_name = wish.name;
  volume.spec.node_name = engine.node_name;
  volume.spec.driver = "local";
  volume.spec.created = go_time(std::chrono::floor<std::chrono::seconds>(engine.clock.wall()));
  volume.spec.anonymous = wish.anonymous;
  for (const auto& [name, value] : wish.labels) volume.spec.labels[name] = value;
  for (const auto& [name, value] : wish.options) volume.spec.driver_opts[name] = value;
  auto made = engine.client.create(std::move(volume));
  if (!made && api::is_already_exists(made.error())) made = engine.client.get<Volume>("", object);
  if (!made) return fail(plain_error(made.error(), "volume " + wish.name));
  engine.events.add(std::move(event));
  wait_seen(engine, engine.volumes.untyped(), (*made)->metadata.resource_version);
  return *made;
}

Status make_volumes(Engine& engine, const std::vector<VolumeWish>& wishes) {
  for (const auto& wish : wishes) TRY(make_volume(engine, wish));
  return {};
}

}  // namespace reigen::docker
