// Rotation of a log by its size, as Docker's drivers rotate with every line: conmon only appends, so what grew between two looks is cut.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "node/docker_log_options.h"

namespace reigen::node {

// path.1 is the newest of the older files; `path` is empty afterwards. `reopen` makes conmon begin a new file; without it nobody writes any
// more, and a log of one file is left as it is. Does nothing below the limit. Blocks: reads and writes at most max_bytes × max_files.
Status rotate_log_files(const std::string& path, const LogRotation& limits, const std::function<Status()>& reopen);

}  // namespace reigen::node
