// Rules of pkg/apis/core/validation, ValidatePersistentVolumeSpec, and the sources that only persistent volumes have.
#include "apiserver/validation/volume_spec.h"

#include <algorithm>

#include "api/corev1.h"
#include "api/validation.h"
#include "apiserver/validation/claim_spec.h"
#include "apiserver/validation/go_value.h"
#include "apiserver/validation/node_selector.h"
#include "apiserver/validation/pod_parts.h"
#include "apiserver/validation/resources.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

template <class Secret>
void check_names(const api::Box<Secret>& secret, const FieldPath& path, FieldErrors& errors) {
  if (!secret) return;
  if (secret->name.empty()) require(errors, path.child("name"));
  if (secret->namespace_.empty()) require(errors, path.child("namespace"));
}

void check_secret(const api::Box<SecretReference>& secret, const FieldPath& path, FieldErrors& errors) {
  if (!secret) return;
  if (secret->name.empty()) require(errors, path.child("name"));
  else check_dns_subdomain(errors, path.child("name"), secret->name);
  if (secret->namespace_.empty()) require(errors, path.child("namespace"));
  else check_dns_label(errors, path.child("namespace"), secret->namespace_);
}

void check(const GlusterfsPersistentVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.endpoints.empty()) require(errors, path.child("endpoints"));
  if (source.path.empty()) require(errors, path.child("path"));
  if (!source.endpoints_namespace) return;
  FieldPath space = path.child("endpointsNamespace");
  if (source.endpoints_namespace->empty()) reject(errors, space, "", "if the endpointnamespace is set, it must be a valid namespace name");
  else check_dns_label(errors, space, *source.endpoints_namespace);
}

void check(const RBDPersistentVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.monitors.empty()) require(errors, path.child("monitors"));
  if (source.image.empty()) require(errors, path.child("image"));
}

void check(const CephFSPersistentVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.monitors.empty()) require(errors, path.child("monitors"));
}

void check(const ISCSIPersistentVolumeSource& source, std::string_view name, const FieldPath& path, FieldErrors& errors) {
  constexpr const char* kFormat = "must be valid format";
  if (source.target_portal.empty()) require(errors, path.child("targetPortal"));
  if (source.initiator_name && name.size() + 1 + source.target_portal.size() > 64)
    reject(errors, path.child("targetportal"), source.target_portal,
           "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.");
  if (source.iqn.empty()) require(errors, path.child("iqn"));
  else if (!is_iscsi_name(source.iqn)) reject(errors, path.child("iqn"), source.iqn, kFormat);
  if (source.lun < 0 || source.lun > 255) reject(errors, path.child("lun"), source.lun, api::inclusive_range_message(0, 255));
  if ((source.chap_auth_discovery || source.chap_auth_session) && !source.secret_ref) require(errors, path.child("secretRef"));
  if (source.secret_ref && source.secret_ref->name.empty()) require(errors, path.child("secretRef.name"));
  if (source.initiator_name && !is_iscsi_name(*source.initiator_name)) reject(errors, path.child("initiatorname"), *source.initiator_name, kFormat);
}

void check(const CinderPersistentVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.volume_id.empty()) require(errors, path.child("volumeID"));
  check_names(source.secret_ref, path.child("secretRef"), errors);
}

void check(const FlexPersistentVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  FlexVolumeSource same;
  same.driver = source.driver;
  same.options = source.options;
  validate_source(same, path, errors);
}

void check(const AzureFilePersistentVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.secret_name.empty()) require(errors, path.child("secretName"));
  if (source.share_name.empty()) require(errors, path.child("shareName"));
  if (source.secret_namespace && source.secret_namespace->empty()) require(errors, path.child("secretNamespace"));
}

void check(const ScaleIOPersistentVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.gateway.empty()) require(errors, path.child("gateway"));
  if (source.system.empty()) require(errors, path.child("system"));
  if (source.volume_name.empty()) require(errors, path.child("volumeName"));
}

void check(const LocalVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.path.empty()) require(errors, path.child("path"));
  else check_no_backsteps(errors, path.child("path"), source.path);
}

void check(const StorageOSPersistentVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.volume_name.empty()) require(errors, path.child("volumeName"));
  else check_dns_label(errors, path.child("volumeName"), source.volume_name);
  if (!source.volume_namespace.empty()) check_dns_label(errors, path.child("volumeNamespace"), source.volume_namespace);
  check_names(source.secret_ref, path.child("secretRef"), errors);
}

