// The wrapper program (wrapper_main.cc says what it does), embedded in this binary.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace reigen::linux {

// Its bytes, for as long as the process lives.
std::string_view wrapper_image();

// Writes it to `path` (mode 0755) unless the same bytes are there already; a file in use is replaced, not overwritten.
Status install_wrapper(const std::string& path);

// A new non-blocking socket that lives in a network namespace (a path such as a sandbox's netns_path), made by the wrapper.
Result<Fd> socket_in(const std::string& wrapper, const std::string& netns_path, int family, int type);

// A TCP socket of that namespace whose connection to 127.0.0.1:port is made or in progress: wait until it is writable, then look at
// SO_ERROR.
Result<Fd> connect_loopback_in(const std::string& wrapper, const std::string& netns_path, uint16_t port);

}  // namespace reigen::linux
