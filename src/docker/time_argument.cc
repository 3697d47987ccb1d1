#include "docker/time_argument.h"

#include <fmt/core.h>
#include <time.h>

#include <charconv>
#include <cmath>

#include "base/far_times.h"
#include "docker/error_answer.h"

namespace reigen::docker {

namespace {

Fail malformed(std::string_view text) { return fail(unreadable(fmt::format("failed to parse value as time or duration: \"{}\"", text))); }

// Exactly `width` digits (or, with 0, one and more).
std::optional<int64_t> take_digits(std::string_view& text, size_t width = 0) {
  size_t n = 0;
  int64_t value = 0;
  while (n < text.size() && text[n] >= '0' && text[n] <= '9' && (width == 0 ? n < 12 : n < width)) value = value * 10 + (text[n++] - '0');
  if (n == 0 || (width != 0 && n != width)) return std::nullopt;
  text.remove_prefix(n);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

// The digits behind a point as nanoseconds; more than nine are cut.
std::optional<int64_t> take_fraction(std::string_view& text) {
  size_t n = 0;
  int64_t value = 0;
  for (; n < text.size() && text[n] >= '0' && text[n] <= '9'; ++n) {
    if (n < 9) value = value * 10 + (text[n] - '0');
  }
  if (n == 0) return std::nullopt;
  for (size_t i = n; i < 9; ++i) value *= 10;
  text.remove_prefix(n);
  return value;
}

std::optional<WallTime> parse_calendar(std::string_view text) {
  tm parts{};
  auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  auto month = take_digits(text, 2);
  if (!month || *month < 1 || *month > 12 || !take(text, '-')) return std::nullopt;
  auto day = take_digits(text, 2);
  if (!day || *day < 1 || *day > 31) return std::nullopt;
  int64_t clock[3] = {0, 0, 0};
  int64_t fraction = 0;
  if (take(text, 'T')) {
    for (int i = 0; i < 3; ++i) {
      if (i > 0 && !take(text, ':')) break;
      auto value = take_digits(text, 2);
      if (!value || *value > (i == 0 ? 23 : 60)) return std::nullopt;
      clock[i] = *value;
    }
    if (take(text, '.')) {
      auto digits = take_fraction(text);
      if (!digits) return std::nullopt;
      fraction = *digits;
    }
  }
  int64_t zone = 0;
  if (!text.empty() && !take(text, 'Z')) {
    bool minus = text[0] == '-';
    if (!minus && text[0] != '+') return std::nullopt;
    text.remove_prefix(1);
    auto hours = take_digits(text, 2);
    if (!hours || !take(text, ':')) return std::nullopt;
    auto minutes = take_digits(text, 2);
    if (!minutes) return std::nullopt;
    zone = (*hours * 3600 + *minutes * 60) * (minus ? -1 : 1);
  }
  if (!text.empty()) return std::nullopt;
  parts.tm_year = static_cast<int>(*year - 1900);
  parts.tm_mon = static_cast<int>(*month - 1);
  parts.tm_mday = static_cast<int>(*day);
  parts.tm_hour = static_cast<int>(clock[0]);
  parts.tm_min = static_cast<int>(clock[1]);
  parts.tm_sec = static_cast<int>(clock[2]);
  return wall_at(timegm(&parts) - zone, fraction);
}

}  // namespace

Result<std::optional<WallTime>> parse_seconds(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::string_view rest = text;
  bool minus = take(rest, '-');
  auto seconds = take_digits(rest);
  if (!seconds) return malformed(text);
  int64_t fraction = 0;
  if (take(rest, '.') && !rest.empty()) {
    auto digits = take_fraction(rest);
    if (!digits) return malformed(text);
    fraction = *digits;
  }
  if (!rest.empty()) return malformed(text);
  return minus ? wall_at(-*seconds, -fraction) : wall_at(*seconds, fraction);
}

std::optional<Duration> parse_duration(std::string_view text) {
  double sign = take(text, '-') ? -1 : 1;
  if (sign > 0) take(text, '+');
  if (text == "0") return Duration::zero();
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    size_t n = text.find_first_not_of("0123456789.");
    double value = 0;
    if (n == 0 || n == std::string_view::npos) return std::nullopt;
    auto [end, error] = std::from_chars(text.data(), text.data() + n, value, std::chars_format::fixed);
    if (error != std::errc() || end != text.data() + n) return std::nullopt;
    text.remove_prefix(n);
    std::string_view unit = text.substr(0, text.find_first_of("0123456789."));
    text.remove_prefix(unit.size());
    double scale = unit == "ns"                                   ? 1
                   : unit == "us" || unit == "µs" || unit == "μs" ? 1e3
                   : unit == "ms"                                 ? 1e6
                   : unit == "s"                                  ? 1e9
                   : unit == "m"                                  ? 60e9
                   : unit == "h"                                  ? 3600e9
                                                                  : 0;
    if (scale == 0) return std::nullopt;
    total += value * scale;
  }
  if (total > 9e18) return std::nullopt;
  return Duration(static_cast<int64_t>(std::llround(sign * total)));
}

Result<WallTime> parse_moment(std::string_view text, WallTime now) {
  if (auto ago = parse_duration(text); ago && text != "0") return now - within_reach(*ago);
  if (auto seconds = parse_seconds(text); seconds && *seconds) return **seconds;
  if (auto time = parse_calendar(text)) return *time;
  return malformed(text);
}

}  // namespace reigen::docker
