// Validation of pods and of what contains them: rules, paths and texts of Kubernetes' core/validation.
//
// Thread-safe. Errors are added in the order Kubernetes reports them; where Kubernetes walks a Go map, the order is that of the keys.
#pragma once

#include <string>
#include <vector>

#include "api/field_error.h"

namespace reigen::api {
class Quantity;
template <class T>
class Map;
namespace metav1 {
struct ObjectMeta;
}
namespace corev1 {
struct Pod;
struct PodSpec;
struct PodTemplateSpec;
}  // namespace corev1
}  // namespace reigen::api

namespace reigen::apiserver {

// What an update may keep although a create may not have it.
struct PodOptions {
  bool allow_invalid_deletion_cost = false;
  bool allow_invalid_label_values = false;  // in selectors of affinity
  bool allow_indivisible_huge_pages = false;
  bool allow_invalid_spread_selectors = false;
  bool allow_non_local_token_path = false;
  bool allow_host_sysctls = false;
  bool allow_relaxed_searches = false;
  bool allow_zero_sleep = false;
  bool allow_sidecar_resize_policy = false;
  bool is_pod = false;  // not a template
};

// `old` is null on create.
PodOptions pod_options(const api::corev1::Pod* old);
PodOptions template_options(const api::corev1::PodTemplateSpec* old);

// All but metadata, which the core validates. `meta` is null in templates.
void validate_pod_spec(const api::corev1::PodSpec& spec, const api::metav1::ObjectMeta* meta, const api::FieldPath& path, const PodOptions& options,
                       api::FieldErrors& errors);
// Annotations that mean something to pods.
void validate_pod_annotations(const api::Map<std::string>& annotations, const api::corev1::PodSpec& spec, const api::FieldPath& path, const PodOptions& options,
                              api::FieldErrors& errors);
// Profiles in annotations must match the ones in fields.
void validate_profile_annotations(const api::Map<std::string>& annotations, const api::corev1::PodSpec& spec, const api::FieldPath& path,
                                  api::FieldErrors& errors);
void validate_pod_template(const api::corev1::PodTemplateSpec& pod_template, const api::FieldPath& path, const PodOptions& options, api::FieldErrors& errors);

void validate_pod_create(const api::corev1::Pod& pod, api::FieldErrors& errors);
// A pod's own fields as of a create, which updates check too.
void validate_pod_fields(const api::corev1::Pod& pod, const PodOptions& options, api::FieldErrors& errors);
void validate_pod_update(const api::corev1::Pod& pod, const api::corev1::Pod& old, api::FieldErrors& errors);
void validate_pod_status_update(const api::corev1::Pod& pod, const api::corev1::Pod& old, api::FieldErrors& errors);
void validate_ephemeral_containers_update(const api::corev1::Pod& pod, const api::corev1::Pod& old, api::FieldErrors& errors);
void validate_pod_resize(const api::corev1::Pod& pod, const api::corev1::Pod& old, api::FieldErrors& errors);
// Between the annotations of an update and its predecessor.
void validate_pod_annotations_update(const api::corev1::Pod& pod, const api::corev1::Pod& old, const PodOptions& options, api::FieldErrors& errors);

// Clears fields of features that are off in Kubernetes 1.32, unless `old` (null on create) uses them already.
void drop_disabled_fields(api::corev1::PodSpec& spec, const api::corev1::PodSpec* old);

}  // namespace reigen::apiserver
