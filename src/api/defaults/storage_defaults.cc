#include "api/defaults/hooks.h"
#include "api/storagev1.h"

namespace reigen::api {
namespace {

void default_storage_class(storagev1::StorageClass& storage) {
  default_to(storage.reclaim_policy, "Delete");
  default_to(storage.volume_binding_mode, "Immediate");
}

void default_csi_driver(storagev1::CSIDriver& driver) {
  auto& spec = driver.spec;
  default_to(spec.attach_required, true);
  default_to(spec.pod_info_on_mount, false);
  default_to(spec.storage_capacity, false);
  default_to(spec.fs_group_policy, "ReadWriteOnceWithFSType");
  if (spec.volume_lifecycle_modes.empty()) spec.volume_lifecycle_modes.emplace_back("Persistent");
  default_to(spec.requires_republish, false);
  default_to(spec.se_linux_mount, false);
}

}  // namespace

void add_storage_defaults(DefaultHooks& hooks) {
  hooks.add<default_storage_class>();
  hooks.add<default_csi_driver>();
}

}  // namespace reigen::api
