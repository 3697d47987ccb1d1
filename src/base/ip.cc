#include "base/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace reigen {

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.empty() || text.size() > 45) return std::nullopt;
  char buffer[48];
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = 0;
  if (std::memchr(buffer, 0, text.size())) return std::nullopt;
  IpAddress address;
  if (text.find(':') == std::string_view::npos) {
    if (inet_pton(AF_INET, buffer, address.bytes_.data()) != 1) return std::nullopt;
    return address;
  }
  address.family_ = IpFamily::kV6;
  if (inet_pton(AF_INET6, buffer, address.bytes_.data()) != 1) return std::nullopt;
  return address;
}

IpAddress IpAddress::v4(uint32_t host_order) {
  IpAddress address;
  for (int i = 0; i < 4; i++) address.bytes_[i] = static_cast<uint8_t>(host_order >> (24 - 8 * i));
  return address;
}

IpAddress IpAddress::v6(const std::array<uint8_t, 16>& bytes) {
  IpAddress address;
  address.family_ = IpFamily::kV6;
  address.bytes_ = bytes;
  return address;
}

IpAddress IpAddress::any(IpFamily family) {
  IpAddress address;
  address.family_ = family;
  return address;
}

uint32_t IpAddress::v4_host_order() const { return uint32_t{bytes_[0]} << 24 | uint32_t{bytes_[1]} << 16 | uint32_t{bytes_[2]} << 8 | bytes_[3]; }

bool IpAddress::is_any() const {
  return std::ranges::all_of(bytes_, [](uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[0] == 127;
  return bytes_[15] == 1 && std::all_of(bytes_.begin(), bytes_.end() - 1, [](uint8_t byte) { return byte == 0; });
}

std::string IpAddress::str() const {
  char buffer[INET6_ADDRSTRLEN];
  return inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), buffer, sizeof buffer);
}

IpAddress IpAddress::plus(uint64_t offset) const {
  IpAddress sum = *this;
  uint64_t carry = offset;
  for (size_t i = size(); i-- > 0 && carry > 0;) {
    carry += sum.bytes_[i];
    sum.bytes_[i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  return sum;
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
  auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  std::string_view digits = text.substr(slash + 1);
  int prefix = -1;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (error != std::errc{} || end != digits.data() + digits.size() || digits.starts_with('-')) return std::nullopt;
  if (prefix > static_cast<int>(address->size() * 8)) return std::nullopt;
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < address->size(); i++) {
    int bits = std::clamp(prefix - static_cast<int>(i) * 8, 0, 8);
    bytes[i] = static_cast<uint8_t>(address->data()[i] & (0xff00 >> bits));
  }
  IpNetwork network;
  network.prefix = prefix;
  network.address =
      address->is_v4() ? IpAddress::v4(uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3]) : IpAddress::v6(bytes);
  return network;
}

bool IpNetwork::contains(const IpAddress& other) const {
  if (other.family() != address.family()) return false;
  for (size_t i = 0; i < address.size(); i++) {
    int bits = std::clamp(prefix - static_cast<int>(i) * 8, 0, 8);
    if ((other.data()[i] ^ address.data()[i]) & (0xff00 >> bits) & 0xff) return false;
  }
  return true;
}

uint64_t IpNetwork::size() const {
  int host_bits = static_cast<int>(address.size() * 8) - prefix;
  return uint64_t{1} << std::min(host_bits, 63);
}

std::string IpNetwork::str() const { return address.str() + "/" + std::to_string(prefix); }

}  // namespace reigen
