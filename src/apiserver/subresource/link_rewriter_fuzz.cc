#include <cstddef>
#include <cstdint>

#include "apiserver/subresource/link_rewriter.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  reigen::apiserver::LinkRewriter rewriter({"/p", "h:1"});
  for (size_t at = 0; at < size; at += 7) rewriter.feed(text.substr(at, 7));
  rewriter.end();
  return 0;
}
