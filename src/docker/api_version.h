// ApiVersion: a version of the Docker Engine API, and which of them are served.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"

namespace reigen::docker {

struct ApiVersion {
  int major = 1;
  int minor = 0;
  auto operator<=>(const ApiVersion&) const = default;
  std::string str() const;
};

inline constexpr ApiVersion kOldestVersion{1, 24};
inline constexpr ApiVersion kNewestVersion{1, 50};
inline constexpr std::string_view kServerVersion = "28.2.2";  // the release of kNewestVersion; clients compare it

// The version a path's first segment asks for: "v1.41". kNotFound where the segment is no version; kInvalidArgument with Docker's words
// where it is one that is not served.
Result<ApiVersion> negotiate(std::string_view segment);
// True for "v" and digits and dots, as Docker's router takes them.
bool is_version_segment(std::string_view segment);

}  // namespace reigen::docker
