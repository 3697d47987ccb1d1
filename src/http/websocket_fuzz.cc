#include <cstdint>

#include "http/websocket.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view in(reinterpret_cast<const char*>(data) + 1, size - 1);
  reigen::http::WebSocketParser parser(data[0] & 1, 1 << 16);
  for (;;) {
    auto frame = parser.next(in);
    if (!frame || !*frame) return 0;
  }
}
