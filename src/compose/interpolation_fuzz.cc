#include <cstdint>

#include "compose/interpolation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const reigen::compose::Environment environment = {{"A", "1"}, {"B", ""}, {"_c", "$A"}};
  reigen::compose::InterpolationNotes notes;
  (void)reigen::compose::interpolate({reinterpret_cast<const char*>(data), size}, environment, &notes);
  return 0;
}
