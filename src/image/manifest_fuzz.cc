#include <cstdint>
#include <cstdlib>

#include "image/image_config.h"
#include "image/manifest.h"
#include "image/puller.h"
#include "image/store_index.h"

using namespace reigen::image;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)is_index(text);
  (void)parse_index(text);
  (void)parse_archive_manifest(text);
  (void)StoreIndex::parse(text);
  (void)match_credentials(text, {"docker.io", "library/x", "1", ""});
  if (auto manifest = parse_manifest(text); manifest && !parse_manifest(encode_manifest(*manifest))) std::abort();
  if (auto config = parse_image_config(text)) {
    std::string once = encode_image_config(*config);
    auto again = parse_image_config(once);
    if (!again || encode_image_config(*again) != once) std::abort();
  }
  return 0;
}
