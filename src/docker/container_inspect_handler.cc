// GET /containers/x/json
#include "apiserver/node_containers.h"
#include "docker/container_handlers.h"
#include "docker/container_inspect.h"
#include "docker/pod_containers.h"
#include "image/image_store.h"

namespace reigen::docker {

namespace {

using api::Value;

uint64_t root_size(const Engine& engine, const std::string& image) {
  auto record = engine.image_store->find(image);
  return record ? record->size : 0;
}

void answer(Call& call, const api::dockerv1::Container& container, const apiserver::ContainerDetails& details, std::optional<InspectSizes> sizes) {
  if (!is_pod_container(container)) return call.json(200, inspect_container(call.engine, container, details, sizes, call.version), "container.inspect");
  auto filled = container;
  filled.status.pid = details.pid;
  Value out = inspect_container(call.engine, filled, details, sizes, call.version);
  // On none of Docker's networks, but to be found.
  if (const auto* address = container.metadata.annotations.get(kPodAddressAnnotation)) out.make({"NetworkSettings", "IPAddress"}) = *address;
  call.json(200, std::move(out), "container.inspect");
}

}  // namespace

void container_inspect(Call call) {
  auto found = find_container(call.engine, call.params[0]);
  if (!found) return call.error(found.error());
  ContainerPtr container = *found;
  bool size = call.flag("size");
  // The node knows nothing of one that never ran and has no layer yet.
  if (!size && container->spec.run.number == 0) return answer(call, *container, {}, std::nullopt);
  Engine& engine = call.engine;
  auto shared = std::make_shared<Call>(std::move(call));
  engine.nodes.details(target_of(*container), [shared, container, size](Result<apiserver::ContainerDetails> details) {
    // A node that does not answer takes only the paths along.
    auto known = details ? std::move(*details) : apiserver::ContainerDetails();
    if (!size) return answer(*shared, *container, known, std::nullopt);
    shared->engine.nodes.size(target_of(*container), [shared, container, known = std::move(known)](Result<apiserver::SizeResult> result) {
      InspectSizes sizes;
      if (result) sizes.writable = result->writable;
      sizes.root = root_size(shared->engine, container->spec.image_id) + sizes.writable;
      answer(*shared, *container, known, sizes);
    });
  });
}

}  // namespace reigen::docker
