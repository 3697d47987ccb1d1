// Times in queries, as Docker's clients write them.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace reigen::docker {

// "1700000000" or "1700000000.123456789": what clients send as since and until of logs and events. Empty: nothing. kInvalidArgument else.
Result<std::optional<WallTime>> parse_seconds(std::string_view text);
// The `until` of prunes and of lists: as above, a Go duration before `now` ("10m", "1h30m"), or RFC 3339, whole or shortened ("2006-01-02",
// "2006-01-02T15:04", with or without zone; without one it is UTC).
Result<WallTime> parse_moment(std::string_view text, WallTime now);
// Go's time.ParseDuration.
std::optional<Duration> parse_duration(std::string_view text);

}  // namespace reigen::docker
