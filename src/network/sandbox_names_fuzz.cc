#include <cstdint>
#include <cstdlib>

#include "network/sandbox_names.h"

using namespace reigen::network;

// What is read is what is written, and is read again as the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto sandboxes = parse_sandbox_names({reinterpret_cast<const char*>(data), size});
  if (parse_sandbox_names(format_sandbox_names(sandboxes)) != sandboxes) abort();
  return 0;
}
