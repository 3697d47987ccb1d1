#include "controllers/endpoints/slice_writer.h"

#include "api/errors.h"
#include "controllers/pod_control.h"

namespace reigen::controllers {

std::vector<std::string> service_of_slice(const EndpointSlice& slice, std::string_view manager) {
  const auto* service = slice.metadata.labels.get(kServiceNameLabel);
  const auto* managed_by = slice.metadata.labels.get(kManagedByLabel);
  if (!service || !managed_by || *managed_by != manager) return {};
  return {client::key_of(slice.metadata.namespace_, *service)};
}

Status apply_slices(client::Client& client, client::ControllerLoop& loop, client::ObjectInformer& slices, const std::string& key, SlicePlan plan) {
  auto noted = [&](Result<SlicePtr> written) -> Status {
    if (written) {
      loop.wrote(key, slices, api::Object::of(*written));
      return {};
    }
    if (is_namespace_terminating(written.error())) return {};
    return Fail(std::move(written).error());
  };
  for (auto& slice : plan.create) TRY(noted(client.create(std::move(slice))));
  for (auto& slice : plan.update) TRY(noted(client.update(std::move(slice))));
  for (const auto& slice : plan.remove) {
    auto removed = client.remove<EndpointSlice>(slice->metadata.namespace_, slice->metadata.name, client::DeleteOptions{.uid = slice->metadata.uid});
    if (!removed && !api::is_not_found(removed.error())) return removed;
  }
  return {};
}

}  // namespace reigen::controllers
