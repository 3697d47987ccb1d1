// What --log-opt says of a container's log files. Rules and words: moby's jsonfilelog and local drivers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "api/dockerv1.h"
#include "base/result.h"

namespace reigen::node {

struct LogRotation {
  int64_t max_bytes = 0;  // 0: a log is never rotated
  int max_files = 1;      // with the one being written
};

// kInvalidArgument: "failed to initialize logging driver: …". Drivers without files have none.
Result<LogRotation> log_rotation(const api::dockerv1::LogConfig& config);

// "10m", "1.5 GB", "64kib" as go-units reads it; `base` 1000 or 1024. Negative and malformed ones: nothing.
std::optional<int64_t> parse_docker_size(std::string_view text, int64_t base);

}  // namespace reigen::node
