// What this host is called and where it is reached.
#pragma once

#include <string>
#include <vector>

namespace reigen::cli {

// In lower case, fit for a node's name.
std::string host_name();
// IPv4 addresses of links that are up, without loopback; the one of the default route first.
std::vector<std::string> host_addresses();

}  // namespace reigen::cli
