// Volumes of pods. Which sources there are, and that there is one; the rules of storage systems are in volume_sources.cc.

#include "api/validation.h"
#include "apiserver/validation/pod_parts.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

void validate_items(const std::vector<KeyToPath>& items, const FieldPath& path, FieldErrors& errors) {
  for (size_t i = 0; i < items.size(); ++i) validate_key_to_path(items[i], path.child("items", i), errors);
}

void validate_downward(const DownwardAPIVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  check_mode(errors, path.child("defaultMode"), source.default_mode);
  for (const auto& file : source.items) validate_downward_file(file, path, errors);
}

// Counts the sources of one volume.
class SourceChooser {
 public:
  SourceChooser(const FieldPath& path, FieldErrors& errors) : path_(path), errors_(errors) {}

  // `name` is the field's name; a few sources say another one when they are one too many.
  template <class Source, class Check>
  void choose(const api::Box<Source>& source, std::string_view name, std::string_view too_many_name, Check check) {
    if (!source) return;
    if (chosen_) return forbid(errors_, path_.child(too_many_name), "may not specify more than 1 volume type");
    chosen_ = true;
    check(*source, path_.child(name), errors_);
  }
  template <class Source, class Check>
  void choose(const api::Box<Source>& source, std::string_view name, Check check) {
    choose(source, name, name, std::move(check));
  }
  template <class Source>
  void choose(const api::Box<Source>& source, std::string_view name) {
    choose(source, name, [](const Source& one, const FieldPath& path, FieldErrors& errors) { validate_source(one, path, errors); });
  }
  void require_one() {
    if (!chosen_) require(errors_, path_, "must specify a volume type");
  }

 private:
  const FieldPath& path_;
  FieldErrors& errors_;
  bool chosen_ = false;
};

void choose_early(const Volume& volume, SourceChooser& chooser, const FieldPath& path, FieldErrors& errors) {
  chooser.choose(volume.empty_dir, "emptyDir", [](const EmptyDirVolumeSource& source, const FieldPath& at, FieldErrors& out) {
    if (source.size_limit && source.size_limit->is_negative()) forbid(out, at.child("sizeLimit"), "SizeLimit field must be a valid resource quantity");
  });
  chooser.choose(volume.host_path, "hostPath");
  chooser.choose(volume.git_repo, "gitRepo", [](const GitRepoVolumeSource& source, const FieldPath& at, FieldErrors& out) {
    if (source.repository.empty()) require(out, at.child("repository"));
    check_descending_path(out, at.child("directory"), source.directory);
  });
  chooser.choose(volume.gce_persistent_disk, "persistentDisk", "gcePersistentDisk",
                 [](const GCEPersistentDiskVolumeSource& source, const FieldPath& at, FieldErrors& out) { validate_source(source, at, out); });
  chooser.choose(volume.aws_elastic_block_store, "awsElasticBlockStore");
  chooser.choose(volume.secret, "secret", [](const SecretVolumeSource& source, const FieldPath& at, FieldErrors& out) {
    if (source.secret_name.empty()) require(out, at.child("secretName"));
    check_mode(out, at.child("defaultMode"), source.default_mode);
    validate_items(source.items, at, out);
  });
  chooser.choose(volume.nfs, "nfs");
  chooser.choose(volume.iscsi, "iscsi");
  if (volume.iscsi && volume.iscsi->initiator_name && volume.name.size() + 1 + volume.iscsi->target_portal.size() > 64)
    reject(errors, path.child("name"), volume.name,
           "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.");
  chooser.choose(volume.glusterfs, "glusterfs");
  chooser.choose(volume.flocker, "flocker");
  chooser.choose(volume.persistent_volume_claim, "persistentVolumeClaim",
                 [](const PersistentVolumeClaimVolumeSource& source, const FieldPath& at, FieldErrors& out) {
                   if (source.claim_name.empty()) require(out, at.child("claimName"));
                 });
  chooser.choose(volume.rbd, "rbd");
  chooser.choose(volume.cinder, "cinder");
  chooser.choose(volume.cephfs, "cephfs", "cephFS",
                 [](const CephFSVolumeSource& source, const FieldPath& at, FieldErrors& out) { validate_source(source, at, out); });
  chooser.choose(volume.quobyte, "quobyte");
  chooser.choose(volume.downward_api, "downwardAPI", "downwarAPI", validate_downward);
}

