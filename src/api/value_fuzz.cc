#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "api/value.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace reigen::api;
  JsonNotes notes;
  auto value = parse_json({reinterpret_cast<const char*>(data), size}, {}, &notes);
  if (!value) return 0;
  auto text = to_json(*value);
  auto again = parse_json(text);
  if (!again || to_json(*again) != text) std::abort();
  return 0;
}
