// RUN --mount's values come from anybody's Dockerfile.
#include <cstdint>
#include <string_view>

#include "build/run_mounts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto mount = reigen::build::parse_run_mount({reinterpret_cast<const char*>(data), size}, "/work");
  if (mount && (mount->target.empty() || mount->target[0] != '/')) __builtin_trap();
  return 0;
}
