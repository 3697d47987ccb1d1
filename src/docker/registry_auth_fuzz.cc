// X-Registry-Auth and X-Registry-Config are whatever a client sends.
#include <cstdint>
#include <string_view>

#include "docker/registry_auth.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)reigen::docker::read_registry_auth(text);
  auto reference = reigen::image::parse_reference("localhost:5000/x");
  (void)reigen::docker::RegistryConfig::read(text).find(*reference);
  return 0;
}
