#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/dockerv1.h"
#include "docker/go_json.h"
#include "docker/wire_form.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto body = reigen::docker::read_json({reinterpret_cast<const char*>(data), size});
  if (!body) return 0;
  auto formed = reigen::docker::wire_form<reigen::api::dockerv1::CreateRequest>(*body);
  if (!formed) return 0;
  auto again = reigen::docker::wire_form<reigen::api::dockerv1::CreateRequest>(*formed);
  if (!again || *again != *formed) __builtin_trap();
  return 0;
}
