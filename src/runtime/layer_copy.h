// Copying and measuring a writable layer as it lies on the disk, also while a container writes into it.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace reigen::runtime {

// The contents of `from` into the folder `to`: owners, modes, times, links, capabilities, and overlayfs' marks of whiteouts and opaque
// folders. Bytes are shared (reflinks) where the disk can. Follows no link, so whatever is swapped meanwhile nothing else is read.
Status copy_tree(const std::string& from, const std::string& to);

// The sizes of all but folders, a file of several names counted once.
Result<uint64_t> tree_bytes(const std::string& path);

}  // namespace reigen::runtime
