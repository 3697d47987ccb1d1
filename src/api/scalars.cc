#include "api/scalars.h"

#include <fmt/core.h>

#include <charconv>
#include <chrono>

namespace reigen::api {
namespace {

struct Calendar {
  int year;
  unsigned month, day, hour, minute, second;
};

Calendar calendar_of(int64_t seconds) {
  using namespace std::chrono;
  sys_seconds time{std::chrono::seconds(seconds)};
  auto day = floor<days>(time);
  year_month_day date{day};
  hh_mm_ss clock{time - day};
  return {static_cast<int>(date.year()), static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
          static_cast<unsigned>(clock.hours().count()), static_cast<unsigned>(clock.minutes().count()),
          static_cast<unsigned>(clock.seconds().count())};
}

char* put(char* out, unsigned value, int width) {
  for (int i = width - 1; i >= 0; i--, value /= 10) out[i] = static_cast<char>('0' + value % 10);
  return out + width;
}

char* put_seconds(char* out, int64_t seconds) {
  Calendar c = calendar_of(seconds);
  out = put(out, static_cast<unsigned>(c.year), 4);
  *out++ = '-', out = put(out, c.month, 2);
  *out++ = '-', out = put(out, c.day, 2);
  *out++ = 'T', out = put(out, c.hour, 2);
  *out++ = ':', out = put(out, c.minute, 2);
  *out++ = ':';
  return put(out, c.second, 2);
}

struct Instant {
  int64_t seconds;
  int64_t nanos;
};

// Reads a fixed number of digits; false where something else stands there.
bool take(std::string_view& text, size_t width, unsigned& value) {
  if (text.size() < width) return false;
  value = 0;
  for (size_t i = 0; i < width; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + static_cast<unsigned>(text[i] - '0');
  }
  text.remove_prefix(width);
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

bool take_zone(std::string_view& text, int& offset_seconds) {
  offset_seconds = 0;
  if (take(text, 'Z')) return true;
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return false;
  int sign = text[0] == '-' ? -1 : 1;
  text.remove_prefix(1);
  unsigned hours = 0, minutes = 0;
  if (!take(text, 2, hours) || !take(text, ':') || !take(text, 2, minutes) || hours > 24 || minutes >= 60) return false;
  offset_seconds = sign * static_cast<int>(hours * 3600 + minutes * 60);
  return true;
}

bool take_clock(std::string_view& text, unsigned& hour, unsigned& minute, unsigned& second, int64_t& nanos) {
  if (!take(text, 2, hour) || !take(text, ':') || !take(text, 2, minute) || !take(text, ':') || !take(text, 2, second)) return false;
  nanos = 0;
  if (text.empty() || (text[0] != '.' && text[0] != ',')) return true;
  text.remove_prefix(1);
  int64_t unit = 100'000'000;
  size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; digits++, unit /= 10) nanos += (text[digits] - '0') * unit;
  text.remove_prefix(digits);
  return digits > 0;
}

Result<Instant> parse_rfc3339(std::string_view text) {
  std::string_view rest = text;
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  int64_t nanos = 0;
  int offset = 0;
  bool ok = take(rest, 4, year) && take(rest, '-') && take(rest, 2, month) && take(rest, '-') && take(rest, 2, day) && take(rest, 'T') &&
            take_clock(rest, hour, minute, second, nanos) && take_zone(rest, offset) && rest.empty();
  if (!ok) return fail(Code::kInvalidArgument, fmt::format("parsing time \"{}\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"{}\"", text, rest.empty() ? text : rest));
  std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)), std::chrono::month(month), std::chrono::day(day)};
  if (month == 0 || month > 12) return fail(Code::kInvalidArgument, fmt::format("parsing time \"{}\": month out of range", text));
  if (!date.ok()) return fail(Code::kInvalidArgument, fmt::format("parsing time \"{}\": day out of range", text));
  if (hour >= 24) return fail(Code::kInvalidArgument, fmt::format("parsing time \"{}\": hour out of range", text));
  if (minute >= 60) return fail(Code::kInvalidArgument, fmt::format("parsing time \"{}\": minute out of range", text));
  if (second >= 60) return fail(Code::kInvalidArgument, fmt::format("parsing time \"{}\": second out of range", text));
  int64_t days = std::chrono::sys_days(date).time_since_epoch().count();

  return Instant{days * 86400 + hour * 3600 + minute * 60 + second - offset, nanos};
}

}  // namespace

std::string Time::to_string() const {
  if (is_zero()) return {};
  char buffer[24];
  char* end = put_seconds(buffer, seconds);
  *end++ = 'Z';
  return std::string(buffer, end);
}

Result<Time> Time::parse(std::string_view text) {
  TRY_ASSIGN(Instant instant, parse_rfc3339(text));
  return Time(instant.seconds);
}

std::string MicroTime::to_string() const {
  if (is_zero()) return {};
  char buffer[32];
  int64_t seconds = micros / 1'000'000, fraction = micros % 1'000'000;
  if (fraction < 0) fraction += 1'000'000, seconds--;
  char* end = put_seconds(buffer, seconds);
  *end++ = '.';
  end = put(end, static_cast<unsigned>(fraction), 6);
  *end++ = 'Z';
  return std::string(buffer, end);
}

