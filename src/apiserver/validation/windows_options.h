// Security options of Windows containers.
#pragma once

#include "api/field_error.h"

namespace reigen::api::corev1 {
struct WindowsSecurityContextOptions;
}

namespace reigen::apiserver {

// Nothing is wrong with null.
void validate_windows_options(const api::corev1::WindowsSecurityContextOptions* options, const api::FieldPath& path, api::FieldErrors& errors);

}  // namespace reigen::apiserver
