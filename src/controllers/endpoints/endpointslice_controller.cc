// EndpointSlices: the addresses of a service in slices of at most 100.
#include "api/errors.h"
#include "controllers/endpoints/service_loop.h"
#include "controllers/endpoints/slice_plan.h"

namespace reigen::controllers {
namespace {

constexpr std::string_view kByService = "slice-service";

std::vector<std::string> index_by_service(const EndpointSlice& slice) {
  const auto* service = slice.metadata.labels.get(kServiceNameLabel);
  const auto* manager = slice.metadata.labels.get(kManagedByLabel);
  if (!service || !manager || *manager != kSliceController) return {};
  return {client::key_of(slice.metadata.namespace_, *service)};
}

class EndpointSliceController final : public ServiceLoop {
 public:
  explicit EndpointSliceController(Context& context)
      : ServiceLoop(context, "endpointslice-controller",
                    {&context.informers.of<EndpointSlice>().untyped(), &context.informers.of<api::corev1::Node>().untyped()}),
        client_(context.transport_as("endpointslice-controller"), "kube-controller-manager"),
        slices_(context.informers.of<EndpointSlice>()),
        nodes_(context.informers.of<api::corev1::Node>()) {
    slices_.add_index(std::string(kByService), index_by_service);
    slices_.on_change([this](const SlicePtr& old, const SlicePtr& now) {
      for (const auto& key : index_by_service(now ? *now : *old)) loop_.enqueue(key);
    });
  }

  Result<client::Next> reconcile(const std::string& key) override {
    auto owner = service(key);
    // The slices of a service that is gone are the garbage collector's.
    if (!owner || owner->spec.selector.empty() || owner->spec.type == "ExternalName" || owner->metadata.deletion_timestamp) return client::Next{};
    auto zone_of = [&](const std::string& name) {
      auto node = nodes_.get("", name);
      const auto* zone = node ? node->metadata.labels.get("topology.kubernetes.io/zone") : nullptr;
      return zone ? *zone : std::string();
    };
    auto backends = backends_of(*owner, pods_in(owner->metadata.namespace_), true);
    auto plan = plan_slices(api::Object::of(owner), backends, slices_.by_index(kByService, key), zone_of);
    TRY(apply(key, std::move(plan)));
    return client::Next{};
  }

 private:
  Status apply(const std::string& key, SlicePlan plan) {
    for (auto& slice : plan.create) TRY(noted(key, client_.create(std::move(slice))));
    for (auto& slice : plan.update) TRY(noted(key, client_.update(std::move(slice))));
    for (const auto& slice : plan.remove) {
      auto removed = client_.remove<EndpointSlice>(slice->metadata.namespace_, slice->metadata.name, client::DeleteOptions{.uid = slice->metadata.uid});
      if (!removed && !api::is_not_found(removed.error())) return removed;
    }
    return {};
  }

  Status noted(const std::string& key, Result<SlicePtr> written) {
    if (written) {
      loop_.wrote(key, slices_.untyped(), api::Object::of(*written));
      return {};
    }
    if (is_namespace_terminating(written.error())) return {};
    return Fail(std::move(written).error());
  }

  client::Client client_;
  client::Informer<EndpointSlice> slices_;
  client::Informer<api::corev1::Node> nodes_;
};

}  // namespace

std::unique_ptr<Controller> make_endpointslice_controller(Context& context) { return std::make_unique<EndpointSliceController>(context); }

}  // namespace reigen::controllers
