// The version of this program and of the Kubernetes API it serves.
#pragma once

namespace reigen::cli {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace reigen::cli
