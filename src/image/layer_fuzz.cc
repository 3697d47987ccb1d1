// The plan of a layer: every entry of a tar, packed or not, judged without touching a file.
#include <cstdint>
#include <cstdlib>

#include "image/byte_source.h"
#include "image/layer_entry.h"
#include "image/tar_reader.h"

using namespace reigen::image;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  StringSource packed({reinterpret_cast<const char*>(data), size});
  auto source = UnpackingSource::open(packed, {100, 1 << 20, 16 << 20});
  if (!source) return 0;
  TarReader reader(**source);
  while (auto entry = reader.next()) {
    if (!*entry || reader.count() > 10'000) break;
    const auto& e = **entry;
    auto plan = plan_entry({e.path, e.link, e.hardlink, e.mode, e.device_major, e.device_minor});
    if (plan && (plan->path.starts_with('/') || ("/" + plan->path + "/").find("/../") != std::string::npos)) std::abort();
    while (auto block = reader.block())
      if (!*block) break;
  }
  return 0;
}
