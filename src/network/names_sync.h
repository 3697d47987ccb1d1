// Waiting until the helper process serves what was written.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace reigen::network {

// <run>/names.sock: to "sync\n" the helper answers "ok\n" once it serves the newest docker-sandboxes and docker-names, and listens at the host ports of
// hostports.
std::string names_socket_path(const std::string& run_directory);

// Asks and waits at most `limit` (in all). kUnavailable when no helper listens or it does not answer in time: names come later then, so this is a
// warning to its caller, not an error.
Status sync_names(const std::string& run_directory, Duration limit);

}  // namespace reigen::network
