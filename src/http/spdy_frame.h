// SPDY/3.1 on the wire: frames and compressed header blocks. Internal to http, but for tests.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace reigen::http {

enum class SpdyType : uint16_t {
  kData = 0,
  kSynStream = 1,
  kSynReply = 2,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kHeaders = 8,
  kWindowUpdate = 9,
};
constexpr uint8_t kSpdyFin = 1;

struct SpdyFrame {
  SpdyType type = SpdyType::kData;
  uint8_t flags = 0;
  uint32_t stream = 0;
  uint32_t value = 0;   // status of RST_STREAM and GOAWAY, id of PING, delta of WINDOW_UPDATE, initial window of SETTINGS (0: not in it)
  std::string payload;  // data
  Headers headers;
};

// Header blocks of one direction share one zlib stream with SPDY's dictionary.
class SpdyDeflater {
 public:
  SpdyDeflater();
  ~SpdyDeflater();
  std::string compress(const Headers& headers);

 private:
  struct Z;
  std::unique_ptr<Z> z_;
};

class SpdyInflater {
 public:
  static constexpr size_t kMaxBlock = 64 << 10;  // bytes a block may become; more is an error
  SpdyInflater();
  ~SpdyInflater();
  Result<Headers> decompress(std::string_view block);

 private:
  struct Z;
  std::unique_ptr<Z> z_;
};

class SpdyParser {
 public:
  static constexpr size_t kMaxFrame = 4 << 20;  // bytes of a frame's body; more is an error
  // Takes one frame from the front of `in`; nothing when it is incomplete. Frames of unknown type are skipped.
  Result<std::optional<SpdyFrame>> next(std::string_view& in);

 private:
  Status parse_control(std::string_view body, SpdyFrame& frame);
  SpdyInflater inflater_;
};

std::string encode_spdy(const SpdyFrame& frame, SpdyDeflater& deflater);

}  // namespace reigen::http