Result<MicroTime> MicroTime::parse(std::string_view text) {
  TRY_ASSIGN(Instant instant, parse_rfc3339(text));
  return MicroTime(instant.seconds * 1'000'000 + instant.nanos / 1000);
}

namespace {

// "1.5" of a unit with nine decimals cut as Go prints it: no trailing zeros.
void append_fraction(std::string& out, uint64_t value, uint64_t unit) {
  out += std::to_string(value / unit);
  uint64_t rest = value % unit;
  if (rest == 0) return;
  out += '.';
  for (uint64_t digit = unit / 10; rest != 0; digit /= 10) {
    out += static_cast<char>('0' + rest / digit);
    rest %= digit;
  }
}

struct Unit {
  std::string_view name;
  uint64_t nanos;
};
constexpr Unit kUnits[] = {{"ns", 1}, {"us", 1000}, {"\u00b5s", 1000}, {"\u03bcs", 1000}, {"ms", 1'000'000},
                           {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000}};

}  // namespace

std::string Duration::to_string() const {
  if (nanos == 0) return "0s";
  std::string out = nanos < 0 ? "-" : "";
  uint64_t value = nanos < 0 ? 0 - static_cast<uint64_t>(nanos) : static_cast<uint64_t>(nanos);
  if (value < 1'000'000'000) {
    const Unit& unit = value < 1000 ? kUnits[0] : value < 1'000'000 ? kUnits[2] : kUnits[4];
    append_fraction(out, value, unit.nanos);
    return out.append(unit.name);
  }
  uint64_t minutes = value / 60'000'000'000;
  if (minutes >= 60) out += std::to_string(minutes / 60) + "h";
  if (minutes > 0) out += std::to_string(minutes % 60) + "m";
  append_fraction(out, value % 60'000'000'000, 1'000'000'000);
  return out + "s";
}

Result<Duration> Duration::parse(std::string_view text) {
  auto wrong = [&](std::string_view what) { return fail(Code::kInvalidArgument, fmt::format("time: {} \"{}\"", what, text)); };
  std::string_view rest = text;
  bool negative = !rest.empty() && rest[0] == '-';
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) rest.remove_prefix(1);
  if (rest == "0") return Duration();
  if (rest.empty()) return wrong("invalid duration");
  __int128 total = 0;
  while (!rest.empty()) {
    unsigned __int128 whole = 0, fraction = 0, scale = 1;
    size_t i = 0, digits = 0;
    for (; i < rest.size() && rest[i] >= '0' && rest[i] <= '9'; i++, digits++)
      if ((whole = whole * 10 + static_cast<unsigned>(rest[i] - '0')) > INT64_MAX) return wrong("invalid duration");
    if (i < rest.size() && rest[i] == '.') {
      for (i++; i < rest.size() && rest[i] >= '0' && rest[i] <= '9'; i++, digits++) {
        if (scale >= 1'000'000'000'000'000) continue;
        fraction = fraction * 10 + static_cast<unsigned>(rest[i] - '0');
        scale *= 10;
      }
    }
    if (digits == 0) return wrong("invalid duration");
    size_t end = i;
    while (end < rest.size() && rest[end] != '.' && (rest[end] < '0' || rest[end] > '9')) end++;
    std::string_view name = rest.substr(i, end - i);
    if (name.empty()) return wrong("missing unit in duration");
    const Unit* unit = nullptr;
    for (const Unit& known : kUnits)
      if (known.name == name) unit = &known;
    if (!unit) return fail(Code::kInvalidArgument, fmt::format("time: unknown unit \"{}\" in duration \"{}\"", name, text));
    total += static_cast<__int128>(whole * unit->nanos + fraction * unit->nanos / scale);
    if (total > INT64_MAX) return wrong("invalid duration");
    rest.remove_prefix(end);
  }
  Duration duration;
  duration.nanos = static_cast<int64_t>(negative ? -total : total);
  return duration;
}

IntOrString IntOrString::parse(std::string_view value) {
  int32_t number = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error == std::errc() && end == value.data() + value.size()) return IntOrString(number);
  return IntOrString(std::string(value));
}

Result<int64_t> IntOrString::scaled(int64_t total, bool round_up) const {
  if (!is_string) return number;
  std::string_view digits = text;
  if (digits.empty() || digits.back() != '%')
    return fail(Code::kInvalidArgument, "invalid value for IntOrString: invalid type: string is not a percentage");
  digits.remove_suffix(1);
  int32_t percent = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), percent);
  if (error != std::errc() || end != digits.data() + digits.size())
    return fail(Code::kInvalidArgument, fmt::format("invalid value for IntOrString: invalid value \"{}\"", text));
  int64_t product = static_cast<int64_t>(percent) * total;
  int64_t quotient = product / 100;
  if (product % 100 != 0 && round_up == (product > 0)) quotient += round_up ? 1 : -1;
  return quotient;
}

}  // namespace reigen::api
