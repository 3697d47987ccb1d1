// Rows of volumes and storage.k8s.io.

#include "api/corev1.h"
#include "api/metav1.h"
#include "api/storagev1.h"
#include "apiserver/table/cells.h"
#include "apiserver/table/rows.h"

namespace reigen::apiserver {
namespace {

std::string age(const api::Object& object, WallTime now) { return age_of(object.meta().creation_timestamp, now); }

std::string access_modes(const std::vector<std::string>& modes) {
  std::string out;
  auto add = [&](std::string_view mode, std::string_view shown) {
    for (const std::string& given : modes)
      if (given == mode) {
        (out += out.empty() ? "" : ",") += shown;
        return;
      }
  };
  add("ReadWriteOnce", "RWO");
  add("ReadOnlyMany", "ROX");
  add("ReadWriteMany", "RWX");
  add("ReadWriteOncePod", "RWOP");
  return out;
}

std::string or_unset(const std::optional<std::string>& text) { return text && !text->empty() ? *text : "<unset>"; }

void volume_row(const api::Object& object, WallTime now, Row& row) {
  const auto& volume = object.as<api::corev1::PersistentVolume>();
  const api::Quantity* capacity = volume.spec.capacity.get("storage");
  row.text(volume.metadata.name);
  row.text(capacity ? capacity->to_string() : "");
  row.text(access_modes(volume.spec.access_modes));
  row.text(volume.spec.persistent_volume_reclaim_policy);
  row.text(volume.metadata.deletion_timestamp ? "Terminating" : volume.status.phase);
  row.text(volume.spec.claim_ref ? volume.spec.claim_ref->namespace_ + "/" + volume.spec.claim_ref->name : "");
  row.text(volume.spec.storage_class_name);
  row.text(or_unset(volume.spec.volume_attributes_class_name));
  row.text(volume.status.reason);
  row.text(age(object, now));
  row.text(or_unset(volume.spec.volume_mode));
}

void claim_row(const api::Object& object, WallTime now, Row& row) {
  const auto& claim = object.as<api::corev1::PersistentVolumeClaim>();
  bool bound = !claim.spec.volume_name.empty();
  const api::Quantity* capacity = bound ? claim.status.capacity.get("storage") : nullptr;
  row.text(claim.metadata.name);
  row.text(claim.metadata.deletion_timestamp ? "Terminating" : claim.status.phase);
  row.text(claim.spec.volume_name);
  row.text(capacity ? capacity->to_string() : "");
  row.text(bound ? access_modes(claim.status.access_modes) : "");
  row.text(claim.spec.storage_class_name.value_or(""));
  row.text(or_unset(claim.spec.volume_attributes_class_name));
  row.text(age(object, now));
  row.text(or_unset(claim.spec.volume_mode));
}

void class_row(const api::Object& object, WallTime now, Row& row) {
  const auto& cls = object.as<api::storagev1::StorageClass>();
  bool is_default = cls.metadata.annotations.value_or("storageclass.kubernetes.io/is-default-class", "") == "true" ||
                    cls.metadata.annotations.value_or("storageclass.beta.kubernetes.io/is-default-class", "") == "true";
  row.text(cls.metadata.name + (is_default ? " (default)" : ""));
  row.text(cls.provisioner);
  row.text(cls.reclaim_policy ? std::string(*cls.reclaim_policy) : "Delete");
  row.text(cls.volume_binding_mode ? std::string(*cls.volume_binding_mode) : "Immediate");
  row.boolean(cls.allow_volume_expansion.value_or(false));
  row.text(age(object, now));
}

void attachment_row(const api::Object& object, WallTime now, Row& row) {
  const auto& attachment = object.as<api::storagev1::VolumeAttachment>();
  row.text(attachment.metadata.name);
  row.text(attachment.spec.attacher);
  row.text(attachment.spec.source.persistent_volume_name.value_or(""));
  row.text(attachment.spec.node_name);
  row.boolean(attachment.status.attached);
  row.text(age(object, now));
}

void csi_node_row(const api::Object& object, WallTime now, Row& row) {
  row.text(object.meta().name);
  row.number(static_cast<int64_t>(object.as<api::storagev1::CSINode>().spec.drivers.size()));
  row.text(age(object, now));
}

constexpr RowLine kLines[] = {
    {"", "PersistentVolume", volume_row},          {"", "PersistentVolumeClaim", claim_row},
    {"storage.k8s.io", "StorageClass", class_row}, {"storage.k8s.io", "VolumeAttachment", attachment_row},
    {"storage.k8s.io", "CSINode", csi_node_row},
};

}  // namespace

std::span<const RowLine> storage_rows() { return kLines; }

}  // namespace reigen::apiserver
