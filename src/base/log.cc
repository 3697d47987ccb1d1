#include "base/log.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <ctime>

#include "base/check.h"

namespace reigen {
namespace {
std::atomic<LogLevel> current_level{LogLevel::kInfo};
}

void set_log_level(LogLevel level) { current_level.store(level, std::memory_order_relaxed); }
LogLevel log_level() { return current_level.load(std::memory_order_relaxed); }

void write_log(LogLevel level, std::string_view area, std::string_view message) {
  static constexpr char kLetters[] = {'D', 'I', 'W', 'E', '-'};
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::tm utc{};
  ::gmtime_r(&now.tv_sec, &utc);
  std::string line = fmt::format("{} {:%Y-%m-%dT%H:%M:%S}.{:03}Z {}: {}\n", kLetters[static_cast<int>(level)], utc, now.tv_nsec / 1000000, area, message);
  // One write per line keeps lines of several threads whole.
  [[maybe_unused]] auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

void check_failed(const char* file, int line, std::string_view condition) {
  write_log(LogLevel::kError, "check", fmt::format("{}:{}: CHECK({}) failed", file, line, condition));
  std::abort();
}

}  // namespace reigen
