// Processes by pidfd: an identity that is never reused.
#pragma once

#include <cstdint>
#include <optional>

#include "base/fd.h"
#include "base/result.h"

namespace reigen::linux {

// A pidfd of `pid`, provided that the process started at `start_time` (process_start_time(); 0: any). kNotFound when it is gone or
// another one has its number.
Result<Fd> open_process(int pid, uint64_t start_time);

// kNotFound when the process has ended.
Status signal_process(int pidfd, int signal);

bool process_ended(int pidfd);

// The wait status of an ended process that was not our child, where the kernel tells it (Linux 6.15 and newer).
std::optional<int> wait_status_of(int pidfd);

// "SIGTERM", "TERM", "15" (also RTMIN+n) → its number.
Result<int> parse_signal(std::string_view name);

}  // namespace reigen::linux