void check(const CSIPersistentVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  CSIVolumeSource same;
  same.driver = source.driver;
  validate_source(same, path, errors);
  if (source.volume_handle.empty()) require(errors, path.child("volumeHandle"));
  check_secret(source.controller_publish_secret_ref, path.child("controllerPublishSecretRef"), errors);
  check_secret(source.controller_expand_secret_ref, path.child("controllerExpandSecretRef"), errors);
  check_secret(source.node_publish_secret_ref, path.child("nodePublishSecretRef"), errors);
  check_secret(source.node_expand_secret_ref, path.child("nodeExpandSecretRef"), errors);
}

// Exactly one source, in Kubernetes' order. Some fields' names in messages are not those of the fields.
void check_sources(const PersistentVolumeSpec& spec, std::string_view name, const FieldPath& path, FieldErrors& errors) {
  bool chosen = false;
  auto choose = [&](const auto& source, std::string_view field, std::string_view too_many, auto validate) {
    if (!source) return;
    if (chosen) return forbid(errors, path.child(too_many), "may not specify more than 1 volume type");
    chosen = true;
    validate(*source, path.child(field));
  };
  auto shared = [&](const auto& source, const FieldPath& at) { validate_source(source, at, errors); };
  auto own = [&](const auto& source, const FieldPath& at) { check(source, at, errors); };
  choose(spec.host_path, "hostPath", "hostPath", shared);
  choose(spec.gce_persistent_disk, "persistentDisk", "gcePersistentDisk", shared);
  choose(spec.aws_elastic_block_store, "awsElasticBlockStore", "awsElasticBlockStore", shared);
  choose(spec.glusterfs, "glusterfs", "glusterfs", own);
  choose(spec.flocker, "flocker", "flocker", shared);
  choose(spec.nfs, "nfs", "nfs", shared);
  choose(spec.rbd, "rbd", "rbd", own);
  choose(spec.quobyte, "quobyte", "quobyte", shared);
  choose(spec.cephfs, "cephfs", "cephFS", own);
  choose(spec.iscsi, "iscsi", "iscsi", [&](const auto& source, const FieldPath& at) { check(source, name, at, errors); });
  choose(spec.cinder, "cinder", "cinder", own);
  choose(spec.fc, "fc", "fc", shared);
  if (spec.flex_volume) {  // never one too many
    chosen = true;
    check(*spec.flex_volume, path.child("flexVolume"), errors);
  }
  choose(spec.azure_file, "azureFile", "azureFile", own);
  choose(spec.vsphere_volume, "vsphereVolume", "vsphereVolume", shared);
  choose(spec.photon_persistent_disk, "photonPersistentDisk", "photonPersistentDisk", shared);
  choose(spec.portworx_volume, "portworxVolume", "portworxVolume", shared);
  choose(spec.azure_disk, "azureDisk", "azureDisk", shared);
  choose(spec.scale_io, "scaleIO", "scaleIO", own);
  choose(spec.local, "local", "local", [&](const auto& source, const FieldPath& at) {
    check(source, at, errors);
    if (!spec.node_affinity) require(errors, path.child("nodeAffinity"), "Local volume requires node affinity");
  });
  choose(spec.storageos, "storageos", "storageos", own);
  choose(spec.csi, "csi", "csi", own);
  if (!chosen) require(errors, path, "must specify a volume type");
}

BadValue shown(const api::Map<api::Quantity>& amounts) {
  if (amounts.empty()) return BadValue::raw("core.ResourceList(nil)");
  std::string out = "core.ResourceList{";
  for (const auto& [name, amount] : amounts) out += (out.ends_with('{') ? "\"" : ", \"") + name + "\":" + go_value(amount).text();
  return BadValue::raw(out + "}");
}

void check_capacity(const api::Map<api::Quantity>& capacity, const FieldPath& path, FieldErrors& errors) {
  if (capacity.empty()) require(errors, path);
  if (!capacity.contains("storage") || capacity.size() > 1) report_unsupported(errors, path, shown(capacity), {"storage"});
  for (const auto& [name, amount] : capacity) {
    check_non_negative_quantity(errors, path.key(name), amount);
    if (amount.is_zero() || amount.is_negative()) reject(errors, path.key(name), amount.to_string(), "must be greater than zero");
  }
}

