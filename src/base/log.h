// The log: one line a message on standard error, with level, area and time.
//
//   LOG(kInfo, "store", "recovered {} rows in {} ms", rows, ms);
//
// Thread-safe. Secrets (tokens, keys, contents of Secrets) must never be passed.
#pragma once

#include <fmt/core.h>

#include <string_view>

namespace reigen {

enum class LogLevel : unsigned char { kDebug, kInfo, kWarning, kError, kOff };

void set_log_level(LogLevel level);
LogLevel log_level();
void write_log(LogLevel level, std::string_view area, std::string_view message);

}  // namespace reigen

#define LOG(level, area, ...)                                                                                                                 \
  do {                                                                                                                                        \
    if (::reigen::LogLevel::level >= ::reigen::log_level()) ::reigen::write_log(::reigen::LogLevel::level, area, ::fmt::format(__VA_ARGS__)); \
  } while (false)
