// What a writable layer changes, as `docker diff` shows it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/runtime.h"

namespace reigen::runtime {

// `upper` is overlayfs' upper folder, `lower` what lies below, lowest first. The rules are Docker's (moby pkg/archive, ChangesDirs): a
// folder counts as modified when its mode or owner differ or something in it changed, anything else when also its size or time do. A
// container may write meanwhile: what vanishes is left out. Sorted by path.
Result<std::vector<LayerChange>> changes_of_layer(const std::string& upper, const std::vector<std::string>& lower);

}  // namespace reigen::runtime
