// PersistentVolume: rules of pkg/registry/core/persistentvolume, pkg/api/persistentvolume, core/validation and pkg/volume/validation.

#include "api/corev1.h"
#include "api/metav1.h"
#include "api/object.h"
#include "api/validation.h"
#include "apiserver/metadata.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/strategy/other_strategies.h"
#include "apiserver/validation/checks.h"
#include "apiserver/validation/pod_warnings.h"
#include "apiserver/validation/report.h"
#include "apiserver/validation/volume_spec.h"

namespace reigen::apiserver {
namespace {

using api::Object;
using namespace api::corev1;

constexpr std::string_view kMountAnnotation = "volume.beta.kubernetes.io/mount-options";
constexpr std::string_view kClassAnnotation = "volume.beta.kubernetes.io/storage-class";

bool takes_mount_options(const PersistentVolumeSource& source) {
  return source.gce_persistent_disk || source.aws_elastic_block_store || source.glusterfs || source.nfs || source.rbd || source.quobyte || source.iscsi ||
         source.cinder || source.cephfs || source.azure_file || source.vsphere_volume || source.azure_disk || source.photon_persistent_disk;
}

void check_mount_options(const PersistentVolume& volume, FieldErrors& errors) {
  if (takes_mount_options(volume.spec) || !volume.metadata.annotations.contains(kMountAnnotation)) return;
  // Kubernetes writes the annotation as if it were a field.
  forbid(errors, FieldPath("metadata.annotations.volume.beta.kubernetes.io/mount-options"), "may not specify mount options for this volume type");
}

PersistentVolumeSource source_of(const PersistentVolumeSpec& spec) { return spec; }

void check_changes(const PersistentVolumeSpec& now, const PersistentVolumeSpec& old, FieldErrors& errors) {
  PersistentVolumeSource source = source_of(now);
  // A secret for growing may be added later.
  bool may_add = old.csi && !old.csi->controller_expand_secret_ref && source.csi;
  if (may_add) source.csi->controller_expand_secret_ref.reset();
  if (!(source == source_of(old))) forbid(errors, FieldPath("spec.persistentvolumesource"), "spec.persistentvolumesource is immutable after creation");
  check_immutable(errors, FieldPath("volumeMode"), now.volume_mode, old.volume_mode);
  bool kept = !old.node_affinity || (now.node_affinity && same_affinity(*now.node_affinity, *old.node_affinity));
  if (!kept) {
    BadValue shown = BadValue::raw(now.node_affinity ? "core.VolumeNodeAffinity" : "\"null\"");
    std::string why(api::kFieldImmutable);
    why += ", except for updating from beta label to GA";
    reject(errors, FieldPath("nodeAffinity"), shown, why);
  }
  if (now.volume_attributes_class_name != old.volume_attributes_class_name)
    forbid(errors, FieldPath("spec.volumeAttributesClassName"), "update is forbidden when the VolumeAttributesClass feature gate is disabled");
}

// When the phase changes, so does its time, unless the writer says one.
void keep_transition_time(PersistentVolumeStatus& status, const PersistentVolumeStatus& old, WallTime now) {
  auto& time = status.last_phase_transition_time;
  if (status.phase == old.phase) {
    if (!time) time = old.last_phase_transition_time;
  } else if (!time || time == old.last_phase_transition_time) {
    time = api::Time(now);
  }
}

void warn_of_source(const PersistentVolumeSource& source, std::vector<std::string>& texts) {
  auto warn = [&](bool used, const char* field, const char* text) {
    if (used) texts.push_back("spec." + std::string(field) + ": " + text);
  };
  warn(source.cephfs.has_value(), "cephfs", "deprecated in v1.28, non-functional in v1.31+");
  warn(source.photon_persistent_disk.has_value(), "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+");
  warn(source.scale_io.has_value(), "scaleIO", "deprecated in v1.16, non-functional in v1.22+");
  warn(source.storageos.has_value(), "storageOS", "deprecated in v1.22, non-functional in v1.25+");
  warn(source.glusterfs.has_value(), "glusterfs", "deprecated in v1.25, non-functional in v1.26+");
  warn(source.rbd.has_value(), "rbd", "deprecated in v1.28, non-functional in v1.31+");
}

class VolumeStrategy final : public Strategy {
 public:
  void prepare_create(StrategyContext& context, Object& object) const override {
    reset_status(object);
    auto& volume = object.mut<PersistentVolume>();
    volume.spec.volume_attributes_class_name.reset();
    volume.status.phase = "Pending";
    volume.status.last_phase_transition_time = api::Time(context.now);
  }
  void prepare_update(StrategyContext& context, Object& object, const Object& before) const override {
    Strategy::prepare_update(context, object, before);
    auto& volume = object.mut<PersistentVolume>();
    const auto& old = before.as<PersistentVolume>();
    if (context.part == Part::kStatus) return keep_transition_time(volume.status, old.status, context.now);
    if (!old.spec.volume_attributes_class_name) volume.spec.volume_attributes_class_name.reset();
  }
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    const auto& volume = object.as<PersistentVolume>();
    validate_volume_spec(volume.spec, volume.metadata.name, VolumeUse::kObject, FieldPath("spec"), errors);
    check_mount_options(volume, errors);
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& before, FieldErrors& errors) const override {
    const auto& volume = object.as<PersistentVolume>();
    if (context.part == Part::kStatus) return;
    repeat_meta(*this, object, false, errors);
    validate(context, object, errors);
    // Kubernetes validates the whole twice.
    repeat_meta(*this, object, false, errors);
    validate_volume_spec(volume.spec, volume.metadata.name, VolumeUse::kObject, FieldPath("spec"), errors);
    check_changes(volume.spec, before.as<PersistentVolume>().spec, errors);
  }
  void warnings(StrategyContext&, const Object& object, std::vector<std::string>& texts) const override {
    const auto& volume = object.as<PersistentVolume>();
    auto deprecated = [&](std::string_view annotation, const char* text) {
      if (volume.metadata.annotations.contains(annotation)) texts.push_back("metadata.annotations[" + std::string(annotation) + "]: " + text);
    };
    deprecated(kClassAnnotation, "deprecated since v1.8; use \"storageClassName\" attribute instead");
    deprecated(kMountAnnotation, "deprecated since v1.31; use \"mountOptions\" attribute instead");
    if (volume.spec.persistent_volume_reclaim_policy == "Recycle")
      texts.emplace_back(
          "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic "
          "provisioning.");
    if (volume.spec.node_affinity && volume.spec.node_affinity->required) {
      const auto& terms = volume.spec.node_affinity->required->node_selector_terms;
      FieldPath required("spec.nodeAffinity.required");
      for (size_t i = 0; i < terms.size(); ++i) warn_of_term(terms[i], required.child("nodeSelectorTerms", i), texts);
    }
    warn_of_source(volume.spec, texts);
  }
  void warnings_on_update(StrategyContext& context, const Object& object, const Object&, std::vector<std::string>& texts) const override {
    if (context.part != Part::kStatus) warnings(context, object, texts);
  }
  bool repeats_metadata_errors() const override { return false; }
  bool returns_deleted_object() const override { return true; }
};

}  // namespace

const Strategy& volume_strategy() { return instance<VolumeStrategy>(); }

}  // namespace reigen::apiserver
