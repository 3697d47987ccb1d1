// Times as Docker writes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace reigen::node {

// RFC 3339 in UTC with as many digits of a second as are needed, as Go's RFC3339Nano; "" for WallTime().
std::string docker_time(WallTime time);
std::optional<WallTime> parse_docker_time(std::string_view text);

}  // namespace reigen::node
