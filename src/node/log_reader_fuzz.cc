#include "node/log_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)reigen::node::parse_log_line({reinterpret_cast<const char*>(data), size});
  return 0;
}
