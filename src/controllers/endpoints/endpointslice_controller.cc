// EndpointSlices: the addresses of a service in slices of at most 100.
#include "controllers/endpoints/service_loop.h"
#include "controllers/endpoints/slice_writer.h"

namespace reigen::controllers {
namespace {

constexpr std::string_view kByService = "slice-service";

std::vector<std::string> index_by_service(const EndpointSlice& slice) { return service_of_slice(slice, kSliceController); }

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
    TRY(apply_slices(client_, loop_, slices_.untyped(), key, std::move(plan)));
    return client::Next{};
  }

 private:
  client::Client client_;
  client::Informer<EndpointSlice> slices_;
  client::Informer<api::corev1::Node> nodes_;
};

}  // namespace

std::unique_ptr<Controller> make_endpointslice_controller(Context& context) { return std::make_unique<EndpointSliceController>(context); }

}  // namespace reigen::controllers
