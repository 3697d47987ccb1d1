#include <cstdint>

#include "base/check.h"
#include "compose/log_view.h"
#include "compose/short_forms.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace reigen::compose;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  // What is printed is read back as the same.
  if (auto duration = parse_duration(text)) CHECK(parse_duration(format_duration(*duration)).has_value());
  (void)parse_bytes(text);
  (void)parse_port(text);
  (void)parse_volume(text);
  (void)parse_device(text);
  (void)split_words(text);
  (void)log_time(std::string(text));
  return 0;
}
