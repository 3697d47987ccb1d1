// The subnets Docker gives to networks that name none.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/ip.h"

namespace reigen::api {

// 172.17.0.0/16 to 172.31.0.0/16, then the sixteen /20 of 192.168.0.0/16: the first that overlaps none of `taken` (other networks, the
// cluster's ranges, routes and addresses of the host). Nothing: Docker says `all predefined address pools have been fully subnetted`.
std::optional<IpNetwork> next_docker_subnet(std::span<const IpNetwork> taken);

// The subnet's own address and, of IPv4, its last: nobody gets them. Networks of one or two addresses have both too, as in Docker.
bool is_edge(const IpNetwork& subnet, const IpAddress& address);

// The gateway of a pool: the one given, else the first address of its range, or of the subnet where it has no range. Nothing: there is none left.
std::optional<IpAddress> pool_gateway(const IpNetwork& subnet, std::string_view given, std::string_view range);

}  // namespace reigen::api
