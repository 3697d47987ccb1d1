// Subnets for networks that were created without one. Pure.
#pragma once

#include <vector>

#include "api/dockerv1.h"
#include "base/ip.h"
#include "base/random.h"
#include "base/result.h"

namespace reigen::docker {

// 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 and on: the first that overlaps nothing used. kInvalidArgument in Docker's words when all are.
Result<api::dockerv1::AddressPool> free_v4_pool(const std::vector<IpNetwork>& used);
// A unique local /64.
api::dockerv1::AddressPool random_v6_pool(Random& random);

}  // namespace reigen::docker
