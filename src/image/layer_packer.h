// Makes the tar of a layer out of an upper directory of overlayfs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace reigen::image {

// Entries sorted by name, whiteouts as OCI has them (.wh.name, .wh..wh..opq), owners as numbers, security.capability and user.*
// attributes, hard links, so that the same folder always gives the same bytes. Returns the bytes in regular files.
Result<uint64_t> pack_layer(const std::string& directory, const std::function<Status(std::string_view)>& sink);

// A copy of a file's bytes, synced.
Status copy_file(const std::string& from, const std::string& to);

}  // namespace reigen::image
