#include <cstdint>

#include "http/spdy_frame.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view in(reinterpret_cast<const char*>(data), size);
  reigen::http::SpdyParser parser;
  for (;;) {
    auto frame = parser.next(in);
    if (!frame || !*frame) return 0;
  }
}
