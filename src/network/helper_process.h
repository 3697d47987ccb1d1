// The record of the network helper (name server and [::1] ports), which outlives the server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace reigen::network {

// <run directory>/helper.pid: "pid start-time version", written once it listens. A pid alone may have been given to another process.
struct HelperRecord {
  int pid = 0;
  uint64_t start_time = 0;
  int version = 0;
};

Status write_helper_record(const std::string& run_directory, const HelperRecord& record);
// Nothing when none is recorded or it no longer lives.
std::optional<HelperRecord> living_helper(const std::string& run_directory);
// Ends it and waits (at most two seconds, then SIGKILL). None is fine.
Status stop_helper(const std::string& run_directory);

}  // namespace reigen::network
