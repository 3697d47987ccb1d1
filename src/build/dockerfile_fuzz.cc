#include <cstdint>
#include <cstdlib>

#include "build/dockerfile.h"
#include "build/ignore.h"
#include "build/stage.h"

using namespace reigen::build;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto half = text.substr(0, size / 2);
  (void)IgnoreList::parse(half).ignores(text.substr(size / 2));
  (void)match_path(half, text.substr(size / 2), true);
  auto file = parse_dockerfile(text);
  if (!file) return 0;
  Stage stage;
  stage.escape = file->escape;
  for (const auto& instruction : file->instructions) (void)apply_metadata(stage, instruction, {{"v", "x"}});
  std::string once = reigen::image::encode_image_config(stage.config);
  if (once.size() < (4u << 20) && !reigen::image::parse_image_config(once) && stage.config.labels.size() < 4096) std::abort();
  return 0;
}
