#include "docker/stream_frames.h"
#include "docker/version_table.h"

#include <algorithm>

namespace reigen::docker {

std::string frame(Channel channel, std::string_view payload) {
  auto size = static_cast<uint32_t>(payload.size());
  std::string out;
  out.reserve(8 + payload.size());
  out += static_cast<char>(channel);
  out.append(3, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift);
  out += payload;
  return out;
}

std::string_view stream_type(bool tty, ApiVersion version) {
  if (tty || version < since::kMultiplexedType) return "application/vnd.docker.raw-stream";
  return "application/vnd.docker.multiplexed-stream";
}

bool FrameReader::next(std::string_view& in, Channel& channel, std::string_view& payload) {
  while (left_ == 0) {
    size_t n = std::min(in.size(), sizeof head_ - head_used_);
    std::copy_n(in.begin(), n, head_ + head_used_);
    head_used_ += n;
    in.remove_prefix(n);
    if (head_used_ < sizeof head_) return false;
    head_used_ = 0;
    left_ = static_cast<uint32_t>(head_[4]) << 24 | static_cast<uint32_t>(head_[5]) << 16 | static_cast<uint32_t>(head_[6]) << 8 | head_[7];
  }
  if (in.empty()) return false;
  channel = head_[0] <= 3 ? static_cast<Channel>(head_[0]) : Channel::kStdout;
  payload = in.substr(0, left_);
  in.remove_prefix(payload.size());
  left_ -= static_cast<uint32_t>(payload.size());
  return true;
}

}  // namespace reigen::docker
