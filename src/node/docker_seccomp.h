// Docker's seccomp profiles (--security-opt seccomp=FILE) as OCI's linux.seccomp. Foreign text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/spec.h"

namespace reigen::node {

// Rules that depend on capabilities, architecture or kernel are decided for a container with `security` on this machine.
// kInvalidArgument: "Decoding seccomp profile failed: …".
Result<std::string> convert_seccomp(std::string_view profile, const runtime::Security& security);

// The same for what a machine is said to be: tests.
struct SeccompMachine {
  std::string architecture;  // Go's name: amd64, arm64
  int kernel_major = 0, kernel_minor = 0;
  std::vector<std::string> capabilities;  // "CAP_…"
};
Result<std::string> convert_seccomp(std::string_view profile, const SeccompMachine& machine);

}  // namespace reigen::node
