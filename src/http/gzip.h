// gzip of whole bodies.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace reigen::http {

// Level 1, as kube-apiserver compresses its answers.
std::string gzip(std::string_view bytes, int level = 1);
// At most `limit` bytes come out (kResourceExhausted beyond).
Result<std::string> gunzip(std::string_view bytes, size_t limit);

}  // namespace reigen::http
