// Projected volumes, files of the downward API and the claims of ephemeral volumes.

#include "api/label_selector.h"
#include "api/validation.h"
#include "apiserver/validation/claim_spec.h"
#include "apiserver/validation/pod_parts.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

constexpr std::string_view kConflict = "conflicting duplicate paths";

// A path is taken by the first that has it.
void claim_path(NameSet& paths, const std::string& name, const std::string& by, const FieldPath& path, FieldErrors& errors) {
  if (!name.empty() && !paths.insert(name).second) reject(errors, path, by, std::string(kConflict));
}

template <class Source>
void validate_named_source(const Source& source, const FieldPath& at, const FieldPath& volume, NameSet& paths, FieldErrors& errors) {
  if (source.name.empty()) require(errors, at.child("name"));
  for (size_t i = 0; i < source.items.size(); ++i) {
    validate_key_to_path(source.items[i], at.child("items", i), errors);
    claim_path(paths, source.items[i].path, source.name, volume, errors);
  }
}

void validate_token(const ServiceAccountTokenProjection& token, const FieldPath& at, const FieldPath& volume, const PodOptions& options, FieldErrors& errors) {
  int64_t seconds = token.expiration_seconds.value_or(0);
  if (seconds < 600) reject(errors, at.child("expirationSeconds"), seconds, "may not specify a duration less than 10 minutes");
  if (seconds > int64_t{1} << 32) reject(errors, at.child("expirationSeconds"), seconds, "may not specify a duration larger than 2^32 seconds");
  if (token.path.empty()) require(errors, volume.child("path"));
  else if (!options.allow_non_local_token_path) check_projected_path(errors, volume.child("path"), token.path);
}

void validate_trust_bundle(const ClusterTrustBundleProjection& bundle, const FieldPath& at, const FieldPath& volume, NameSet& paths, FieldErrors& errors) {
  if (!bundle.name && !bundle.signer_name) require(errors, at, "either name or signerName must be specified");
  if (bundle.name && bundle.signer_name)
    reject(errors, at, BadValue::raw("core.ClusterTrustBundleProjection{}"), "only one of name and signerName may be used");
  else if (bundle.name && bundle.name->empty()) require(errors, at.child("name"), "must be a valid object name");
  else if (bundle.signer_name && bundle.signer_name->empty()) require(errors, at.child("signerName"), "must be a valid signer name");
  else if (bundle.signer_name && bundle.label_selector) api::append(errors, api::validate_label_selector(at.child("labelSelector"), *bundle.label_selector));
  if (bundle.path.empty()) require(errors, at.child("path"));
  check_projected_path(errors, at.child("path"), bundle.path);
  if (!paths.insert(bundle.path).second) reject(errors, volume, bundle.path, std::string(kConflict));
}

int count_sources(const VolumeProjection& source) {
  return int{source.secret.has_value()} + int{source.config_map.has_value()} + int{source.downward_api.has_value()} +
         int{source.service_account_token.has_value()} + int{source.cluster_trust_bundle.has_value()};
}

}  // namespace

void validate_downward_file(const DownwardAPIVolumeFile& file, const FieldPath& path, FieldErrors& errors) {
  if (file.path.empty()) require(errors, path.child("path"));
  check_projected_path(errors, path.child("path"), file.path);
  if (file.field_ref) {
    validate_field_ref(*file.field_ref, {"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"},
                       path.child("fieldRef"), errors);
    if (file.resource_field_ref) reject(errors, path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously");
  } else if (file.resource_field_ref) {
    validate_resource_field_ref(*file.resource_field_ref, true, path.child("resourceFieldRef"), errors);
  } else {
    require(errors, path, "one of fieldRef and resourceFieldRef is required");
  }
  check_mode(errors, path.child("mode"), file.mode);
}

void validate_projected_volume(const ProjectedVolumeSource& volume, const FieldPath& path, const PodOptions& options, FieldErrors& errors) {
  check_mode(errors, path.child("defaultMode"), volume.default_mode);
  NameSet paths;
  for (size_t i = 0; i < volume.sources.size(); ++i) {
    const VolumeProjection& source = volume.sources[i];
    FieldPath at = path.child("sources", i);
    if (source.secret) validate_named_source(*source.secret, at.child("secret"), path, paths, errors);
    if (source.config_map) validate_named_source(*source.config_map, at.child("configMap"), path, paths, errors);
    if (source.downward_api) {
      for (const auto& file : source.downward_api->items) {
        validate_downward_file(file, at.child("downwardAPI"), errors);
        claim_path(paths, file.path, file.path, path, errors);
      }
    }
    if (source.service_account_token) validate_token(*source.service_account_token, at.child("serviceAccountToken"), path, options, errors);
    if (source.cluster_trust_bundle) validate_trust_bundle(*source.cluster_trust_bundle, at.child("clusterTrustBundle"), path, paths, errors);
    if (count_sources(source) > 1) forbid(errors, at, "may not specify more than 1 volume type per source");
  }
}

void validate_claim_template(const PersistentVolumeClaimTemplate& claim, const FieldPath& path, FieldErrors& errors) {
  FieldPath at = path.child("metadata");
  const auto& meta = claim.metadata;
  api::append(errors, api::validate_annotations(at.child("annotations"), meta.annotations));
  api::append(errors, api::validate_labels(at.child("labels"), meta.labels));
  auto unset = [&](bool set, std::string_view name) {
    if (set) forbid(errors, at.child(name), "cannot be set");
  };
  unset(!meta.name.empty(), "name");
  unset(!meta.generate_name.empty(), "generateName");
  unset(!meta.namespace_.empty(), "namespace");
  unset(!meta.self_link.empty(), "selfLink");
  unset(!meta.uid.empty(), "uID");
  unset(!meta.resource_version.empty(), "resourceVersion");
  unset(meta.generation != 0, "generation");
  unset(!meta.creation_timestamp.is_zero(), "creationTimestamp");
  unset(meta.deletion_timestamp.has_value(), "deletionTimestamp");
  unset(meta.deletion_grace_period_seconds.has_value(), "deletionGracePeriodSeconds");
  unset(!meta.owner_references.empty(), "ownerReferences");
  unset(!meta.finalizers.empty(), "finalizers");
  unset(!meta.managed_fields.empty(), "managedFields");
  validate_claim_spec(claim.spec, path.child("spec"), ClaimSpecOptions{}, errors);
}

}  // namespace reigen::apiserver
