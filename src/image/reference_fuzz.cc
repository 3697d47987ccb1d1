#include <cstdint>
#include <cstdlib>

#include "image/reference.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto out = reigen::image::parse_reference({reinterpret_cast<const char*>(data), size});
  if (!out) return 0;
  // What is written reads back as the same.
  auto again = reigen::image::parse_reference(out->str());
  if (!again || *again != *out) std::abort();
  auto familiar = reigen::image::parse_reference(out->familiar());
  if (!familiar || *familiar != *out) std::abort();
  return 0;
}
