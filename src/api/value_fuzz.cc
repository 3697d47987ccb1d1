#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "api/value.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace reigen::api;
  JsonNotes notes;
  auto value = parse_json({reinterpret_cast<const char*>(data), size}, {}, &notes);
  if (!value) return 0;
  auto again = parse_json(to_json(*value));
  if (!again) std::abort();
  // From the second time on: -0e1 is written -0, which is the integer 0, as in Go.
  auto text = to_json(*again);
  auto third = parse_json(text);
  if (!third || to_json(*third) != text) std::abort();
  return 0;
}
