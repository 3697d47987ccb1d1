// The spec of persistent volumes, also inline in volume attachments.
#pragma once

#include <string_view>

#include "api/field_error.h"

namespace reigen::api::corev1 {
struct PersistentVolumeSpec;
struct VolumeNodeAffinity;
}  // namespace reigen::api::corev1

namespace reigen::apiserver {

enum class VolumeUse : unsigned char { kObject, kInline };

// `name`: of the volume.
void validate_volume_spec(const api::corev1::PersistentVolumeSpec& spec, std::string_view name, VolumeUse use, const api::FieldPath& path,
                          api::FieldErrors& errors);

// Equal but for labels of nodes whose beta names were replaced by those that stay.
bool same_affinity(const api::corev1::VolumeNodeAffinity& one, const api::corev1::VolumeNodeAffinity& other);

}  // namespace reigen::apiserver
