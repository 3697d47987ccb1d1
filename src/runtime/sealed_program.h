// A program's sealed copy in memory, to be executed in its place. crun is executed by containers' inits before they are contained; so that
// none can overwrite it, it copies itself and starts anew, unless it was started from a copy nobody can write to.
//
// Thread-safe.
#pragma once

#include <sys/stat.h>

#include <mutex>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace reigen::runtime {

class SealedProgram {
 public:
  // What to execute, by this process or its descendants while it lives: a copy of what `file` is now, or `file` where the kernel makes no such copies.
  std::string path(const std::string& file);

 private:
  std::mutex mutex_;
  std::vector<Fd> copies_;  // the last one is in use; one that was replaced may be about to be executed
  struct stat of_{};        // the file of the last copy
};

}  // namespace reigen::runtime
