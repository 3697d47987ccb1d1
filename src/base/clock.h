// Time as an interface, so that the whole control plane can run under a simulated clock.
#pragma once

#include <chrono>

namespace reigen {

using Duration = std::chrono::nanoseconds;
// A point of the monotonic clock; only differences mean something.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
// A point of the calendar (UTC).
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;  // monotonic
  virtual WallTime wall() const = 0;  // calendar
};

// The machine's clocks. Lives for ever.
Clock& system_clock();

}  // namespace reigen
