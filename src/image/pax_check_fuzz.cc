// Pax records of a tar in two pieces: the same is found wherever it is cut.
#include <cstdint>
#include <cstdlib>

#include "image/pax_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  size_t cut = size == 0 ? 0 : data[0] * size / 256;
  reigen::image::PaxCheck whole, pieces;
  bool good = whole.feed(bytes).has_value();
  bool also = pieces.feed(bytes.substr(0, cut)).has_value() && pieces.feed(bytes.substr(cut)).has_value();
  if (good != also) std::abort();
  return 0;
}
