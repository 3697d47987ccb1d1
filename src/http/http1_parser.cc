#include "http/http1_parser.h"

#include <array>
#include <cstring>

namespace reigen::http {

namespace {

constexpr uint32_t kMaxChunkExtension = 4096;
constexpr uint32_t kMaxTrailers = 8192;

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = table[c - 32] = true;
  for (char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kToken = make_token_table();

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Cuts one line off, without its CRLF (or LF).
std::string_view take_line(std::string_view& rest) {
  size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

Status parse_fields(std::string_view rest, Headers& headers) {
  headers.reserve(8);
  while (!rest.empty()) {
    std::string_view line = take_line(rest);
    if (line.empty()) break;
    size_t colon = line.find(':');
    if (colon == std::string_view::npos) return fail(Code::kInvalidArgument, "header line without colon");
    std::string_view name = line.substr(0, colon);
    if (!is_token(name)) return fail(Code::kInvalidArgument, "invalid header name");
    std::string_view value = trim(line.substr(colon + 1));
    if (!is_field_value(value)) return fail(Code::kInvalidArgument, "invalid header value");
    headers.add(std::string(name), std::string(value));
  }
  return {};
}

bool parse_length(std::string_view text, uint64_t& out) {
  if (text.empty() || text.size() > 18) return false;
  out = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + static_cast<uint64_t>(c - '0');
  }
  return true;
}

// Content-Length and Transfer-Encoding; both at once, or lengths that differ, are how requests are smuggled.
Status find_framing(const Headers& headers, BodyFraming& framing) {
  bool has_length = false;
  bool chunked = false;
  for (const auto& field : headers) {
    if (iequals(field.name, "Content-Length")) {
      uint64_t length;
      if (!parse_length(field.value, length)) return fail(Code::kInvalidArgument, "bad Content-Length");
      if (has_length && length != framing.length) return fail(Code::kInvalidArgument, "conflicting Content-Length");
      has_length = true;
      framing = {BodyFraming::Kind::kLength, length};
    } else if (iequals(field.name, "Transfer-Encoding")) {
      if (chunked || !iequals(field.value, "chunked")) return fail(Code::kUnimplemented, "unsupported transfer encoding");
      chunked = true;
    }
  }
  if (chunked && has_length) return fail(Code::kInvalidArgument, "both Content-Length and Transfer-Encoding");
  if (chunked) framing = {BodyFraming::Kind::kChunked, 0};
  return {};
}

bool find_keep_alive(int version, const Headers& headers) {
  bool keep = version >= 11;
  for (const auto& field : headers) {
    if (!iequals(field.name, "Connection")) continue;
    if (headers.has_token("Connection", "close")) return false;
    if (headers.has_token("Connection", "keep-alive")) keep = true;
    break;
  }
  return keep;
}

}  // namespace

bool is_token(std::string_view text) {
  if (text.empty()) return false;
  for (char c : text) {
    if (!kToken[static_cast<unsigned char>(c)]) return false;
  }
  return true;
}

bool is_field_value(std::string_view text) {
  for (char raw : text) {
    auto c = static_cast<unsigned char>(raw);
    if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
  }
  return true;
}

size_t find_head_end(std::string_view bytes, size_t& scanned) {
  size_t from = scanned < 3 ? 0 : scanned - 3;
  while (from < bytes.size()) {
    const void* found = memchr(bytes.data() + from, '\n', bytes.size() - from);
    if (!found) break;
    size_t at = static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
    if (at + 1 < bytes.size() && bytes[at + 1] == '\n') return at + 2;
    if (at + 2 < bytes.size() && bytes[at + 1] == '\r' && bytes[at + 2] == '\n') return at + 3;
    from = at + 1;
  }
  scanned = bytes.size();
  return 0;
}

Result<RequestHead> parse_request_head(std::string_view head) {
  RequestHead out;
  std::string_view line = take_line(head);
  size_t first = line.find(' ');
  size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return fail(Code::kInvalidArgument, "malformed request line");
  std::string_view version = line.substr(last + 1);
  if (version == "HTTP/1.1") {
    out.request.version = 11;
  } else if (version == "HTTP/1.0") {
    out.request.version = 10;
  } else if (version.starts_with("HTTP/")) {
    return fail(Code::kUnimplemented, "unsupported HTTP version");
  } else {
    return fail(Code::kInvalidArgument, "malformed request line");
  }
  std::string_view method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, last - first - 1);
  if (!is_token(method)) return fail(Code::kInvalidArgument, "invalid method");
  for (char raw : target) {
    auto c = static_cast<unsigned char>(raw);
    if (c <= 0x20 || c == 0x7f) return fail(Code::kInvalidArgument, "invalid request target");
  }
  out.request.method = method;
  out.request.target = target;
  if (!parse_target(out.request)) return fail(Code::kInvalidArgument, "invalid request target");
  TRY(parse_fields(head, out.request.headers));
  TRY(find_framing(out.request.headers, out.framing));
  if (out.request.version == 10 && out.framing.kind == BodyFraming::Kind::kChunked) return fail(Code::kInvalidArgument, "chunked body in HTTP/1.0");
  size_t hosts = 0;
  for (const auto& field : out.request.headers) {
    if (iequals(field.name, "Host")) {
      out.request.host = field.value;
      ++hosts;
    } else if (iequals(field.name, "Expect") && iequals(field.value, "100-continue")) {
      out.expect_continue = out.request.version >= 11;
    }
  }
  if (hosts > 1) return fail(Code::kInvalidArgument, "too many Host headers");
  if (hosts == 0 && out.request.version >= 11) return fail(Code::kInvalidArgument, "missing required Host header");
  out.keep_alive = find_keep_alive(out.request.version, out.request.headers);
  return out;
}

Result<ResponseHead> parse_response_head(std::string_view head, std::string_view method) {
  ResponseHead out;
  std::string_view line = take_line(head);
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') return fail(Code::kInvalidArgument, "malformed status line");
  out.version = line[7] == '0' ? 10 : 11;
  for (char c : line.substr(9, 3)) {
    if (c < '0' || c > '9') return fail(Code::kInvalidArgument, "malformed status line");
    out.status = out.status * 10 + (c - '0');
  }
  if (out.status < 100) return fail(Code::kInvalidArgument, "malformed status line");
  if (line.size() > 13) out.reason = line.substr(13);
  TRY(parse_fields(head, out.headers));
  TRY(find_framing(out.headers, out.framing));
  out.keep_alive = find_keep_alive(out.version, out.headers);
  if (method == "HEAD" || out.status < 200 || out.status == 204 || out.status == 304) {
    out.framing = {BodyFraming::Kind::kNone, 0};
  } else if (out.framing.kind == BodyFraming::Kind::kNone) {
    out.framing.kind = BodyFraming::Kind::kUntilClose;
    out.keep_alive = false;
  }
  return out;
}

BodyDecoder::BodyDecoder(BodyFraming framing) : left_(framing.length) {
  switch (framing.kind) {
    case BodyFraming::Kind::kNone: state_ = State::kDone; break;
    case BodyFraming::Kind::kLength: state_ = left_ == 0 ? State::kDone : State::kLength; break;
    case BodyFraming::Kind::kChunked: state_ = State::kSize; break;
    case BodyFraming::Kind::kUntilClose: state_ = State::kUntilClose; break;
  }
  if (state_ == State::kSize) left_ = 0;
}

bool BodyDecoder::next(std::string_view& in, std::string_view& piece) {
  piece = {};
  switch (state_) {
    case State::kDone: return true;
    case State::kUntilClose:
      piece = in;
      in = {};
      return true;
    case State::kLength:
      piece = in.substr(0, left_);
      in.remove_prefix(piece.size());
      left_ -= piece.size();
      if (left_ == 0) state_ = State::kDone;
      return true;
    default: return next_chunked(in, piece);
  }
}

bool BodyDecoder::take_size(char c) {
  int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  if (value >= 0) {
    if (++digits_ > 15) return false;
    left_ = left_ * 16 + static_cast<uint64_t>(value);
    return true;
  }
  if (digits_ == 0) return false;
  if (c == '\r') {
    state_ = State::kSizeLf;
  } else if (c == ';' || c == ' ' || c == '\t') {
    state_ = State::kExtension;
    digits_ = 0;
  } else {
    return false;
  }
  return true;
}

// Trailers are bounded and dropped.
bool BodyDecoder::take_trailer(char c) {
  if (++trailer_ > kMaxTrailers) return false;
  if (c == '\n') {
    if (line_ == 0) state_ = State::kDone;
    line_ = 0;
  } else if (c != '\r') {
    ++line_;
  }
  return true;
}

bool BodyDecoder::next_chunked(std::string_view& in, std::string_view& piece) {
  while (!in.empty() && state_ != State::kDone) {
    if (state_ == State::kData) {
      piece = in.substr(0, left_);
      in.remove_prefix(piece.size());
      left_ -= piece.size();
      if (left_ == 0) state_ = State::kDataCr;
      return true;
    }
    char c = in.front();
    in.remove_prefix(1);
    switch (state_) {
      case State::kSize:
        if (!take_size(c)) return false;
        break;
      case State::kExtension:
        if (++digits_ > kMaxChunkExtension || c == '\n') return false;
        if (c == '\r') state_ = State::kSizeLf;
        break;
      case State::kSizeLf:
        if (c != '\n') return false;
        state_ = left_ == 0 ? State::kTrailer : State::kData;
        break;
      case State::kDataCr:
        if (c != '\r') return false;
        state_ = State::kDataLf;
        break;
      case State::kDataLf:
        if (c != '\n') return false;
        state_ = State::kSize;
        digits_ = 0;
        break;
      default:
        if (!take_trailer(c)) return false;
    }
  }
  return true;
}

}  // namespace reigen::http
