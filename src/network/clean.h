// Removing every trace of an instance's network from the host.
#pragma once

#include <string>

#include "base/result.h"

namespace reigen::network {

// Removes the instance's links, nft tables, marked rules in the host's firewall, cluster DNS address and its name server's
// process; and every pinned namespace under `run_directory` (empty: none). Works without any state: all is found by name. Carries on after
// an error and returns the first.
Status remove_network(const std::string& instance, const std::string& run_directory);

}  // namespace reigen::network
