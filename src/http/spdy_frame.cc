#include "http/spdy_frame.h"

#include <zlib.h>

#include <vector>

#include "base/check.h"

namespace reigen::http {

namespace {

// SPDY/3 section 2.6.10.1: words, each behind its length in four bytes, then text as it is.
constexpr std::string_view kDictionaryWords[] = {
    "options",
    "head",
    "post",
    "put",
    "delete",
    "trace",
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "connection",
    "content-base",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "retry-after",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "method",
    "get",
    "status",
    "200 OK",
    "version",
    "HTTP/1.1",
    "url",
    "public",
    "set-cookie",
    "keep-alive",
    "origin",
};
constexpr std::string_view kDictionaryTail =
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Inf"
    "ormation204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Se"
    "rver Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, "
    "Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+"
    "xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

const std::string& dictionary() {
  static const std::string text = [] {
    std::string out;
    for (auto word : kDictionaryWords) {
      out.append(3, '\0').push_back(static_cast<char>(word.size()));
      out.append(word);
    }
    return out.append(kDictionaryTail);
  }();
  return text;
}

void put32(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

uint32_t get32(std::string_view in, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(in[at + i]);
  return value;
}

Fail malformed(const char* what) { return fail(Code::kInvalidArgument, std::string("SPDY: ") + what); }

bool take_string(std::string_view& in, std::string_view& out) {
  if (in.size() < 4) return false;
  uint32_t length = get32(in, 0);
  in.remove_prefix(4);
  if (in.size() < length) return false;
  out = in.substr(0, length);
  in.remove_prefix(length);
  return true;
}

Result<Headers> parse_block(std::string_view block) {
  Headers headers;
  if (block.size() < 4) return malformed("header block is too short");
  uint32_t count = get32(block, 0);
  block.remove_prefix(4);
  for (uint32_t i = 0; i < count; ++i) {
    std::string_view name, values;
    if (!take_string(block, name) || !take_string(block, values)) return malformed("header block is truncated");
    if (name.empty()) return malformed("empty header name");
    for (;;) {  // several values of a name are separated by NUL
      size_t end = values.find('\0');
      headers.add(std::string(name), std::string(values.substr(0, end)));
      if (end == std::string_view::npos) break;
      values.remove_prefix(end + 1);
    }
  }
  return headers;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

}  // namespace

struct SpdyDeflater::Z {
  z_stream stream{};
};
struct SpdyInflater::Z {
  z_stream stream{};
};

SpdyDeflater::SpdyDeflater() : z_(std::make_unique<Z>()) {
  // A small window: header blocks are short, and a session would hold 256 KB otherwise.
  CHECK(deflateInit2(&z_->stream, 6, Z_DEFLATED, 11, 4, Z_DEFAULT_STRATEGY) == Z_OK);
  const auto& words = dictionary();
  CHECK(deflateSetDictionary(&z_->stream, reinterpret_cast<const Bytef*>(words.data()), static_cast<uInt>(words.size())) == Z_OK);
}
SpdyDeflater::~SpdyDeflater() { deflateEnd(&z_->stream); }

std::string SpdyDeflater::compress(const Headers& headers) {
  std::vector<std::pair<std::string, std::string>> merged;
  for (const auto& field : headers) {
    std::string name = lower(field.name);
    bool found = false;
    for (auto& [known, values] : merged) {
      if (known != name) continue;
      values.append(1, '\0').append(field.value);
      found = true;
      break;
    }
    if (!found) merged.emplace_back(std::move(name), field.value);
  }
  std::string plain;
  put32(plain, static_cast<uint32_t>(merged.size()));
  for (const auto& [name, values] : merged) {
    put32(plain, static_cast<uint32_t>(name.size()));
    plain.append(name);
    put32(plain, static_cast<uint32_t>(values.size()));
    plain.append(values);
  }
  std::string out(deflateBound(&z_->stream, plain.size()) + 64, '\0');
  z_->stream.next_in = reinterpret_cast<Bytef*>(plain.data());
  z_->stream.avail_in = static_cast<uInt>(plain.size());
  z_->stream.next_out = reinterpret_cast<Bytef*>(out.data());
  z_->stream.avail_out = static_cast<uInt>(out.size());
  CHECK(deflate(&z_->stream, Z_SYNC_FLUSH) == Z_OK);
  out.resize(out.size() - z_->stream.avail_out);
  return out;
}

SpdyInflater::SpdyInflater() : z_(std::make_unique<Z>()) { CHECK(inflateInit(&z_->stream) == Z_OK); }
SpdyInflater::~SpdyInflater() { inflateEnd(&z_->stream); }

Result<Headers> SpdyInflater::decompress(std::string_view block) {
  std::string plain;
  char piece[4096];
  z_->stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(block.data()));
  z_->stream.avail_in = static_cast<uInt>(block.size());
  for (;;) {
    z_->stream.next_out = reinterpret_cast<Bytef*>(piece);
    z_->stream.avail_out = sizeof piece;
    int result = inflate(&z_->stream, Z_SYNC_FLUSH);
    if (result == Z_NEED_DICT) {
      const auto& words = dictionary();
      if (inflateSetDictionary(&z_->stream, reinterpret_cast<const Bytef*>(words.data()), static_cast<uInt>(words.size())) != Z_OK)
        return malformed("wrong dictionary");
      continue;
    }
    plain.append(piece, sizeof piece - z_->stream.avail_out);
    if (plain.size() > kMaxBlock) return fail(Code::kResourceExhausted, "SPDY: header block is too large");
    if (result != Z_OK && result != Z_BUF_ERROR) return malformed("bad compression of headers");
    if (z_->stream.avail_out > 0) break;
  }
  return parse_block(plain);
}

Status SpdyParser::parse_control(std::string_view body, SpdyFrame& frame) {
  auto need = [&](size_t n) { return body.size() >= n; };
  switch (frame.type) {
    case SpdyType::kSynStream: {
      if (!need(10)) return malformed("SYN_STREAM is too short");
      frame.stream = get32(body, 0) & 0x7fffffff;
      TRY_ASSIGN(frame.headers, inflater_.decompress(body.substr(10)));
      return {};
    }
    case SpdyType::kSynReply:
    case SpdyType::kHeaders: {
      if (!need(4)) return malformed("SYN_REPLY is too short");
      frame.stream = get32(body, 0) & 0x7fffffff;
      TRY_ASSIGN(frame.headers, inflater_.decompress(body.substr(4)));
      return {};
    }
    case SpdyType::kRstStream:
    case SpdyType::kGoAway:
    case SpdyType::kWindowUpdate:
      if (!need(8)) return malformed("control frame is too short");
      frame.stream = get32(body, 0) & 0x7fffffff;
      frame.value = get32(body, 4) & 0x7fffffff;
      return {};
    case SpdyType::kPing:
      if (!need(4)) return malformed("PING is too short");
      frame.value = get32(body, 0);
      return {};
    case SpdyType::kSettings: {
      if (!need(4)) return malformed("SETTINGS is too short");
      uint32_t count = get32(body, 0);
      if ((body.size() - 4) / 8 < count) return malformed("SETTINGS is truncated");
      for (uint32_t i = 0; i < count; ++i) {
        uint32_t id = get32(body, 4 + i * 8) & 0xffffff;
        if (id == 7) frame.value = get32(body, 8 + i * 8) & 0x7fffffff;  // INITIAL_WINDOW_SIZE
      }
      return {};
    }
    default: return {};
  }
}

Result<std::optional<SpdyFrame>> SpdyParser::next(std::string_view& in) {
  for (;;) {
    if (in.size() < 8) return std::nullopt;
    uint32_t first = get32(in, 0);
    uint32_t second = get32(in, 4);
    size_t length = second & 0xffffff;
    if (length > kMaxFrame) return fail(Code::kResourceExhausted, "SPDY: frame is too large");
    if (in.size() < 8 + length) return std::nullopt;
    std::string_view body = in.substr(8, length);
    in.remove_prefix(8 + length);
    SpdyFrame frame;
    frame.flags = static_cast<uint8_t>(second >> 24);
    if (!(first & 0x80000000)) {
      frame.stream = first;
      frame.payload = body;
      return frame;
    }
    if ((first >> 16 & 0x7fff) != 3) return malformed("version is not 3");
    auto type = first & 0xffff;
    if (type == 0 || type == 5 || type > 9) continue;
    frame.type = static_cast<SpdyType>(type);
    TRY(parse_control(body, frame));
    return frame;
  }
}

std::string encode_spdy(const SpdyFrame& frame, SpdyDeflater& deflater) {
  std::string body;
  switch (frame.type) {
    case SpdyType::kData: body = frame.payload; break;
    case SpdyType::kSynStream:
      put32(body, frame.stream);
      put32(body, 0);        // not associated
      body.append(2, '\0');  // priority, slot
      body.append(deflater.compress(frame.headers));
      break;
    case SpdyType::kSynReply:
    case SpdyType::kHeaders:
      put32(body, frame.stream);
      body.append(deflater.compress(frame.headers));
      break;
    case SpdyType::kRstStream:
    case SpdyType::kGoAway:
    case SpdyType::kWindowUpdate:
      put32(body, frame.stream);
      put32(body, frame.value);
      break;
    case SpdyType::kPing: put32(body, frame.value); break;
    case SpdyType::kSettings:
      put32(body, 1);
      put32(body, 7);
      put32(body, frame.value);
      break;
  }
  std::string out;
  out.reserve(8 + body.size());
  put32(out, frame.type == SpdyType::kData ? frame.stream : 0x80030000u | static_cast<uint32_t>(frame.type));
  put32(out, static_cast<uint32_t>(frame.flags) << 24 | static_cast<uint32_t>(body.size()));
  return out.append(body);
}

}  // namespace reigen::http
