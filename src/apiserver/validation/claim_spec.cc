#include "apiserver/validation/claim_spec.h"

#include "api/corev1.h"
#include "api/label_selector.h"
#include "api/metav1.h"
#include "api/validation.h"
#include "apiserver/validation/report.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

void check_storage(const api::Map<api::Quantity>& requests, const FieldPath& path, FieldErrors& errors) {
  const api::Quantity* storage = requests.get("storage");
  if (!storage) require(errors, path);
  else if (storage->is_zero() || storage->is_negative()) reject(errors, path, storage->to_string(), "must be greater than zero");
}

template <class Reference>
void check_data_source(const Reference& source, const FieldPath& path, const ClaimSpecOptions& options, FieldErrors& errors) {
  if (source.name.empty()) require(errors, path.child("name"));
  if (source.kind.empty()) require(errors, path.child("kind"));
  std::string group = source.api_group.value_or("");
  if (group.empty() && source.kind != "PersistentVolumeClaim")
    reject(errors, path, source.kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
  if (!group.empty() && !options.allow_invalid_api_group) check_dns_subdomain(errors, path.child("apiGroup"), group);
}

void check_data_sources(const PersistentVolumeClaimSpec& spec, const FieldPath& path, const ClaimSpecOptions& options, FieldErrors& errors) {
  const auto& source = spec.data_source;
  const auto& ref = spec.data_source_ref;
  bool across = ref && ref->namespace_ && !ref->namespace_->empty();
  if (source) check_data_source(*source, path.child("dataSource"), options, errors);
  if (ref) check_data_source(*ref, path.child("dataSourceRef"), options, errors);
  if (across) check_dns_label(errors, path.child("dataSourceRef.namespace"), *ref->namespace_);
  if (!source || !ref) return;
  BadValue where = BadValue::raw(path.child("dataSource").to_string());
  if (across) reject(errors, path, where, "may not be specified when dataSourceRef.namespace is specified");
  else if (source->api_group != ref->api_group || source->kind != ref->kind || source->name != ref->name)
    reject(errors, path, where, "must match dataSourceRef");
}

}  // namespace

void check_access_modes(const std::vector<std::string>& modes, const FieldPath& path, FieldErrors& errors) {
  bool single_pod = false, other = false;
  for (const std::string& mode : modes) {
    bool known = is_one_of(mode, {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"});
    if (!known) report_unsupported(errors, path, mode, {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"});
    if (mode == "ReadWriteOncePod") single_pod = true;
    else other = other || known;
  }
  if (single_pod && other) forbid(errors, path, "may not use ReadWriteOncePod with other access modes");
}

void validate_claim_spec(const PersistentVolumeClaimSpec& spec, const FieldPath& path, const ClaimSpecOptions& options, FieldErrors& errors) {
  FieldPath modes = path.child("accessModes");
  if (spec.access_modes.empty()) require(errors, modes, "at least 1 access mode is required");
  if (spec.selector) api::append(errors, api::validate_label_selector(path.child("selector"), *spec.selector, options.allow_invalid_label_values));
  check_access_modes(spec.access_modes, modes, errors);
  check_storage(spec.resources.requests, path.child("resources", "storage"), errors);
  if (spec.storage_class_name && !spec.storage_class_name->empty()) check_dns_subdomain(errors, path.child("storageClassName"), *spec.storage_class_name);
  if (spec.volume_mode) check_choice(errors, path.child("volumeMode"), *spec.volume_mode, {"Block", "Filesystem"});
  check_data_sources(spec, path, options, errors);
}

}  // namespace reigen::apiserver
