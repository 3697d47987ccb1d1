// GET /containers/json
#include <mutex>

#include "apiserver/node_containers.h"
#include "docker/container_filter.h"
#include "docker/container_handlers.h"
#include "docker/container_summary.h"
#include "docker/pod_containers.h"
#include "image/image_store.h"

namespace reigen::docker {

namespace {

// The name it was asked for by, while that still means the same image; each name is looked up once.
class ImageNames {
 public:
  explicit ImageNames(const Engine& engine) : engine_(engine) {}
  std::string shown(const api::dockerv1::Container& container) {
    const auto& spec = container.spec;
    auto [found, fresh] = ids_.try_emplace(spec.image_name);
    if (fresh) {
      if (auto record = engine_.image_store->find(spec.image_name)) found->second = record->id;
    }
    return found->second == spec.image_id ? spec.image_name : spec.image_id;
  }

 private:
  const Engine& engine_;
  std::map<std::string, std::string> ids_;
};

// The list with sizes: asked of the node, all at once.
struct Sizes {
  Sizes(Call call_, api::Value list_, std::vector<ContainerPtr> containers_)
      : call(std::move(call_)), list(std::move(list_)), containers(std::move(containers_)) {}
  Call call;
  std::mutex mutex;
  api::Value list;
  std::vector<ContainerPtr> containers;
  size_t left = 0;

  void set(size_t index, uint64_t writable) {
    auto record = call.engine.image_store->find(containers[index]->spec.image_id);
    uint64_t root = (record ? record->size : 0) + writable;
    std::lock_guard lock(mutex);
    auto& entry = list.items()[index];
    if (writable > 0) entry.set("SizeRw", writable);
    if (root > 0) entry.set("SizeRootFs", root);
    if (--left == 0) call.json(200, std::move(list), "container.list");
  }
};

}  // namespace

void container_list(Call call) {
  auto limit = call.number("limit", 0);
  if (!limit) return call.error(limit.error());
  auto filter = ContainerFilter::parse(call.engine, call.arg("filters"));
  if (!filter) return call.error(filter.error());
  auto all = call.engine.containers.list();
  for (auto& container : pod_containers(call.engine)) all.push_back(std::move(container));
  auto containers = filter->apply(std::move(all), call.flag("all"), *limit);
  ImageNames images(call.engine);
  api::Value list = api::Value::array();
  for (const auto& container : containers) list.push_back(summarize_container(call.engine, *container, images.shown(*container), call.version));
  if (!call.flag("size") || containers.empty()) return call.json(200, std::move(list), "container.list");
  Engine& engine = call.engine;
  auto sizes = std::make_shared<Sizes>(std::move(call), std::move(list), containers);
  sizes->left = containers.size();
  for (size_t i = 0; i < containers.size(); ++i) {
    engine.nodes.size(target_of(*containers[i]), [sizes, i](Result<apiserver::SizeResult> result) { sizes->set(i, result ? result->writable : 0); });
  }
}

}  // namespace reigen::docker
