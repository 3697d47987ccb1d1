#include <cstddef>
#include <cstdint>

#include "api/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace reigen::api;
  YamlNotes notes;
  auto documents = parse_yaml_stream({reinterpret_cast<const char*>(data), size}, {.max_nodes = 10000}, &notes);
  if (!documents) return 0;
  for (const auto& document : *documents) (void)to_json(document);
  return 0;
}