void choose_late(const Volume& volume, const api::metav1::ObjectMeta* meta, SourceChooser& chooser, const FieldPath& path, const PodOptions& options) {
  chooser.choose(volume.fc, "fc");
  chooser.choose(volume.flex_volume, "flexVolume");
  chooser.choose(volume.config_map, "configMap", [](const ConfigMapVolumeSource& source, const FieldPath& at, FieldErrors& out) {
    if (source.name.empty()) require(out, at.child("name"));
    check_mode(out, at.child("defaultMode"), source.default_mode);
    validate_items(source.items, at, out);
  });
  chooser.choose(volume.azure_file, "azureFile");
  chooser.choose(volume.vsphere_volume, "vsphereVolume");
  chooser.choose(volume.photon_persistent_disk, "photonPersistentDisk");
  chooser.choose(volume.portworx_volume, "portworxVolume");
  chooser.choose(volume.azure_disk, "azureDisk");
  chooser.choose(volume.storageos, "storageos");
  chooser.choose(volume.projected, "projected",
                 [&](const ProjectedVolumeSource& source, const FieldPath& at, FieldErrors& out) { validate_projected_volume(source, at, options, out); });
  chooser.choose(volume.scale_io, "scaleIO");
  chooser.choose(volume.csi, "csi");
  chooser.choose(volume.ephemeral, "ephemeral", [&](const EphemeralVolumeSource& source, const FieldPath& at, FieldErrors& out) {
    if (!source.volume_claim_template) require(out, at.child("volumeClaimTemplate"));
    else validate_claim_template(*source.volume_claim_template, at.child("volumeClaimTemplate"), out);
    if (!meta || meta->name.empty() || volume.name.empty()) return;
    std::string claim = meta->name + "-" + volume.name;
    for (const std::string& message : api::is_dns1123_subdomain(claim)) reject(out, path.child("name"), volume.name, "PVC name \"" + claim + "\": " + message);
  });
  chooser.choose(volume.image, "image", [&](const ImageVolumeSource& source, const FieldPath& at, FieldErrors& out) {
    if (options.is_pod && source.reference.empty()) require(out, at.child("reference"));
    check_required_choice(out, at.child("pullPolicy"), source.pull_policy, {"Always", "IfNotPresent", "Never"});
  });
}

}  // namespace

void validate_key_to_path(const KeyToPath& item, const FieldPath& path, FieldErrors& errors) {
  if (item.key.empty()) require(errors, path.child("key"));
  if (item.path.empty()) require(errors, path.child("path"));
  check_projected_path(errors, path.child("path"), item.path);
  check_mode(errors, path.child("mode"), item.mode);
}

void validate_volume_source(const Volume& volume, const api::metav1::ObjectMeta* meta, const FieldPath& path, const PodOptions& options, FieldErrors& errors) {
  SourceChooser chooser(path, errors);
  choose_early(volume, chooser, path, errors);
  choose_late(volume, meta, chooser, path, options);
  chooser.require_one();
}

VolumeMap validate_volumes(const std::vector<Volume>& volumes, const api::metav1::ObjectMeta* meta, const FieldPath& path, const PodOptions& options,
                           FieldErrors& errors) {
  NameSet created;
  if (meta && !meta->name.empty())
    for (const auto& volume : volumes)
      if (volume.ephemeral) created.insert(meta->name + "-" + volume.name);
  VolumeMap good;
  for (size_t i = 0; i < volumes.size(); ++i) {
    const Volume& volume = volumes[i];
    FieldPath at = path.index(i);
    FieldPath name = at.child("name");
    FieldErrors own;
    validate_volume_source(volume, meta, at, options, own);
    if (volume.name.empty()) require(own, name);
    else check_dns_label(own, name, volume.name);
    if (good.contains(volume.name)) report_duplicate(own, name, volume.name);
    if (own.empty()) good.emplace(volume.name, &volume);
    api::append(errors, std::move(own));
    if (volume.persistent_volume_claim && created.contains(volume.persistent_volume_claim->claim_name))
      reject(errors, at.child("persistentVolumeClaim.claimName"), volume.persistent_volume_claim->claim_name,
             "must not reference a PVC that gets created for an ephemeral volume");
  }
  return good;
}

}  // namespace reigen::apiserver
