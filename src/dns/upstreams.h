// Which name servers the host uses.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace reigen::dns {

// The addresses of `nameserver` lines, at most 3, in order.
std::vector<IpAddress> parse_nameservers(std::string_view resolv_conf);

// From /etc/resolv.conf; where that names systemd-resolved's stub (127.0.0.53 or .54), from /run/systemd/resolve/resolv.conf. Never
// one of `own`. The folder `root` stands before both paths.
std::vector<IpAddress> host_nameservers(const std::string& root, const std::vector<IpAddress>& own);

}  // namespace reigen::dns
