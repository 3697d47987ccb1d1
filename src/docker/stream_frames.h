// Docker's frames: how stdout and stderr share one connection. 8 bytes (stream, 0, 0, 0, length big-endian), then the payload. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "docker/api_version.h"

namespace reigen::docker {

enum class Channel : unsigned char { kStdin = 0, kStdout = 1, kStderr = 2, kSystem = 3 };

std::string frame(Channel channel, std::string_view payload);

// What an answer of attach, exec or logs says it is.
std::string_view stream_type(bool tty, ApiVersion version);

// Takes frames apart as they arrive, also cut anywhere; memory stays at what is fed.
class FrameReader {
 public:
  // Takes a piece of payload from the front of `in`; false when it needs more. A head that is none is taken as stdout.
  bool next(std::string_view& in, Channel& channel, std::string_view& payload);

 private:
  unsigned char head_[8] = {};
  size_t head_used_ = 0;
  uint32_t left_ = 0;
};

}  // namespace reigen::docker