void check_object_parts(const PersistentVolumeSpec& spec, const FieldPath& path, FieldErrors& errors) {
  check_capacity(spec.capacity, path.child("capacity"), errors);
  if (!spec.persistent_volume_reclaim_policy.empty())
    check_choice(errors, path.child("persistentVolumeReclaimPolicy"), spec.persistent_volume_reclaim_policy, {"Delete", "Recycle", "Retain"});
  if (!spec.node_affinity) return;
  FieldPath required = path.child("nodeAffinity.required");
  if (spec.node_affinity->required) validate_node_selector(*spec.node_affinity->required, true, required, errors);
  else require(errors, required, "must specify required node constraints");
}

void check_inline_parts(const PersistentVolumeSpec& spec, const FieldPath& path, FieldErrors& errors) {
  constexpr const char* kForbidden = "may not be specified in the context of inline volumes";
  const auto& policy = spec.persistent_volume_reclaim_policy;
  if (!policy.empty() && policy != "Retain") forbid(errors, path.child("persistentVolumeReclaimPolicy"), "may only be Retain in the context of inline volumes");
  if (spec.node_affinity) forbid(errors, path.child("nodeAffinity"), kForbidden);
}

bool is_root(std::string_view path) {
  if (!path.starts_with('/')) return false;
  for (size_t at = 0; at < path.size();) {
    size_t end = std::min(path.find('/', at), path.size());
    std::string_view part = path.substr(at, end - at);
    if (!part.empty() && part != "." && part != "..") return false;
    at = end + 1;
  }
  return true;
}

void check_class_and_mode(const PersistentVolumeSpec& spec, VolumeUse use, const FieldPath& path, FieldErrors& errors) {
  FieldPath name = path.child("storageClassName"), mode = path.child("volumeMode");
  bool is_inline = use == VolumeUse::kInline;
  if (!spec.storage_class_name.empty()) {
    if (is_inline) forbid(errors, name, "may not be specified in the context of inline volumes");
    else check_dns_subdomain(errors, name, spec.storage_class_name);
  }
  if (!spec.volume_mode) return;
  if (!is_inline) check_choice(errors, mode, *spec.volume_mode, {"Block", "Filesystem"});
  else if (*spec.volume_mode != "Filesystem") forbid(errors, mode, "may not specify volumeMode other than Filesystem in the context of inline volumes");
}

std::string stable_label(const std::string& key) {
  if (key == "beta.kubernetes.io/os") return "kubernetes.io/os";
  if (key == "beta.kubernetes.io/arch") return "kubernetes.io/arch";
  if (key == "failure-domain.beta.kubernetes.io/zone") return "topology.kubernetes.io/zone";
  if (key == "failure-domain.beta.kubernetes.io/region") return "topology.kubernetes.io/region";
  if (key == "beta.kubernetes.io/instance-type") return "node.kubernetes.io/instance-type";
  return key;
}

VolumeNodeAffinity with_stable_labels(VolumeNodeAffinity affinity) {
  if (!affinity.required) return affinity;
  for (auto& term : affinity.required->node_selector_terms)
    for (auto& expression : term.match_expressions) expression.key = stable_label(expression.key);
  return affinity;
}

}  // namespace

void validate_volume_spec(const PersistentVolumeSpec& spec, std::string_view name, VolumeUse use, const FieldPath& path, FieldErrors& errors) {
  if (use == VolumeUse::kInline) {
    constexpr const char* kForbidden = "may not be specified in the context of inline volumes";
    if (spec.claim_ref) forbid(errors, path.child("claimRef"), kForbidden);
    if (!spec.capacity.empty()) forbid(errors, path.child("capacity"), kForbidden);
    if (!spec.csi) require(errors, path.child("csi"), "has to be specified in the context of inline volumes");
  }
  if (spec.access_modes.empty()) require(errors, path.child("accessModes"));
  check_access_modes(spec.access_modes, path.child("accessModes"), errors);
  if (use == VolumeUse::kObject) check_object_parts(spec, path, errors);
  else check_inline_parts(spec, path, errors);
  check_sources(spec, name, path, errors);
  if (spec.host_path && is_root(spec.host_path->path) && spec.persistent_volume_reclaim_policy == "Recycle")
    forbid(errors, path.child("persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'");
  check_class_and_mode(spec, use, path, errors);
}

bool same_affinity(const VolumeNodeAffinity& one, const VolumeNodeAffinity& other) { return with_stable_labels(one) == with_stable_labels(other); }

}  // namespace reigen::apiserver
