#include "runtime/image_user.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  size_t first = std::min(text.find('\0'), text.size());
  size_t second = std::min(text.find('\0', std::min(first + 1, size)), size);
  reigen::runtime::User user;
  user.name = text.substr(0, first);
  (void)reigen::runtime::resolve_user(user, text.substr(first, second - first), text.substr(second));
  return 0;
}
