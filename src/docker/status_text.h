// What `docker ps` says of a state. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/dockerv1.h"
#include "base/clock.h"

namespace reigen::docker {

// "3 minutes", "About an hour", "2 weeks".
std::string human_duration(Duration duration);
// "Up 3 minutes (healthy)", "Exited (137) 2 hours ago", "Created".
std::string status_text(const api::dockerv1::ContainerStatus& status, WallTime now);
// RFC 3339 with nanoseconds as the kinds hold it; nothing for an empty or malformed text.
std::optional<WallTime> parse_time(std::string_view text);

}  // namespace reigen::docker
