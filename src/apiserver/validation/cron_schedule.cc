#include "apiserver/validation/cron_schedule.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <vector>

#include <fmt/core.h>

#include "api/go_quote.h"
#include "api/scalars.h"
#include "base/files.h"

namespace reigen::apiserver {
namespace {

struct Bounds {
  unsigned min, max;
  std::span<const std::string_view> names;  // of min, min + 1, ...
};

constexpr std::string_view kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::string_view kDays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr Bounds kFields[] = {{0, 59, {}}, {0, 23, {}}, {1, 31, {}}, {1, 12, kMonths}, {0, 6, kDays}};

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  while (true) {
    size_t end = text.find(by);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string_view> words(std::string_view text) {
  constexpr std::string_view space = " \t\n\v\f\r";
  std::vector<std::string_view> out;
  while (true) {
    size_t begin = text.find_first_not_of(space);
    if (begin == std::string_view::npos) return out;
    text.remove_prefix(begin);
    size_t end = std::min(text.find_first_of(space), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

// A number, or the error.
struct Number {
  unsigned value = 0;
  std::string error;
};

Number parse_number(std::string_view text) {
  int64_t value = 0;
  std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  bool whole = !digits.empty() && end == digits.data() + digits.size() && !(text.starts_with('+') && digits.starts_with('-'));
  if (whole && error == std::errc::result_out_of_range)
    return {0, fmt::format("failed to parse int from {}: strconv.Atoi: parsing {}: value out of range", text, api::go_quote(text))};
  if (!whole || error != std::errc())
    return {0, fmt::format("failed to parse int from {}: strconv.Atoi: parsing {}: invalid syntax", text, api::go_quote(text))};
  if (value < 0) return {0, fmt::format("negative number ({}) not allowed: {}", value, text)};
  return {static_cast<unsigned>(std::min<int64_t>(value, UINT32_MAX)), {}};
}

Number parse_number_or_name(std::string_view text, const Bounds& bounds) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  auto found = std::ranges::find(bounds.names, lower);
  if (found != bounds.names.end()) return {bounds.min + static_cast<unsigned>(found - bounds.names.begin()), {}};
  return parse_number(text);
}

// low[-high][/step]
std::string check_range(std::string_view text, const Bounds& bounds) {
  auto range_and_step = split(text, '/');
  auto low_and_high = split(range_and_step[0], '-');
  unsigned start = bounds.min, end = bounds.max, step = 1;
  if (low_and_high[0] != "*" && low_and_high[0] != "?") {
    Number low = parse_number_or_name(low_and_high[0], bounds);
    if (!low.error.empty()) return low.error;
    start = end = low.value;
    if (low_and_high.size() > 2) return fmt::format("too many hyphens: {}", text);
    if (low_and_high.size() == 2) {
      Number high = parse_number_or_name(low_and_high[1], bounds);
      if (!high.error.empty()) return high.error;
      end = high.value;
    }
  }
  if (range_and_step.size() > 2) return fmt::format("too many slashes: {}", text);
  if (range_and_step.size() == 2) {
    Number number = parse_number(range_and_step[1]);
    if (!number.error.empty()) return number.error;
    step = number.value;
    if (low_and_high.size() == 1) end = bounds.max;
  }
  if (start < bounds.min) return fmt::format("beginning of range ({}) below minimum ({}): {}", start, bounds.min, text);
  if (end > bounds.max) return fmt::format("end of range ({}) above maximum ({}): {}", end, bounds.max, text);
  if (start > end) return fmt::format("beginning of range ({}) beyond end of range ({}): {}", start, end, text);
  return step == 0 ? fmt::format("step of range should be a positive number: {}", text) : std::string();
}

std::string check_descriptor(std::string_view text) {
  for (std::string_view known : {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
    if (text == known) return {};
  constexpr std::string_view every = "@every ";
  if (!text.starts_with(every)) return fmt::format("unrecognized descriptor: {}", text);
  auto duration = api::Duration::parse(text.substr(every.size()));
  return duration ? std::string() : fmt::format("failed to parse duration {}: {}", text, duration.error().message());
}

bool is_zone_part(std::string_view part) {
  if (part.empty() || part.size() > 14 || part == "." || part == ".." || part[0] == '-') return false;
  return std::ranges::all_of(part, [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '-' || c == '_' || c == '+'; });
}

}  // namespace

std::string check_schedule(std::string_view schedule) {
  if (schedule.empty()) return "empty spec string";
  if (schedule.starts_with("TZ=") || schedule.starts_with("CRON_TZ=")) {
    size_t space = schedule.find(' ');
    std::string_view zone = schedule.substr(schedule.find('=') + 1);
    if (space == std::string_view::npos) return fmt::format("provided bad location {0}: unknown time zone {0}", zone);
    zone = zone.substr(0, zone.find(' '));
    if (!zone.empty() && zone != "Local" && !is_time_zone(zone)) return fmt::format("provided bad location {0}: unknown time zone {0}", zone);
    schedule.remove_prefix(space);
    schedule.remove_prefix(std::min(schedule.find_first_not_of(" \t"), schedule.size()));
  }
  if (schedule.starts_with('@')) return check_descriptor(schedule);
  auto fields = words(schedule);
  if (fields.size() != std::size(kFields)) {
    std::string shown;
    for (std::string_view field : fields) shown += (shown.empty() ? "" : " ") + std::string(field);
    return fmt::format("expected exactly 5 fields, found {}: [{}]", fields.size(), shown);
  }
  for (size_t i = 0; i < fields.size(); ++i)
    for (std::string_view range : split(fields[i], ','))
      if (!range.empty())
        if (std::string error = check_range(range, kFields[i]); !error.empty()) return error;
  return {};
}

bool is_time_zone(std::string_view name) {
  if (name == "UTC") return true;
  for (std::string_view part : split(name, '/'))
    if (!is_zone_part(part)) return false;
  constexpr std::string_view root = "/usr/share/zoneinfo/";
  if (!path_exists(std::string(root))) return true;
  auto bytes = read_file(std::string(root) + std::string(name));
  return bytes && bytes->starts_with("TZif");
}

}  // namespace reigen::apiserver
