// The values of the API that are no plain string, number or boolean: times, durations, int-or-string, bytes, raw JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/quantity.h"
#include "base/clock.h"
#include "base/result.h"

namespace reigen::api {

// Go's []byte: base64 in JSON. Empty and absent are the same.
struct Bytes {
  std::string data;
  Bytes() = default;
  Bytes(std::string bytes) : data(std::move(bytes)) {}
  Bytes(std::string_view bytes) : data(bytes) {}
  Bytes(const char* bytes) : data(bytes) {}
  bool empty() const { return data.empty(); }
  size_t size() const { return data.size(); }
  std::string_view view() const { return data; }
  operator std::string_view() const { return data; }
  bool operator==(const Bytes&) const = default;
};

// metav1.Time: seconds. The zero value is "no time" (JSON null), as Go's zero time.
struct Time {
  static constexpr int64_t kZero = -62135596800;      // 0001-01-01T00:00:00Z
  static constexpr int64_t kEarliest = -62167219200;  // the years 0 to 9999, which RFC 3339 can say
  static constexpr int64_t kLatest = 253402300799;
  int64_t seconds = kZero;  // since 1970
  Time() = default;
  explicit Time(int64_t unix_seconds) : seconds(unix_seconds) {}
  explicit Time(WallTime wall) : seconds(std::chrono::floor<std::chrono::seconds>(wall.time_since_epoch()).count()) {}
  bool is_zero() const { return seconds == kZero; }
  WallTime wall() const { return WallTime(std::chrono::seconds(seconds)); }
  std::string to_string() const;                     // RFC 3339 in UTC; empty for zero
  static Result<Time> parse(std::string_view text);  // RFC 3339; fractions are cut
  auto operator<=>(const Time&) const = default;
};

// metav1.MicroTime: microseconds, always written with six digits of fraction.
struct MicroTime {
  static constexpr int64_t kZero = Time::kZero * 1'000'000;
  int64_t micros = kZero;
  MicroTime() = default;
  explicit MicroTime(int64_t unix_micros) : micros(unix_micros) {}
  explicit MicroTime(WallTime wall) : micros(std::chrono::floor<std::chrono::microseconds>(wall.time_since_epoch()).count()) {}
  bool is_zero() const { return micros == kZero; }
  WallTime wall() const { return WallTime(std::chrono::microseconds(micros)); }
  std::string to_string() const;
  static Result<MicroTime> parse(std::string_view text);
  auto operator<=>(const MicroTime&) const = default;
};

// metav1.Duration: text as Go's time.Duration ("1h0m0s").
struct Duration {
  int64_t nanos = 0;
  Duration() = default;
  explicit Duration(reigen::Duration d) : nanos(d.count()) {}
  reigen::Duration value() const { return reigen::Duration(nanos); }
  std::string to_string() const;
  static Result<Duration> parse(std::string_view text);
  auto operator<=>(const Duration&) const = default;
};

// intstr.IntOrString: a number or a text ("25%", "http"). The zero value is the number 0.
struct IntOrString {
  bool is_string = false;
  int32_t number = 0;
  std::string text;
  IntOrString() = default;
  IntOrString(int32_t value) : number(value) {}
  IntOrString(std::string value) : is_string(true), text(std::move(value)) {}
  IntOrString(const char* value) : is_string(true), text(value) {}
  // The number in decimal, or the text.
  std::string to_string() const { return is_string ? text : std::to_string(number); }
  // A number where the whole text is one, as intstr.Parse.
  static IntOrString parse(std::string_view value);
  // intstr.GetScaledValueFromIntOrPercent: "25%" of total, rounded up or down. kInvalidArgument where the text is no percentage.
  Result<int64_t> scaled(int64_t total, bool round_up) const;
  bool operator==(const IntOrString&) const = default;
};

// runtime.RawExtension (and Go's `any`, apiextensions' JSON): any JSON value as its compact text. Empty: absent, null in JSON.
struct RawExtension {
  std::string raw;
  RawExtension() = default;
  explicit RawExtension(std::string json) : raw(std::move(json)) {}
  bool empty() const { return raw.empty(); }
  bool operator==(const RawExtension&) const = default;
};

// metav1.FieldsV1: JSON text.
struct FieldsV1 : RawExtension {
  using RawExtension::RawExtension;
};

// A list of strings that is a type of its own in Go (ExtraValue, Verbs) and so a message of its own in protobuf.
struct StringList : std::vector<std::string> {
  using std::vector<std::string>::vector;
};

std::string base64_encode(std::string_view bytes);
void append_base64(std::string& out, std::string_view bytes);
// Standard alphabet with padding, as encoding/base64.StdEncoding; line ends are skipped. kInvalidArgument names the offset.
Result<std::string> base64_decode(std::string_view text);
// The alphabet for URLs without padding (RFC 4648, 5), as encoding/base64.RawURLEncoding.
std::string base64url_encode(std::string_view bytes);
Result<std::string> base64url_decode(std::string_view text);

}  // namespace reigen::api
