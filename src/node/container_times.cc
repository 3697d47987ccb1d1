#include "node/container_times.h"

#include <fmt/core.h>
#include <time.h>

#include <charconv>

#include "base/far_times.h"

namespace reigen::node {

std::string docker_time(WallTime time) {
  if (time == WallTime()) return "";
  int64_t nanos = time.time_since_epoch().count();
  time_t seconds = nanos / 1'000'000'000;
  nanos %= 1'000'000'000;
  if (nanos < 0) {
    nanos += 1'000'000'000;
    --seconds;
  }
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::string out =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  if (nanos > 0) {
    out += fmt::format(".{:09}", nanos);
    while (out.back() == '0') out.pop_back();
  }
  return out + "Z";
}

std::optional<WallTime> parse_docker_time(std::string_view text) {
  auto number = [&](size_t at, size_t count) -> std::optional<int> {
    int value = 0;
    if (at + count > text.size()) return std::nullopt;
    auto [end, error] = std::from_chars(text.data() + at, text.data() + at + count, value);
    if (error != std::errc() || end != text.data() + at + count) return std::nullopt;
    return value;
  };
  auto year = number(0, 4), month = number(5, 2), day = number(8, 2), hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (!year || !month || !day || !hour || !minute || !second || !text.ends_with("Z")) return std::nullopt;
  tm parts{};
  parts.tm_year = *year - 1900;
  parts.tm_mon = *month - 1;
  parts.tm_mday = *day;
  parts.tm_hour = *hour;
  parts.tm_min = *minute;
  parts.tm_sec = *second;
  int64_t nanos = 0;
  if (text.size() > 20 && text[19] == '.') {
    int64_t unit = 100'000'000;
    for (char digit : text.substr(20, text.size() - 21)) {
      if (digit < '0' || digit > '9') return std::nullopt;
      nanos += (digit - '0') * unit;
      unit /= 10;
    }
  } else if (text.size() != 20) {
    return std::nullopt;
  }
  return wall_at(::timegm(&parts), nanos);
}

}  // namespace reigen::node
