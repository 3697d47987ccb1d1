// HTTP/1.1 on the wire (RFC 9112): heads and bodies, of requests and responses. Pure functions of bytes; internal to http.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace reigen::http {

// The length of the head at the start of `bytes`, its empty line included; 0 when it is not complete. `scanned` remembers across
// calls how far was looked.
size_t find_head_end(std::string_view bytes, size_t& scanned);

// How the body of a message is delimited.
struct BodyFraming {
  enum class Kind { kNone, kLength, kChunked, kUntilClose };
  Kind kind = Kind::kNone;
  uint64_t length = 0;
};

struct RequestHead {
  Request request;
  BodyFraming framing;
  bool keep_alive = true;
  bool expect_continue = false;
};

struct ResponseHead {
  int status = 0;
  int version = 11;
  std::string reason;
  Headers headers;
  BodyFraming framing;
  bool keep_alive = true;
};

// `head` is a whole head. On failure the message says what is malformed; kUnimplemented is for an unknown version or coding.
Result<RequestHead> parse_request_head(std::string_view head);
// `method` is of the request that is answered.
Result<ResponseHead> parse_response_head(std::string_view head, std::string_view method);

// Takes a body apart piece by piece.
class BodyDecoder {
 public:
  BodyDecoder() = default;
  explicit BodyDecoder(BodyFraming framing);

  // Consumes from the front of `in` and gives the next piece of body (a view into `in`; may be empty). Call again while it
  // consumes. False when malformed.
  bool next(std::string_view& in, std::string_view& piece);
  bool done() const { return state_ == State::kDone; }
  // What the end of the connection means: true when the body is complete by it.
  bool end() const { return done() || state_ == State::kUntilClose; }

 private:
  enum class State { kDone, kLength, kUntilClose, kSize, kExtension, kSizeLf, kData, kDataCr, kDataLf, kTrailer };
  bool next_chunked(std::string_view& in, std::string_view& piece);
  bool take_size(char c);
  bool take_trailer(char c);

  State state_ = State::kDone;
  uint64_t left_ = 0;
  uint32_t digits_ = 0;   // of the chunk size, or bytes of the extension
  uint32_t trailer_ = 0;  // bytes of trailers so far
  uint32_t line_ = 0;     // bytes of this trailer line
};

bool is_token(std::string_view text);        // RFC 9110 5.6.2
bool is_field_value(std::string_view text);  // no control characters but tab

}  // namespace reigen::http
