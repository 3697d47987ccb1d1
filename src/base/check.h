// CHECK: always on, for broken invariants of our own; never for input or the environment.
#pragma once

#include <string_view>

namespace reigen {
[[noreturn]] void check_failed(const char* file, int line, std::string_view condition);
}  // namespace reigen

#define CHECK(condition)                                      \
  do {                                                        \
    if (!(condition)) [[unlikely]]                            \
      ::reigen::check_failed(__FILE__, __LINE__, #condition); \
  } while (false)
