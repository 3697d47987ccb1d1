#include <cstdint>

#include "compose/env_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const reigen::compose::Environment environment = {{"A", "1"}, {"B", ""}};
  std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)reigen::compose::parse_env_file(text, environment);
  (void)reigen::compose::parse_raw_env_file(text, environment);
  return 0;
}
