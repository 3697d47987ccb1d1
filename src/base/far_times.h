// Times and durations that files, users and clients name, cut to what 64 bits of nanoseconds hold also after a sum with the present.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace reigen {

// As far as anything is planned: a hundred years.
inline constexpr Duration kLongestDelay = std::chrono::hours(24 * 365 * 100);

constexpr Duration within_reach(Duration duration) { return std::clamp(duration, -kLongestDelay, kLongestDelay); }

// Of seconds since 1970; `nanoseconds` within a second. From 1843 to 2255.
constexpr WallTime wall_at(int64_t seconds, int64_t nanoseconds = 0) {
  constexpr int64_t kFirst = -4'000'000'000, kLast = 9'000'000'000;
  return WallTime(std::chrono::seconds(std::clamp(seconds, kFirst, kLast)) + std::chrono::nanoseconds(nanoseconds));
}

}  // namespace reigen
