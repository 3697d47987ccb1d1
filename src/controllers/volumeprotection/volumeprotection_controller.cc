// Lets a deleted claim or volume go once nobody uses it any more. The finalizers come from admission (StorageObjectInUseProtection).
// Rules of pkg/controller/volume/pvcprotection and pvprotection.
#include <algorithm>

#include "api/corev1.h"
#include "api/errors.h"
#include "api/metav1.h"
#include "client/client.h"
#include "client/controller.h"
#include "controllers/controller.h"

namespace reigen::controllers {
namespace {

using api::corev1::PersistentVolume;
using api::corev1::PersistentVolumeClaim;
using api::corev1::Pod;
using client::Informer;

constexpr std::string_view kClaimFinalizer = "kubernetes.io/pvc-protection", kVolumeFinalizer = "kubernetes.io/pv-protection";

std::string claim_of(const Pod& pod, const api::corev1::Volume& volume) { return pod.metadata.name + "-" + volume.name; }  // of a generic ephemeral volume

// The node is done with it, or it was deleted by force.
bool is_shut_down(const Pod& pod) {
  const auto& grace = pod.metadata.deletion_grace_period_seconds;
  return pod.metadata.deletion_timestamp && grace && *grace == 0;
}

bool uses(const Pod& pod, const PersistentVolumeClaim& claim) {
  if (pod.spec.node_name.empty()) return false;  // a node refuses a claim that is being deleted
  return std::ranges::any_of(pod.spec.volumes, [&](const auto& volume) {
    if (volume.persistent_volume_claim) return volume.persistent_volume_claim->claim_name == claim.metadata.name;
    return volume.ephemeral && !is_shut_down(pod) && claim_of(pod, volume) == claim.metadata.name;
  });
}

// Writes the object without the finalizer; one that is gone is fine.
template <class T>
Result<client::Next> let_go(client::Client& client, const T& object, std::string_view finalizer) {
  T without = object;
  std::erase(without.metadata.finalizers, finalizer);
  auto written = client.update(std::move(without));
  if (!written && !api::is_not_found(written.error())) return Fail(std::move(written).error());
  return client::Next{};
}

template <class T>
bool waits_for(const T& object, std::string_view finalizer) {
  return object.metadata.deletion_timestamp && std::ranges::find(object.metadata.finalizers, finalizer) != object.metadata.finalizers.end();
}

class ClaimProtection final : public Controller, public client::Reconciler {
 public:
  explicit ClaimProtection(Context& context)
      : client_(context.transport_as("pvc-protection-controller"), "kube-controller-manager"),
        claims_(context.informers.of<PersistentVolumeClaim>()),
        pods_(context.informers.of<Pod>()),
        loop_(context.executor, {.name = "pvc-protection-controller", .workers = 1}, *this) {
    claims_.on_change([this](const auto&, const auto& claim) {
      if (claim && waits_for(*claim, kClaimFinalizer)) loop_.enqueue(client::key_of(claim->metadata.namespace_, claim->metadata.name));
    });
    // A pod that goes, or is given up by its node, may have been the last.
    pods_.on_change([this](const auto& before, const auto& pod) {
      if (before && (!pod || is_shut_down(*pod))) enqueue_claims(*before);
    });
  }

  std::string_view name() const override { return "pvc-protection-controller"; }
  void start() override { loop_.start({&claims_.untyped(), &pods_.untyped()}); }
  void stop() override { loop_.stop(); }

  Result<client::Next> reconcile(const std::string& key) override {
    auto [space, name] = client::split_key(key);
    auto claim = claims_.get(space, name);
    if (!claim || !waits_for(*claim, kClaimFinalizer)) return client::Next{};
    // A pod that the informer has not heard of yet would lose its volume: the API is asked.
    TRY_ASSIGN(auto pods, client_.list<Pod>(space));
    for (const auto& pod : pods.items)
      if (uses(*pod, *claim)) return client::Next{};
    return let_go(client_, *claim, kClaimFinalizer);
  }

 private:
  void enqueue_claims(const Pod& pod) {
    for (const auto& volume : pod.spec.volumes) {
      if (volume.persistent_volume_claim) loop_.enqueue(client::key_of(pod.metadata.namespace_, volume.persistent_volume_claim->claim_name));
      if (volume.ephemeral) loop_.enqueue(client::key_of(pod.metadata.namespace_, claim_of(pod, volume)));
    }
  }

  client::Client client_;
  Informer<PersistentVolumeClaim> claims_;
  Informer<Pod> pods_;
  client::ControllerLoop loop_;
};

class VolumeProtection final : public Controller, public client::Reconciler {
 public:
  explicit VolumeProtection(Context& context)
      : client_(context.transport_as("pv-protection-controller"), "kube-controller-manager"),
        volumes_(context.informers.of<PersistentVolume>()),
        loop_(context.executor, {.name = "pv-protection-controller", .workers = 1}, *this) {
    volumes_.on_change([this](const auto&, const auto& volume) {
      if (volume && waits_for(*volume, kVolumeFinalizer)) loop_.enqueue(volume->metadata.name);
    });
  }

  std::string_view name() const override { return "pv-protection-controller"; }
  void start() override { loop_.start({&volumes_.untyped()}); }
  void stop() override { loop_.stop(); }

  Result<client::Next> reconcile(const std::string& key) override {
    auto volume = volumes_.get("", key);
    if (!volume || !waits_for(*volume, kVolumeFinalizer) || volume->status.phase == "Bound") return client::Next{};
    return let_go(client_, *volume, kVolumeFinalizer);
  }

 private:
  client::Client client_;
  Informer<PersistentVolume> volumes_;
  client::ControllerLoop loop_;
};

}  // namespace

std::unique_ptr<Controller> make_claim_protection_controller(Context& context) { return std::make_unique<ClaimProtection>(context); }
std::unique_ptr<Controller> make_volume_protection_controller(Context& context) { return std::make_unique<VolumeProtection>(context); }

}  // namespace reigen::controllers
