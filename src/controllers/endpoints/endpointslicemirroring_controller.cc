// Endpoints that a user wrote for a service without selector, mirrored into EndpointSlices, which is what everything else reads.
#include <fmt/core.h>

#include "client/controller.h"
#include "client/event_recorder.h"
#include "controllers/controller.h"
#include "controllers/endpoints/mirror_plan.h"
#include "controllers/endpoints/slice_writer.h"

namespace reigen::controllers {
namespace {

using api::corev1::Endpoints;
using api::corev1::Service;

constexpr std::string_view kByService = "mirrored-service";

std::vector<std::string> index_by_service(const EndpointSlice& slice) { return service_of_slice(slice, kMirroringController); }

class EndpointSliceMirroringController final : public Controller, public client::Reconciler {
 public:
  explicit EndpointSliceMirroringController(Context& context)
      : client_(context.transport_as("endpointslicemirroring-controller"), "kube-controller-manager"),
        events_(context.transport_as("endpointslicemirroring-controller"), context.executor, {.component = "endpoint-slice-mirroring-controller", .host = ""}),
        services_(context.informers.of<Service>()),
        endpoints_(context.informers.of<Endpoints>()),
        slices_(context.informers.of<EndpointSlice>()),
        loop_(context.executor, {.name = "endpointslicemirroring-controller", .workers = 2}, *this) {
    slices_.add_index(std::string(kByService), index_by_service);
    slices_.on_change([this](const SlicePtr& old, const SlicePtr& now) {
      if (old) enqueue(index_by_service(*old));
      if (now) enqueue(index_by_service(*now));
    });
    endpoints_.on_change([this](const EndpointsPtr& old, const EndpointsPtr& now) {
      if ((old && wants_mirror(*old)) || (now && wants_mirror(*now))) loop_.enqueue(client::key_of(api::Object::of(now ? now : old)));
    });
    services_.on_change([this](const ServicePtr& old, const ServicePtr& now) {
      bool had = old && old->spec.selector.empty(), has = now && now->spec.selector.empty();
      if (had != has) loop_.enqueue(client::key_of(api::Object::of(now ? now : old)));
    });
  }

  std::string_view name() const override { return "endpointslicemirroring-controller"; }
  void start() override { loop_.start({&services_.untyped(), &endpoints_.untyped(), &slices_.untyped()}); }
  void stop() override { loop_.stop(); }

  Result<client::Next> reconcile(const std::string& key) override {
    auto endpoints = endpoints_.get(key);
    auto service = services_.get(key);
    auto existing = slices_.by_index(kByService, key);
    MirrorPlan plan;
    if (endpoints && wants_mirror(*endpoints) && service && service->spec.selector.empty()) {
      plan = plan_mirror(endpoints, existing);
      report(endpoints, plan);
    } else {
      plan.slices.remove = std::move(existing);
    }
    TRY(apply_slices(client_, loop_, slices_.untyped(), key, std::move(plan.slices)));
    return client::Next{};
  }

 private:
  void enqueue(const std::vector<std::string>& keys) {
    for (const auto& key : keys) loop_.enqueue(key);
  }

  void report(const EndpointsPtr& endpoints, const MirrorPlan& plan) {
    if (plan.invalid > 0)
      events_.event(endpoints, "Warning", "InvalidIPAddress", fmt::format("Skipped {} invalid IP addresses when mirroring to EndpointSlices", plan.invalid));
    if (plan.skipped == 0) return;
    events_.event(endpoints, "Warning", "TooManyAddressesToMirror",
                  fmt::format("A max of {} addresses can be mirrored to EndpointSlices per Endpoints subset. {} addresses were skipped", kMaxMirroredPerSubset,
                              plan.skipped + plan.invalid));
  }

  client::Client client_;
  client::EventRecorder events_;
  client::Informer<Service> services_;
  client::Informer<Endpoints> endpoints_;
  client::Informer<EndpointSlice> slices_;
  client::ControllerLoop loop_;
};

}  // namespace

std::unique_ptr<Controller> make_endpointslicemirroring_controller(Context& context) { return std::make_unique<EndpointSliceMirroringController>(context); }

}  // namespace reigen::controllers
