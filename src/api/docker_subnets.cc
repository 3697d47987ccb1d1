#include "api/docker_subnets.h"

#include <algorithm>

namespace reigen::api {
namespace {

constexpr uint32_t kFirst = 0xAC110000, kLast = 0xAC1F0000;      // 172.17.0.0, 172.31.0.0
constexpr uint32_t kSmall = 0xC0A80000, kSmallEnd = 0xC0A90000;  // 192.168.0.0/16

}  // namespace

std::optional<IpNetwork> next_docker_subnet(std::span<const IpNetwork> taken) {
  auto is_free = [&](const IpNetwork& subnet) { return std::ranges::none_of(taken, [&](const IpNetwork& other) { return other.overlaps(subnet); }); };
  for (uint32_t address = kFirst; address <= kLast; address += 1U << 16)
    if (IpNetwork subnet{IpAddress::v4(address), 16}; is_free(subnet)) return subnet;
  for (uint32_t address = kSmall; address < kSmallEnd; address += 1U << 12)
    if (IpNetwork subnet{IpAddress::v4(address), 20}; is_free(subnet)) return subnet;
  return std::nullopt;
}

bool is_edge(const IpNetwork& subnet, const IpAddress& address) {
  return address == subnet.address || (address.is_v4() && address == subnet.address.plus(subnet.size() - 1));
}

std::optional<IpAddress> pool_gateway(const IpNetwork& subnet, std::string_view given, std::string_view range) {
  if (!given.empty()) return IpAddress::parse(given.substr(0, given.find('/')));
  IpNetwork from = range.empty() ? subnet : IpNetwork::parse(range).value_or(subnet);
  for (uint64_t i = 0; i < std::min<uint64_t>(from.size(), 2); i++)
    if (IpAddress address = from.address.plus(i); !is_edge(subnet, address)) return address;
  return std::nullopt;
}

}  // namespace reigen::api
