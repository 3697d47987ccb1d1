#include <cstddef>
#include <cstdint>

#include "client/kubeconfig.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)reigen::client::parse_kubeconfig({reinterpret_cast<const char*>(data), size}, "", "/nonexistent");
  return 0;
}
