// The seccomp profile behind RuntimeDefault: Docker's (moby/profiles, seccomp/default.json, as of 2025), kept as a table and
// written as OCI linux.seccomp for a container's capabilities.
#pragma once

#include <string>
#include <vector>

namespace reigen::runtime {

// `capabilities`: those the container gets, as "CAP_…"; some open more system calls.
std::string default_seccomp_json(const std::vector<std::string>& capabilities);

}  // namespace reigen::runtime
