// How much of a disk a file or a folder takes.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace reigen {

struct DiskUsage {
  uint64_t bytes = 0;   // of the blocks taken, not of the contents
  uint64_t inodes = 0;  // the folder itself is one
  bool complete = true;
};

// A file with several names counts once. Follows no link, crosses no mount; what vanishes meanwhile does not count. After `limit`
// entries it stops: what was found until then is a lower bound, and `complete` is false. Blocks. A missing path is kNotFound.
Result<DiskUsage> disk_usage(const std::string& path, uint64_t limit = 4'000'000);

}  // namespace reigen
