// The spec of persistent volume claims, also as templates in pods and stateful sets.
#pragma once

#include <string>
#include <vector>

#include "api/field_error.h"

namespace reigen::api::corev1 {
struct PersistentVolumeClaimSpec;
}

namespace reigen::apiserver {

struct ClaimSpecOptions {
  bool allow_invalid_label_values = false;  // in the selector
  bool allow_invalid_api_group = false;     // in dataSource and dataSourceRef
};

void validate_claim_spec(const api::corev1::PersistentVolumeClaimSpec& spec, const api::FieldPath& path, const ClaimSpecOptions& options,
                         api::FieldErrors& errors);

// Known ones, and ReadWriteOncePod alone.
void check_access_modes(const std::vector<std::string>& modes, const api::FieldPath& path, api::FieldErrors& errors);

}  // namespace reigen::apiserver
