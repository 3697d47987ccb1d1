#include "docker/address_pools.h"

#include <fmt/core.h>

#include <algorithm>

namespace reigen::docker {

namespace {

api::dockerv1::AddressPool pool_of(const IpNetwork& subnet) {
  api::dockerv1::AddressPool out;
  out.subnet = subnet.str();
  out.gateway = subnet.address.plus(1).str();
  return out;
}

}  // namespace

Result<api::dockerv1::AddressPool> free_v4_pool(const std::vector<IpNetwork>& used) {
  std::vector<IpNetwork> pools;
  for (uint32_t i = 17; i <= 31; ++i) pools.push_back({IpAddress::v4(172u << 24 | i << 16), 16});
  for (uint32_t i = 0; i < 256; i += 16) pools.push_back({IpAddress::v4(192u << 24 | 168u << 16 | i << 8), 20});
  for (const auto& pool : pools) {
    // A default route is no network in use.
    if (std::ranges::none_of(used, [&](const IpNetwork& each) { return each.prefix > 0 && each.overlaps(pool); })) return pool_of(pool);
  }
  return fail(Code::kInvalidArgument, "all predefined address pools have been fully subnetted");
}

api::dockerv1::AddressPool random_v6_pool(Random& random) {
  std::array<uint8_t, 16> bytes{0xfd};
  uint64_t bits = random.next();
  for (size_t i = 1; i < 6; ++i) bytes[i] = static_cast<uint8_t>(bits >> (8 * i));
  return pool_of({IpAddress::v6(bytes), 64});
}

}  // namespace reigen::docker
