#include "api/scalars.h"

#include <fmt/core.h>

#include <charconv>
#include <chrono>

#include "api/go_quote.h"

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
  return {static_cast<int>(date.year()),
          static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()),
          static_cast<unsigned>(clock.hours().count()),
          static_cast<unsigned>(clock.minutes().count()),
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

// Reads a layout of Go's time package step by step, remembering at which element it failed.
class TimeReader {
 public:
  explicit TimeReader(std::string_view text) : all_(text), rest_(text) {}

  Result<Instant> read(bool micros) {
    unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
    int64_t nanos = 0;
    int offset = 0;
    layout_ = micros ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00";
    bool ok = digits(4, year, "2006") && sign('-', "-") && digits(2, month, "01");
    if (ok && (month == 0 || month > 12)) return range("month");
    ok = ok && sign('-', "-") && digits(2, day, "02") && sign('T', "T") && digits(2, hour, "15");
    if (ok && hour >= 24) return range("hour");
    ok = ok && sign(':', ":") && digits(2, minute, "04");
    if (ok && minute >= 60) return range("minute");
    ok = ok && sign(':', ":") && digits(2, second, "05");
    if (ok && second >= 60) return range("second");
    ok = ok && (micros ? six_digits(nanos) : any_fraction(nanos)) && zone(offset);
    if (!ok)
      return fail(Code::kInvalidArgument,
                  fmt::format("parsing time {} as {}: cannot parse {} as {}", go_quote(all_), go_quote(layout_), go_quote(rest_), go_quote(failed_)));
    if (!rest_.empty()) return fail(Code::kInvalidArgument, fmt::format("parsing time {}: extra text: {}", go_quote(all_), go_quote(rest_)));
    std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)), std::chrono::month(month), std::chrono::day(day)};
    if (!date.ok()) return range("day");
    int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    int64_t seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset;
    if (seconds < Time::kEarliest || seconds > Time::kLatest)
      return fail(Code::kInvalidArgument, fmt::format("Time {}: year outside of range [0,9999]", go_quote(all_)));
    return Instant{seconds, nanos};
  }

 private:
  Fail range(std::string_view what) const { return fail(Code::kInvalidArgument, fmt::format("parsing time {}: {} out of range", go_quote(all_), what)); }
  bool failed(std::string_view element) {
    failed_ = element;
    return false;
  }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  bool digits(size_t width, unsigned& value, std::string_view element) {
    if (rest_.size() < width) return failed(element);
    for (size_t i = 0; i < width; i++) {
      if (!is_digit(rest_[i])) return failed(element);
      value = value * 10 + static_cast<unsigned>(rest_[i] - '0');
    }
    rest_.remove_prefix(width);
    return true;
  }
  bool sign(char c, std::string_view element) {
    if (!rest_.starts_with(c)) return failed(element);
    rest_.remove_prefix(1);
    return true;
  }
  bool any_fraction(int64_t& nanos) {
    if (rest_.size() < 2 || (rest_[0] != '.' && rest_[0] != ',') || !is_digit(rest_[1])) return true;
    rest_.remove_prefix(1);
    for (int64_t unit = 100'000'000; !rest_.empty() && is_digit(rest_[0]); unit /= 10, rest_.remove_prefix(1)) nanos += (rest_[0] - '0') * unit;
    return true;
  }
  bool six_digits(int64_t& nanos) {
    if (rest_.size() < 7 || rest_[0] != '.') return failed(".000000");
    for (size_t i = 1; i <= 6; i++) {
      if (!is_digit(rest_[i])) return failed(".000000");
      nanos = nanos * 10 + (rest_[i] - '0');
    }
    nanos *= 1000;
    rest_.remove_prefix(7);
    return true;
  }
  bool zone(int& offset_seconds) {
    if (rest_.starts_with('Z')) {
      rest_.remove_prefix(1);
      return true;
    }
    std::string_view z = rest_;
    if (z.size() < 6 || (z[0] != '+' && z[0] != '-') || z[3] != ':') return failed("Z07:00");
    for (size_t i : {1u, 2u, 4u, 5u})
      if (!is_digit(z[i])) return failed("Z07:00");
    int hours = (z[1] - '0') * 10 + z[2] - '0', minutes = (z[4] - '0') * 10 + z[5] - '0';
    if (hours > 24 || minutes >= 60) return failed("Z07:00");
    offset_seconds = (z[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    rest_.remove_prefix(6);
    return true;
  }

  std::string_view all_, rest_, layout_, failed_;
};

}  // namespace

std::string Time::to_string() const {
  if (is_zero()) return {};
  char buffer[24];
  char* end = put_seconds(buffer, seconds);
  *end++ = 'Z';
  return std::string(buffer, end);
}

Result<Time> Time::parse(std::string_view text) {
  TRY_ASSIGN(Instant instant, TimeReader(text).read(false));
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
  TRY_ASSIGN(Instant instant, TimeReader(text).read(true));
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
constexpr Unit kUnits[] = {{"ns", 1},         {"us", 1000},         {"\u00b5s", 1000},     {"\u03bcs", 1000},
                           {"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000}};

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
  if (digits.empty() || digits.back() != '%') return fail(Code::kInvalidArgument, "invalid value for IntOrString: invalid type: string is not a percentage");
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
