// What POST /containers/create refuses, and what it only warns of. Words of the daemon, all 400. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "docker/create_request.h"

namespace reigen::docker {

// Everything that needs no look at other objects. Adds to `warnings`; what the kernel has not is discarded from `host` with a warning, as Docker does.
Status check_create(CreateRequest& request, const HostFacts& facts);
// The part that `update` shares: limits against the host and each other.
Status check_resources(api::Value& host, const HostFacts& facts, bool update, std::vector<std::string>& warnings);
Status check_restart_policy(const api::dockerv1::RestartPolicy& policy);
// The number of "SIGTERM", "term", "15"; nothing where it is none.
std::optional<int> parse_signal(std::string_view text);

}  // namespace reigen::docker
