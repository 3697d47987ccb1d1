// GET /system/df: what images, containers and volumes take of the disk.
#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "apiserver/node_containers.h"
#include "build/run_mounts.h"
#include "docker/container_summary.h"
#include "docker/go_json.h"
#include "docker/image_host.h"
#include "docker/status_text.h"
#include "docker/system_handlers.h"
#include "docker/version_table.h"
#include "docker/volume_handlers.h"

namespace reigen::docker {

namespace {

using api::Value;

Value text_list(const std::vector<std::string>& items) {
  Value out = Value::array();
  for (const auto& item : items) out.push_back(item);
  return out;
}

// Layers by chain: their size and how many images have them.
struct LayerUse {
  uint64_t size = 0;
  int images = 0;
};

struct Usage : std::enable_shared_from_this<Usage> {
  explicit Usage(Call call_) : call(std::move(call_)), engine(call.engine) {}
  Call call;
  Engine& engine;
  std::mutex mutex;
  std::vector<ContainerPtr> containers;
  std::map<std::string, uint64_t> writable;      // by container
  std::map<std::string, uint64_t> volume_bytes;  // by uid
  size_t left = 1;                               // answers of the node awaited

  // From 1.42 on a client may ask for some kinds only.
  bool wants(std::string_view kind) const {
    if (call.version < since::kUsageTypes || !call.has("type")) return true;
    auto kinds = call.request->query.all("type");
    return std::ranges::find(kinds, kind) != kinds.end();
  }

  void run() {
    if (wants("container")) containers = engine.containers.list();
    std::ranges::stable_sort(containers, std::greater<>(), [](const auto& container) { return parse_time(container->spec.created).value_or(WallTime{}); });
    left += containers.size();
    for (const auto& container : containers) {
      engine.nodes.size(target_of(*container), [self = shared_from_this(), id = container->metadata.name](Result<apiserver::SizeResult> size) {
        std::lock_guard lock(self->mutex);
        if (size) self->writable[id] = size->writable;
        self->arrived();
      });
    }
    engine.nodes.volume_use(engine.node_name, [self = shared_from_this()](Result<std::vector<apiserver::VolumeUse>> uses) {
      std::lock_guard lock(self->mutex);
      if (uses) {
        for (const auto& use : *uses) self->volume_bytes[use.uid] = use.bytes;
      }
      self->arrived();
    });
  }

  void arrived() {
    if (--left == 0) engine.slow.post([self = shared_from_this()] { self->answer(); });
  }

  Value image_list(uint64_t& layers_size) {
    Value out = Value::array();
    auto images = engine.images->list();
    if (!images) return out;
    std::map<std::string, LayerUse> layers;
    std::map<std::string, std::vector<std::string>> chains;
    std::set<std::string> parents;
    for (const auto& image : *images) {
      parents.insert(image->record.parent);
      for (const auto& layer : engine.images->store().layers(image->record.id).value_or(std::vector<image::LayerInfo>())) {
        auto& use = layers[layer.chain_id];
        use.size = layer.size;
        ++use.images;
        chains[image->record.id].push_back(layer.chain_id);
      }
    }
    for (const auto& [chain, use] : layers) layers_size += use.size;
    for (const auto& image : *images) {
      bool nameless = image->record.names.empty() && image->record.repo_digests.empty();
      if (nameless && parents.contains(image->record.id)) continue;  // only a step on the way to another
      uint64_t shared = 0;
      for (const auto& chain : chains[image->record.id]) shared += layers[chain].images > 1 ? layers[chain].size : 0;
      out.push_back(image_entry(*image, shared));
    }
    return out;
  }

  Value image_entry(const ImageDetails& image, uint64_t shared) {
    auto users = std::ranges::count_if(engine.containers.list(), [&](const auto& container) { return container->spec.image_id == image.record.id; });
    Value labels;
    for (const auto& [name, value] : image.config.labels) labels.set(name, value);
    Value out = Value::object({{"Containers", static_cast<int64_t>(users)},
                               {"Created", image.created_s},
                               {"Id", image.record.id},
                               {"Labels", std::move(labels)},
                               {"ParentId", image.record.parent},
                               {"RepoDigests", text_list(familiar(image.record.repo_digests))},
                               {"RepoTags", text_list(familiar(image.record.names))},
                               {"SharedSize", shared},
                               {"Size", image.record.size}});
    if (call.version < since::kNoVirtualSize) out.set("VirtualSize", image.record.size);
    return out;
  }

  Value container_list() {
    Value out = Value::array();
    for (const auto& container : containers) {
      Value shown = summarize_container(engine, *container, container->spec.image_name, call.version);
      uint64_t bytes = writable[container->metadata.name];
      auto image = engine.images->store().find(container->spec.image_id);
      if (bytes > 0) shown.set("SizeRw", bytes);
      shown.set("SizeRootFs", bytes + (image ? image->size : 0));
      out.push_back(std::move(shown));
    }
    bring_down(out, "container.list", call.version);
    return out;
  }

  // What builds keep besides images: the folders of RUN --mount=type=cache.
  Value cache_list() {
    Value out = Value::array();
    for (const auto& mount : build::list_cache_mounts(engine.images->store())) {
      Value entry = Value::object({{"ID", mount.name},
                                   {"Type", "exec.cachemount"},
                                   {"Description", "cached mount"},
                                   {"InUse", mount.in_use},
                                   {"Shared", false},
                                   {"Size", static_cast<int64_t>(mount.bytes)},
                                   {"CreatedAt", go_time(mount.used)},
                                   {"LastUsedAt", go_time(mount.used)},
                                   {"UsageCount", 1}});
      out.push_back(std::move(entry));
    }
    return out;
  }

  Value volume_list() {
    Value out = Value::array();
    for (const auto& volume : engine.volumes.list()) {
      Value shown = volume_json(engine, *volume, call.version);
      auto bytes = volume_bytes.find(volume->metadata.uid);
      shown.set("UsageData", Value::object({{"RefCount", volume_users(engine, volume->spec.docker_name).size()},
                                            {"Size", bytes == volume_bytes.end() ? int64_t{0} : static_cast<int64_t>(bytes->second)}}));
      out.push_back(std::move(shown));
    }
    return out;
  }

  void answer() {
    Value out = Value::object();
    if (wants("image")) {
      uint64_t size = 0;
      Value images = image_list(size);
      out.set("LayersSize", size);
      out.set("Images", std::move(images));
    }
    if (wants("container")) out.set("Containers", container_list());
    if (wants("volume")) out.set("Volumes", volume_list());
    if (wants("build-cache")) out.set("BuildCache", cache_list());
    call.json(200, std::move(out), "df");
  }
};

}  // namespace

void system_df(Call call) {
  for (auto kind : call.request->query.all("type")) {
    if (call.version >= since::kUsageTypes && kind != "container" && kind != "image" && kind != "volume" && kind != "build-cache")
      return call.error(Error(Code::kInvalidArgument, "unknown object type: " + std::string(kind)));
  }
  std::make_shared<Usage>(std::move(call))->run();
}

}  // namespace reigen::docker
