// The parts validate_pod_spec is made of. Internal to the pod validation.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/corev1.h"
#include "api/metav1.h"
#include "apiserver/validation/pod_spec.h"
#include "apiserver/validation/report.h"

namespace reigen::apiserver {

// The volumes without errors, by name.
using VolumeMap = std::map<std::string, const api::corev1::VolumeSource*, std::less<>>;
using NameSet = std::set<std::string, std::less<>>;

// What the checks of one pod's containers share.
struct PodScope {
  const api::corev1::PodSpec& spec;
  const PodOptions& options;
  VolumeMap volumes;
  NameSet claims;
  bool host_users = true;
};

VolumeMap validate_volumes(const std::vector<api::corev1::Volume>& volumes, const api::metav1::ObjectMeta* meta, const FieldPath& path,
                           const PodOptions& options, FieldErrors& errors);
void validate_volume_source(const api::corev1::Volume& volume, const api::metav1::ObjectMeta* meta, const FieldPath& path, const PodOptions& options,
                            FieldErrors& errors);
void validate_projected_volume(const api::corev1::ProjectedVolumeSource& source, const FieldPath& path, const PodOptions& options, FieldErrors& errors);
void validate_downward_file(const api::corev1::DownwardAPIVolumeFile& file, const FieldPath& path, FieldErrors& errors);
void validate_key_to_path(const api::corev1::KeyToPath& item, const FieldPath& path, FieldErrors& errors);
void validate_claim_template(const api::corev1::PersistentVolumeClaimTemplate& claim, const FieldPath& path, FieldErrors& errors);
// Sources of storage systems, with rules of their own.
void validate_source(const api::corev1::ISCSIVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::FCVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::GCEPersistentDiskVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::AWSElasticBlockStoreVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::NFSVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::QuobyteVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::GlusterfsVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::FlockerVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::RBDVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::CinderVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::CephFSVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::FlexVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::AzureFileVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::AzureDiskVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::VsphereVirtualDiskVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::PhotonPersistentDiskVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::PortworxVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::ScaleIOVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::StorageOSVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::CSIVolumeSource&, const FieldPath&, FieldErrors&);
void validate_source(const api::corev1::HostPathVolumeSource&, const FieldPath&, FieldErrors&);
bool is_iscsi_name(std::string_view name);  // iqn, eui or naa

void validate_containers(const PodScope& scope, const FieldPath& path, FieldErrors& errors);
void validate_init_containers(const PodScope& scope, const FieldPath& path, FieldErrors& errors);
void validate_ephemeral_containers(const PodScope& scope, const FieldPath& path, FieldErrors& errors);
void validate_image_text(std::string_view image, const FieldPath& path, FieldErrors& errors);

void validate_env(const std::vector<api::corev1::EnvVar>& env, const FieldPath& path, FieldErrors& errors);
void validate_env_from(const std::vector<api::corev1::EnvFromSource>& sources, const FieldPath& path, FieldErrors& errors);
// `fields` are the paths allowed here.
void validate_field_ref(const api::corev1::ObjectFieldSelector& ref, std::initializer_list<std::string_view> fields, const FieldPath& path,
                        FieldErrors& errors);
void validate_resource_field_ref(const api::corev1::ResourceFieldSelector& ref, bool needs_container, const FieldPath& path, FieldErrors& errors);

void validate_resources(const api::corev1::ResourceRequirements& resources, const NameSet& claims, const FieldPath& path, const PodOptions& options,
                        FieldErrors& errors);
// Is a hugepages resource's amount no multiple of its page?
bool has_indivisible_huge_pages(const api::Map<api::Quantity>& list);

void validate_liveness_probe(const api::corev1::Probe* probe, const PodScope& scope, const FieldPath& path, FieldErrors& errors);
void validate_readiness_probe(const api::corev1::Probe* probe, const PodScope& scope, const FieldPath& path, FieldErrors& errors);
void validate_lifecycle(const api::corev1::Lifecycle* lifecycle, const PodScope& scope, const FieldPath& path, FieldErrors& errors);

void validate_security_context(const api::corev1::SecurityContext* context, bool host_users, const FieldPath& path, FieldErrors& errors);
// `path` is that of the pod's spec.
void validate_pod_security_context(const api::corev1::PodSpec& spec, const FieldPath& path, const PodOptions& options, FieldErrors& errors);
void validate_app_armor_profile(const api::corev1::AppArmorProfile* profile, const FieldPath& path, FieldErrors& errors);
// Of an annotation that says what a deleted pod costs.
bool has_bad_deletion_cost(const api::Map<std::string>& annotations);
bool is_host_sysctl(const api::corev1::PodSpec& spec, std::string_view name, FieldErrors* errors, const FieldPath& path);
void validate_host_process(const api::corev1::PodSpec& spec, const FieldPath& path, FieldErrors& errors);
// Which fields an operating system cannot have.
void validate_os(const api::corev1::PodSpec& spec, const FieldPath& path, FieldErrors& errors);

void validate_affinity(const api::corev1::Affinity& affinity, const FieldPath& path, const PodOptions& options, FieldErrors& errors);
void validate_tolerations(const std::vector<api::corev1::Toleration>& tolerations, const FieldPath& path, FieldErrors& errors);
void validate_spread_constraints(const std::vector<api::corev1::TopologySpreadConstraint>& constraints, const FieldPath& path, const PodOptions& options,
                                 FieldErrors& errors);

// Calls `visit(container, path)` for init containers, containers and ephemeral ones. The containers are of two types with the same fields.
template <class Spec, class Visit>
void visit_containers(Spec& spec, const FieldPath& path, Visit visit) {
  for (size_t i = 0; i < spec.init_containers.size(); ++i) visit(spec.init_containers[i], path.child("initContainers", i));
  for (size_t i = 0; i < spec.containers.size(); ++i) visit(spec.containers[i], path.child("containers", i));
  for (size_t i = 0; i < spec.ephemeral_containers.size(); ++i) visit(spec.ephemeral_containers[i], path.child("ephemeralContainers", i));
}

}  // namespace reigen::apiserver
