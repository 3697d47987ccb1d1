// Writes a layer's tar into a folder as overlayfs wants it in a lower directory: whiteouts as 0:0 devices, opaque folders
// marked by trusted.overlay.opaque. Nothing is ever written outside the folder: every path is opened with openat2 and
// RESOLVE_IN_ROOT beneath it (layer_entry.h says what is refused before that).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/byte_source.h"
#include "image/image_store.h"

namespace reigen::image {

struct UnpackOptions {
  // Folders of the layers below, topmost first: attributes of folders that the tar does not name and targets of hard links
  // come from there.
  std::vector<std::string> parents;
  Limits limits;
  bool whiteouts = true;   // false: for a plain archive (Dockerfile ADD)
  int64_t owner_uid = -1;  // -1: as the archive says
  int64_t owner_gid = -1;
};

struct UnpackStats {
  uint64_t bytes = 0;  // of regular files
  uint64_t entries = 0;
};

// `tar` is read to the end of the archive, not further. Needs root for owners and devices. On failure the folder is left half
// filled; the caller removes it.
Result<UnpackStats> unpack_layer(ByteSource& tar, const std::string& directory, const UnpackOptions& options = {});

}  // namespace reigen::image
