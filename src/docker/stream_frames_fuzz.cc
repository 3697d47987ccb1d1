#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "docker/detach_keys.h"
#include "docker/stream_frames.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  reigen::docker::FrameReader reader;
  reigen::docker::Channel channel;
  std::string_view payload;
  for (std::string_view in = text; reader.next(in, channel, payload);) continue;
  if (auto keys = reigen::docker::DetachKeys::parse(text.substr(0, size / 2))) {
    std::string out;
    (void)keys->feed(text.substr(size / 2), out);
  }
  return 0;
}
