// IP addresses and networks as values, of both families.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace reigen {

enum class IpFamily : unsigned char { kV4 = 4, kV6 = 6 };

class IpAddress {
 public:
  IpAddress() = default;  // 0.0.0.0

  // Dotted IPv4 without leading zeros, or IPv6 without a zone.
  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress v4(uint32_t host_order);
  static IpAddress v6(const std::array<uint8_t, 16>& bytes);
  // 0.0.0.0 or ::
  static IpAddress any(IpFamily family);

  IpFamily family() const { return family_; }
  bool is_v4() const { return family_ == IpFamily::kV4; }
  // Network order; 4 or 16 bytes.
  const uint8_t* data() const { return bytes_.data(); }
  size_t size() const { return is_v4() ? 4 : 16; }
  std::string_view bytes() const { return {reinterpret_cast<const char*>(bytes_.data()), size()}; }
  uint32_t v4_host_order() const;
  bool is_any() const;
  bool is_loopback() const;
  // The canonical text (RFC 5952 for IPv6).
  std::string str() const;
  // The address `offset` further, with carry; wraps round.
  IpAddress plus(uint64_t offset) const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  IpFamily family_ = IpFamily::kV4;
  std::array<uint8_t, 16> bytes_{};
};

struct IpNetwork {
  IpAddress address;  // host bits are zero
  int prefix = 0;

  // "10.42.0.0/16"; host bits are cleared.
  static std::optional<IpNetwork> parse(std::string_view text);
  bool contains(const IpAddress& other) const;
  bool overlaps(const IpNetwork& other) const { return contains(other.address) || other.contains(address); }
  // The number of addresses, at most 2^63.
  uint64_t size() const;
  std::string str() const;
  bool operator==(const IpNetwork&) const = default;
};

}  // namespace reigen
