// DELETE /volumes/x, POST /volumes/prune
#include <fmt/core.h>

#include "api/docker_names.h"
#include "api/errors.h"
#include "apiserver/node_containers.h"
#include "docker/object_writes.h"
#include "docker/prune_filter.h"
#include "docker/volume_handlers.h"
#include "docker/version_table.h"

namespace reigen::docker {

namespace {

using api::Value;
using api::dockerv1::Volume;

Status remove(Engine& engine, const Volume& volume) {
  auto removed = engine.client.remove<Volume>("", volume.metadata.name, {.uid = volume.metadata.uid});
  if (!removed && !api::is_not_found(removed.error())) return fail(plain_error(removed.error(), "remove " + volume.spec.docker_name));
  engine.events.add({.type = "volume", .action = "destroy", .id = volume.spec.docker_name, .attributes = {{"driver", volume.spec.driver}}});
  wait_gone(engine, engine.volumes.untyped(), volume.metadata.name);
  return {};
}

Status remove_named(Call& call) {
  const std::string& name = call.params[0];
  auto volume = call.engine.volumes.get("", api::volume_object_name(name));
  if (!volume) {
    if (call.flag("force")) return {};
    return fail(Code::kNotFound, fmt::format("get {}: no such volume", name));
  }
  std::string users;
  for (const auto& id : volume_users(call.engine, name)) users += (users.empty() ? "" : ", ") + id;
  if (!users.empty()) return fail(Code::kConflict, fmt::format("remove {}: volume is in use - [{}]", name, users));
  return remove(call.engine, *volume);
}

struct Prune {
  explicit Prune(Call call_) : call(std::move(call_)) {}
  Call call;
  std::vector<std::shared_ptr<const Volume>> unused;

  void run(const std::map<std::string, uint64_t>& sizes) {
    Value deleted = Value::array();
    uint64_t reclaimed = 0;
    for (const auto& volume : unused) {
      if (!remove(call.engine, *volume)) continue;
      deleted.push_back(volume->spec.docker_name);
      auto size = sizes.find(volume->metadata.uid);
      reclaimed += size == sizes.end() ? 0 : size->second;
    }
    call.engine.events.add({.type = "volume", .action = "prune", .id = "", .attributes = {{"reclaimed", std::to_string(reclaimed)}}});
    call.json(200, Value::object({{"VolumesDeleted", std::move(deleted)}, {"SpaceReclaimed", reclaimed}}));
  }
};

}  // namespace

void volume_remove(Call call) {
  if (auto done = remove_named(call); !done) return call.error(done.error());
  call.empty(204);
}

void volume_prune(Call call) {
  auto filter = PruneFilter::parse(call.arg("filters"), call.engine.clock.wall(), {"all"}, false);
  if (!filter) return call.error(filter.error());
  auto all = filter->filters.boolean("all", call.version < since::kAnonymousPrune);
  if (!all) return call.error(all.error());
  auto prune = std::make_shared<Prune>(std::move(call));
  Engine& engine = prune->call.engine;
  for (const auto& volume : engine.volumes.list()) {
    if (!*all && !volume->spec.anonymous) continue;
    if (!filter->wants_labels(volume->spec.labels) || !volume_users(engine, volume->spec.docker_name).empty()) continue;
    prune->unused.push_back(volume);
  }
  engine.nodes.volume_use(engine.node_name, [prune](Result<std::vector<apiserver::VolumeUse>> uses) {
    auto sizes = std::make_shared<std::map<std::string, uint64_t>>();
    if (uses) {
      for (const auto& use : *uses) (*sizes)[use.uid] = use.bytes;
    }
    prune->call.engine.work.post([prune, sizes] { prune->run(*sizes); });
  });
}

}  // namespace reigen::docker
