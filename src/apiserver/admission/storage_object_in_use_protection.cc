#include <algorithm>

#include "api/corev1.h"
#include "api/object.h"
#include "apiserver/admission/plugins.h"

namespace reigen::apiserver {
namespace {

template <class T>
void hold(api::Object& object, std::string_view finalizer) {
  auto& finalizers = object.mut<T>().metadata.finalizers;
  if (std::ranges::find(finalizers, finalizer) == finalizers.end()) finalizers.emplace_back(finalizer);
}

class StorageObjectInUseProtection final : public AdmissionPlugin {
 public:
  std::string_view name() const override { return "StorageObjectInUseProtection"; }
  bool handles(Operation operation) const override { return operation == Operation::kCreate; }

  Status admit(AdmissionRequest& request) override {
    if (!request.group.empty() || !request.subresource.empty()) return {};
    if (request.resource == "persistentvolumeclaims") hold<api::corev1::PersistentVolumeClaim>(*request.object, "kubernetes.io/pvc-protection");
    if (request.resource == "persistentvolumes") hold<api::corev1::PersistentVolume>(*request.object, "kubernetes.io/pv-protection");
    return {};
  }
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_storage_object_in_use_protection() { return std::make_unique<StorageObjectInUseProtection>(); }

}  // namespace reigen::apiserver
