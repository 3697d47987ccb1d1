// GET /volumes and /volumes/x
#include <fmt/core.h>

#include "api/docker_names.h"
#include "docker/container_inspect.h"
#include "docker/filters.h"
#include "docker/version_table.h"
#include "docker/volume_handlers.h"
#include "docker/error_answer.h"

namespace reigen::docker {

using api::Value;
using api::dockerv1::Volume;

namespace {

constexpr const char* kAnonymousLabel = "com.docker.volume.anonymous";

Value map_or_null(const api::Map<std::string>& map) {
  if (map.empty()) return {};
  Value out = Value::object();
  for (const auto& [name, value] : map) out.set(name, value);
  return out;
}

bool wants(const Engine& engine, const Filters& filters, const Volume& volume, std::optional<bool> dangling) {
  if (!filters.pattern("name", volume.spec.docker_name) || !filters.exact("driver", volume.spec.driver)) return false;
  if (!filters.labels("label", volume.spec.labels)) return false;
  return !dangling || volume_users(engine, volume.spec.docker_name).empty() == *dangling;
}

}  // namespace

std::vector<std::string> volume_users(const Engine& engine, std::string_view docker_name) {
  std::vector<std::string> out;
  for (const auto& container : engine.containers.list()) {
    for (const auto& mount : container->spec.mounts) {
      if (mount.type == "volume" && mount.name == docker_name) {
        out.push_back(container->metadata.name);
        break;
      }
    }
  }
  return out;
}

Value volume_json(const Engine& engine, const Volume& volume, ApiVersion version) {
  Value labels = map_or_null(volume.spec.labels);
  if (volume.spec.anonymous && version >= since::kAnonymousLabel) labels.set(kAnonymousLabel, "");
  return Value::object({{"CreatedAt", volume.spec.created},
                        {"Driver", volume.spec.driver},
                        {"Labels", std::move(labels)},
                        {"Mountpoint", volume_path(engine, volume.spec.docker_name)},
                        {"Name", volume.spec.docker_name},
                        {"Options", map_or_null(volume.spec.driver_opts)},
                        {"Scope", "local"}});
}

void volume_list(Call call) {
  auto filters = Filters::parse(call.arg("filters"));
  if (!filters) return call.error(Error(Code::kInvalidArgument, "error reading volume filters: " + filters.error().message()));
  if (auto good = filters->check({"dangling", "name", "driver", "label"}); !good) return call.error(good.error());
  std::optional<bool> dangling;
  if (filters->has("dangling")) {
    auto asked = filters->boolean("dangling", false);
    if (!asked) return call.error(asked.error());
    dangling = *asked;
  }
  Value list = Value::array();
  for (const auto& volume : call.engine.volumes.list()) {
    if (wants(call.engine, *filters, *volume, dangling)) list.push_back(volume_json(call.engine, *volume, call.version));
  }
  call.json(200, Value::object({{"Volumes", std::move(list)}, {"Warnings", Value()}}), "volume.list");
}

void volume_inspect(Call call) {
  auto volume = call.engine.volumes.get("", api::volume_object_name(call.params[0]));
  if (!volume) return call.error(Error(Code::kNotFound, fmt::format("get {}: no such volume", call.params[0])));
  call.json(200, volume_json(call.engine, *volume, call.version), "volume");
}

}  // namespace reigen::docker
