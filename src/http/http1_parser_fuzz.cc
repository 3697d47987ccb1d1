#include <cstdint>
#include <string_view>

#include "http/http1_parser.h"

using namespace reigen::http;

namespace {
void drain(BodyFraming framing, std::string_view rest) {
  BodyDecoder decoder(framing);
  std::string_view piece;
  while (!decoder.done() && !rest.empty()) {
    size_t before = rest.size();
    if (!decoder.next(rest, piece) || rest.size() == before) return;
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  size_t scanned = 0;
  size_t head = find_head_end(bytes, scanned);
  if (head == 0) return 0;
  if (auto request = parse_request_head(bytes.substr(0, head))) drain(request->framing, bytes.substr(head));
  if (auto response = parse_response_head(bytes.substr(0, head), "GET")) drain(response->framing, bytes.substr(head));
  return 0;
}
