// Copies what a folder holds into another folder: owners, modes, times, extended attributes, links as links, devices, fifos.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace reigen::node {

// Both are descriptors of folders (not O_PATH). Follows no link in either, never writes over what is there (kAlreadyExists), so that a
// container that has the target meanwhile cannot lead it elsewhere. The target folder itself gets the source's owner, mode and times.
Status copy_tree(int source, int target);

// Bytes that all files below a folder take on the disk; what cannot be read counts nothing.
uint64_t tree_bytes(int folder);

// True when nothing is in the folder.
Result<bool> is_empty_folder(int folder);

}  // namespace reigen::node
