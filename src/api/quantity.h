// Quantity: an amount of a resource ("250m", "1Gi"), after k8s.io/apimachinery/pkg/api/resource.
//
// Kept exactly, in billionths: binary amounts are capped at 2^63-1 (decimal ones at 10^29), finer fractions round away from zero. Text is
// the canonical form ("1000m" reads as "1", "1024Ki" as "1Mi"), as a Kubernetes server stores and returns it; like there, a decimal
// fraction of three, six or nine digits without leading zero stays as it was written ("1.500").
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace reigen::api {

class Quantity {
 public:
  // How it is written: 1500M, 1.5e9, 1431Mi.
  enum class Format : unsigned char { kDecimalSi, kDecimalExponent, kBinarySi };

  Quantity() = default;
  static Quantity from_int(int64_t value, Format format = Format::kDecimalSi);
  static Quantity from_milli(int64_t milli, Format format = Format::kDecimalSi);
  static Quantity from_nano(__int128 nano, Format format = Format::kDecimalSi);
  // kInvalidArgument with the text of Kubernetes ("quantities must match the regular expression ...").
  static Result<Quantity> parse(std::string_view text);
  // For constants of ours: CHECKs that the text is one.
  static Quantity of(std::string_view text);

  std::string to_string() const;
  Format format() const { return format_; }
  bool is_zero() const { return nano_() == 0; }
  bool is_negative() const { return nano_() < 0; }
  // Rounded away from zero, capped to int64, as Go's Value() and MilliValue().
  int64_t value() const;
  int64_t milli_value() const;
  __int128 nano_value() const { return nano_(); }
  double as_double() const;

  // The format of the left side is kept, unless it is zero.
  Quantity& operator+=(const Quantity& other);
  Quantity& operator-=(const Quantity& other);
  friend Quantity operator+(Quantity a, const Quantity& b) { return a += b; }
  friend Quantity operator-(Quantity a, const Quantity& b) { return a -= b; }
  Quantity operator-() const { return from_nano(-nano_(), format_); }
  // By amount; the format does not matter.
  friend bool operator==(const Quantity& a, const Quantity& b) { return a.nano_() == b.nano_(); }
  friend std::strong_ordering operator<=>(const Quantity& a, const Quantity& b) { return a.nano_() <=> b.nano_(); }

 private:
  // Two halves, so that the type needs no alignment of 16.
  __int128 nano_() const { return static_cast<__int128>((static_cast<unsigned __int128>(static_cast<uint64_t>(high_)) << 64) | low_); }
  std::string as_written() const;
  void set(__int128 nano) {
    fraction_digits_ = 0;
    low_ = static_cast<uint64_t>(nano);
    high_ = static_cast<int64_t>(nano >> 64);
  }
  uint64_t low_ = 0;
  int64_t high_ = 0;
  Format format_ = Format::kDecimalSi;
  // Text kept as written: digits after the point (0: canonical) and the power of ten of the suffix.
  uint8_t fraction_digits_ = 0;
  int8_t exponent_ = 0;
};

}  // namespace reigen::api
