// POST /containers/prune
#include "apiserver/node_containers.h"
#include "docker/container_handlers.h"
#include "docker/container_remove.h"
#include "docker/prune_filter.h"
#include "docker/run_control.h"
#include "docker/status_text.h"

namespace reigen::docker {

namespace {

// One after the other: asks for the size, removes.
struct Prune : std::enable_shared_from_this<Prune> {
  explicit Prune(Call call_) : call(std::move(call_)) {}
  Call call;
  std::vector<ContainerPtr> left;
  api::Value deleted;
  uint64_t reclaimed = 0;

  void next() {
    if (left.empty()) return answer();
    ContainerPtr container = left.back();
    left.pop_back();
    call.engine.nodes.size(target_of(*container), [self = shared_from_this(), container](Result<apiserver::SizeResult> size) {
      self->call.engine.work.post([self, container, bytes = size ? size->writable : 0] { self->remove(container, bytes); });
    });
  }
  void remove(const ContainerPtr& container, uint64_t bytes) {
    remove_container(call.engine, container, false, false, [self = shared_from_this(), id = container->metadata.name, bytes](Status status) {
      if (status) {
        self->deleted.push_back(id);
        self->reclaimed += bytes;
      }
      self->call.engine.work.post([self] { self->next(); });
    });
  }
  void answer() {
    call.engine.events.add({.type = "container", .action = "prune", .id = "", .attributes = {{"reclaimed", std::to_string(reclaimed)}}});
    call.json(200, api::Value::object({{"ContainersDeleted", std::move(deleted)}, {"SpaceReclaimed", reclaimed}}));
  }
};

}  // namespace

void container_prune(Call call) {
  auto filter = PruneFilter::parse(call.arg("filters"), call.engine.clock.wall());
  if (!filter && Filters::parse(call.arg("filters"))) return call.error(filter.error());
  if (!filter) return call.error(Error(Code::kInvalidArgument, filter.error().message()));
  auto prune = std::make_shared<Prune>(std::move(call));
  for (const auto& container : prune->call.engine.containers.list()) {
    if (is_running(*container) || is_beginning(*container)) continue;
    if (!filter->wants_time(parse_time(container->spec.created).value_or(WallTime{})) || !filter->wants_labels(config_of(*container).labels)) continue;
    prune->left.push_back(container);
  }
  prune->next();
}

}  // namespace reigen::docker
