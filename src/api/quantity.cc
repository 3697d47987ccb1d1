#include "api/quantity.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace reigen::api {
namespace {

using Wide = __int128;
using Unsigned = unsigned __int128;
constexpr Wide kNano = 1'000'000'000;
constexpr Wide kMax = static_cast<Wide>(INT64_MAX) * kNano;  // of binary amounts
constexpr Wide kMaxDecimal = static_cast<Wide>(10'000'000'000) * 10'000'000'000 * 1'000'000'000 * kNano;

constexpr std::string_view kWrongFormat = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
constexpr std::string_view kWrongSuffix = "unable to parse quantity's suffix";

struct Suffix {
  std::string_view text;
  int base;
  int exponent;
};
constexpr Suffix kSuffixes[] = {{"n", 10, -9}, {"u", 10, -6}, {"m", 10, -3}, {"", 10, 0},   {"k", 10, 3},  {"M", 10, 6},  {"G", 10, 9},  {"T", 10, 12},
                                {"P", 10, 15}, {"E", 10, 18}, {"Ki", 2, 10}, {"Mi", 2, 20}, {"Gi", 2, 30}, {"Ti", 2, 40}, {"Pi", 2, 50}, {"Ei", 2, 60}};

constexpr std::string_view kDecimal[] = {"n", "u", "m", "", "k", "M", "G", "T", "P", "E"};

struct Parts {
  bool negative = false;
  std::string_view whole, fraction, suffix;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

Result<Parts> split(std::string_view text) {
  if (text.empty()) return fail(Code::kInvalidArgument, std::string(kWrongFormat));
  Parts parts;
  size_t i = 0;
  if (text[0] == '+' || text[0] == '-') parts.negative = text[i++] == '-';
  size_t start = i;
  while (i < text.size() && is_digit(text[i])) i++;
  parts.whole = text.substr(start, i - start);
  if (i < text.size() && text[i] == '.') {
    start = ++i;
    while (i < text.size() && is_digit(text[i])) i++;
    parts.fraction = text.substr(start, i - start);
  }
  parts.suffix = text.substr(i);
  i = 0;
  while (i < parts.suffix.size() && std::string_view("eEinumkKMGTP").find(parts.suffix[i]) != std::string_view::npos) i++;
  if (i < parts.suffix.size() && (parts.suffix[i] == '-' || parts.suffix[i] == '+')) i++;
  while (i < parts.suffix.size() && is_digit(parts.suffix[i])) i++;
  if (i != parts.suffix.size()) return fail(Code::kInvalidArgument, std::string(kWrongFormat));
  return parts;
}

struct Scale {
  int base;
  int exponent;
  Quantity::Format format;
};

Result<Scale> scale_of(std::string_view suffix) {
  for (const Suffix& known : kSuffixes)
    if (known.text == suffix) return Scale{known.base, known.exponent, known.base == 2 ? Quantity::Format::kBinarySi : Quantity::Format::kDecimalSi};
  if (suffix.size() > 1 && (suffix[0] == 'e' || suffix[0] == 'E')) {
    size_t i = 1;
    bool negative = suffix[i] == '-';
    if (suffix[i] == '-' || suffix[i] == '+') i++;
    if (i == suffix.size() || suffix.size() - i > 9) return fail(Code::kInvalidArgument, std::string(kWrongSuffix));
    int exponent = 0;
    for (; i < suffix.size(); i++) {
      if (!is_digit(suffix[i])) return fail(Code::kInvalidArgument, std::string(kWrongSuffix));
      exponent = exponent * 10 + (suffix[i] - '0');
    }
    return Scale{10, negative ? -exponent : exponent, Quantity::Format::kDecimalExponent};
  }
  return fail(Code::kInvalidArgument, std::string(kWrongSuffix));
}

constexpr Unsigned kCeiling = static_cast<Unsigned>(kMaxDecimal);

// Multiplies, staying at the ceiling once it is reached.
Unsigned scaled_up(Unsigned value, unsigned factor) { return value >= kCeiling / factor ? kCeiling : value * factor; }

// digits * 10^power in billionths; a lost remainder rounds up.
Unsigned to_nano(const Parts& parts, const Scale& scale) {
  Unsigned value = 0;
  int power = (scale.base == 10 ? scale.exponent : 0) + 9;
  bool remainder = false;
  int significant = 0;
  auto take = [&](std::string_view digits, int step_if_dropped, int step_if_taken) {
    for (char c : digits) {
      if (significant >= 36) {
        remainder |= c != '0';
        power += step_if_dropped;
        continue;
      }
      value = value * 10 + static_cast<unsigned>(c - '0');
      if (value != 0) significant++;
      power += step_if_taken;
    }
  };
  take(parts.whole, 1, 0);
  take(parts.fraction, 0, -1);
  int doublings = scale.base == 2 ? scale.exponent : 0;
  if (value == 0) return remainder ? 1 : 0;
  // Divide as late as possible so that 0.5Gi stays exact.
  while (power < 0 && doublings > 0 && value < kCeiling) value *= 2, doublings--;
  while (power < 0 && value != 0) {
    remainder |= value % 10 != 0;
    value /= 10;
    power++;
  }
  for (; power > 0 && value < kCeiling; power--) value = scaled_up(value, 10);
  for (; doublings > 0 && value < kCeiling; doublings--) value = scaled_up(value, 2);
  return remainder ? value + 1 : value;
}

std::string digits_of(Unsigned value) {
  std::array<char, 40> buffer;
  size_t i = buffer.size();
  do buffer[--i] = static_cast<char>('0' + static_cast<int>(value % 10));
  while ((value /= 10) != 0);
  return std::string(buffer.data() + i, buffer.size() - i);
}

int64_t rounded_up(Wide nano, Wide unit) {
  Wide value = nano / unit;
  if (nano % unit != 0) value += nano > 0 ? 1 : -1;
  return static_cast<int64_t>(std::clamp<Wide>(value, INT64_MIN, INT64_MAX));
}

}  // namespace

Quantity Quantity::from_nano(__int128 nano, Format format) {
  Quantity q;
  q.set(nano);
  q.format_ = format;
  return q;
}

Quantity Quantity::from_int(int64_t value, Format format) { return from_nano(value * kNano, format); }
Quantity Quantity::from_milli(int64_t milli, Format format) { return from_nano(static_cast<Wide>(milli) * 1'000'000, format); }

Result<Quantity> Quantity::parse(std::string_view text) {
  if (text == "0") return Quantity();
  TRY_ASSIGN(Parts parts, split(text));
  TRY_ASSIGN(Scale scale, scale_of(parts.suffix));
  Format format = scale.format;
  auto most = static_cast<Unsigned>(format == Format::kBinarySi ? kMax : kMaxDecimal);
  Wide nano = static_cast<Wide>(std::min(to_nano(parts, scale), most));
  if (format == Format::kBinarySi && nano > 0 && nano < kNano) format = Format::kDecimalSi;
  Quantity q = from_nano(parts.negative ? -nano : nano, format);
  size_t digits = parts.fraction.size();
  bool kept = scale.base == 10 && digits > 0 && digits <= 9 && digits + parts.whole.size() <= 18 && !parts.whole.empty() && parts.whole[0] != '0' &&
              scale.exponent >= -9 && scale.exponent <= 18 && scale.exponent - static_cast<int>(digits) >= -9 &&
              (scale.exponent - static_cast<int>(digits)) % 3 == 0 && !parts.fraction.ends_with("000");
  if (kept) {
    q.fraction_digits_ = static_cast<uint8_t>(digits);
    q.exponent_ = static_cast<int8_t>(scale.exponent);
  }
  return q;
}

Quantity Quantity::of(std::string_view text) {
  auto parsed = parse(text);
  CHECK(parsed.has_value());
  return *parsed;
}

std::string Quantity::as_written() const {
  Wide nano = nano_();
  int power = exponent_ - fraction_digits_ + 9;
  for (; power > 0; power--) nano /= 10;
  std::string out = digits_of(static_cast<Unsigned>(nano < 0 ? -nano : nano));
  out.insert(out.size() - fraction_digits_, ".");
  if (nano < 0) out.insert(0, "-");
  if (exponent_ == 0) return out;
  if (format_ == Format::kDecimalExponent) return out + "e" + std::to_string(exponent_);
  return out.append(kDecimal[(exponent_ + 9) / 3]);
}

std::string Quantity::to_string() const {
  Wide nano = nano_();
  if (nano == 0) return "0";
  if (fraction_digits_ > 0) return as_written();
  bool negative = nano < 0;
  Unsigned value = negative ? static_cast<Unsigned>(-nano) : static_cast<Unsigned>(nano);
  Format format = format_;
  // Small or fractional amounts are written in decimal, so that nothing is rounded.
  if (format == Format::kBinarySi && (value < 1024 * static_cast<Unsigned>(kNano) || value % kNano != 0)) format = Format::kDecimalSi;
  std::string out = negative ? "-" : "";
  if (format == Format::kBinarySi) {
    value /= kNano;
    int power = 0;
    while (value % 1024 == 0 && power < 6) value /= 1024, power++;
    static constexpr std::string_view kBinary[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    return out.append(digits_of(value)).append(kBinary[power]);
  }
  int exponent = -9;
  while (value % 1000 == 0 && exponent < 18) value /= 1000, exponent += 3;
  out += digits_of(value);
  if (format == Format::kDecimalExponent) return exponent == 0 ? out : out + "e" + std::to_string(exponent);
  return out.append(kDecimal[(exponent + 9) / 3]);
}

int64_t Quantity::value() const { return rounded_up(nano_(), kNano); }
int64_t Quantity::milli_value() const { return rounded_up(nano_(), 1'000'000); }
double Quantity::as_double() const { return static_cast<double>(nano_()) / 1e9; }

Quantity& Quantity::operator+=(const Quantity& other) {
  if (is_zero()) format_ = other.format_;
  set(nano_() + other.nano_());
  return *this;
}

Quantity& Quantity::operator-=(const Quantity& other) {
  if (is_zero()) format_ = other.format_;
  set(nano_() - other.nano_());
  return *this;
}

}  // namespace reigen::api
