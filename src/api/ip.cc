#include <arpa/inet.h>

#include <charconv>
#include <cstring>

#include <fmt/core.h>

#include "api/validation.h"

namespace reigen::api {
namespace {

// Dotted decimal, each part of any length up to 255, leading zeros ignored.
bool parse_v4(std::string_view text, uint8_t* out) {
  for (int i = 0; i < 4; ++i) {
    size_t end = i < 3 ? text.find('.') : text.size();
    if (end == std::string_view::npos || end == 0) return false;
    unsigned number = 0;
    for (char c : text.substr(0, end)) {
      if (c < '0' || c > '9') return false;
      number = number * 10 + static_cast<unsigned>(c - '0');
      if (number > 255) return false;
    }
    out[i] = static_cast<uint8_t>(number);
    text.remove_prefix(i < 3 ? end + 1 : end);
  }
  return true;
}

}  // namespace

std::optional<Ip> parse_ip(std::string_view text) {
  Ip ip;
  if (text.find(':') == std::string_view::npos) {
    if (!parse_v4(text, ip.bytes.data())) return std::nullopt;
    return ip;
  }
  std::string plain(text);
  if (size_t dot = plain.find('.'); dot != std::string::npos) {
    size_t start = plain.rfind(':') + 1;
    uint8_t v4[4];
    if (!parse_v4(std::string_view(plain).substr(start), v4)) return std::nullopt;
    plain = plain.substr(0, start) + fmt::format("{}.{}.{}.{}", v4[0], v4[1], v4[2], v4[3]);
  }
  if (plain.size() > 64 || ::inet_pton(AF_INET6, plain.c_str(), ip.bytes.data()) != 1) return std::nullopt;
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  ip.v4 = std::memcmp(ip.bytes.data(), kMapped, 12) == 0;
  if (ip.v4) {
    std::memmove(ip.bytes.data(), ip.bytes.data() + 12, 4);
    std::memset(ip.bytes.data() + 4, 0, 12);
  }
  return ip;
}

std::string Ip::to_string() const {
  if (v4) return fmt::format("{}.{}.{}.{}", bytes[0], bytes[1], bytes[2], bytes[3]);
  char buffer[INET6_ADDRSTRLEN];
  ::inet_ntop(AF_INET6, bytes.data(), buffer, sizeof(buffer));
  return buffer;
}

std::optional<Cidr> parse_cidr(std::string_view text) {
  size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto ip = parse_ip(text.substr(0, slash));
  if (!ip) return std::nullopt;
  auto digits = text.substr(slash + 1);
  Cidr cidr{*ip, 0};
  auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), cidr.prefix);
  bool written_v6 = text.substr(0, slash).find(':') != std::string_view::npos;
  if (ec != std::errc() || end != digits.data() + digits.size() || digits[0] == '-' || digits[0] == '+') return std::nullopt;
  if (cidr.prefix > (written_v6 ? 128 : 32)) return std::nullopt;
  if (written_v6 && ip->v4) cidr.prefix = cidr.prefix >= 96 ? cidr.prefix - 96 : 0;
  return cidr;
}

Ip Cidr::network() const {
  Ip out = address;
  int length = address.v4 ? 32 : 128;
  for (int bit = prefix; bit < length; ++bit) out.bytes[static_cast<size_t>(bit / 8)] &= static_cast<uint8_t>(~(0x80 >> (bit % 8)));
  return out;
}

std::string Cidr::to_string() const { return fmt::format("{}/{}", network().to_string(), prefix); }

bool Cidr::contains(const Ip& ip) const { return ip.v4 == address.v4 && Cidr{ip, prefix}.network() == network(); }

}  // namespace reigen::api
