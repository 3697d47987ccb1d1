// Which capabilities a container gets: Docker's default set, what is added and dropped, bounded by our own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/spec.h"

namespace reigen::runtime {

// Docker's default set (moby daemon/pkg/oci/caps), as "CAP_…".
const std::vector<std::string>& default_capabilities();

// Names in the kernel's order. kInvalidArgument names an unknown capability. Those that this process itself may not pass on
// (not in its bounding set) are left out and appended to `missing`.
Result<std::vector<std::string>> capabilities_of(const Security& security, std::vector<std::string>* missing);

// True when this process has CAP_SYS_RESOURCE: may raise hard limits and lower oom scores.
bool may_raise_limits();
// This process' own hard limit of "RLIMIT_NOFILE" (any case behind the prefix); nothing for an unknown name.
std::optional<uint64_t> highest_limit(std::string name);
int own_oom_score();

}  // namespace reigen::runtime
