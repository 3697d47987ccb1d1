#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "api/managed_fields/field_set.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace reigen::api;
  auto set = FieldSet::parse({reinterpret_cast<const char*>(data), size});
  if (!set) return 0;
  auto again = FieldSet::parse(set->to_json());
  if (!again || !(*again == *set)) std::abort();
  return 0;
}
