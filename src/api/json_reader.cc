#include "api/json_reader.h"

#include <array>
#include <cstdint>

namespace reigen::api {
namespace {

// Bytes that end the plain run of a string: quote, backslash, control characters.
constexpr std::array<bool, 256> make_stops() {
  std::array<bool, 256> stops{};
  for (int i = 0; i < 32; i++) stops[static_cast<size_t>(i)] = true;
  stops['"'] = stops['\\'] = true;
  return stops;
}
constexpr std::array<bool, 256> kStops = make_stops();

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_rune(std::string& out, unsigned rune) {
  if (rune < 0x80) {
    out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    out += static_cast<char>(0xc0 | rune >> 6);
    out += static_cast<char>(0x80 | (rune & 63));
  } else if (rune < 0x10000) {
    out += static_cast<char>(0xe0 | rune >> 12);
    out += static_cast<char>(0x80 | (rune >> 6 & 63));
    out += static_cast<char>(0x80 | (rune & 63));
  } else {
    out += static_cast<char>(0xf0 | rune >> 18);
    out += static_cast<char>(0x80 | (rune >> 12 & 63));
    out += static_cast<char>(0x80 | (rune >> 6 & 63));
    out += static_cast<char>(0x80 | (rune & 63));
  }
}

}  // namespace

bool JsonReader::string(std::string_view& out) {
  if (!take('"')) return false;
  const char* start = at_;
  while (at_ != end_ && !kStops[static_cast<unsigned char>(*at_)]) ++at_;
  if (at_ == end_) return false;
  if (*at_ == '"') {
    out = std::string_view(start, static_cast<size_t>(at_ - start));
    ++at_;
    return true;
  }
  return *at_ == '\\' && escaped_string(start, out);
}

bool JsonReader::escaped_string(const char* start, std::string_view& out) {
  scratch_.assign(start, at_);
  while (at_ != end_) {
    const char* run = at_;
    while (at_ != end_ && !kStops[static_cast<unsigned char>(*at_)]) ++at_;
    scratch_.append(run, at_);
    if (at_ == end_) return false;
    if (*at_ == '"') {
      ++at_;
      out = scratch_;
      return true;
    }
    if (*at_ != '\\') return false;
    ++at_;
    if (!unescape(scratch_)) return false;
  }
  return false;
}

bool JsonReader::hex4(unsigned& out) {
  if (end_ - at_ < 4) return false;
  out = 0;
  for (int i = 0; i < 4; i++) {
    char c = *at_++;
    int digit = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return false;
    out = out << 4 | static_cast<unsigned>(digit);
  }
  return true;
}

bool JsonReader::unescape(std::string& out) {
  if (at_ == end_) return false;
  switch (char c = *at_++) {
    case '"':
    case '\\':
    case '/': out += c; return true;
    case 'b': out += '\b'; return true;
    case 'f': out += '\f'; return true;
    case 'n': out += '\n'; return true;
    case 'r': out += '\r'; return true;
    case 't': out += '\t'; return true;
    case 'u': break;
    default: return false;
  }
  unsigned rune = 0;
  if (!hex4(rune)) return false;
  if (rune >= 0xd800 && rune < 0xdc00 && end_ - at_ >= 6 && at_[0] == '\\' && at_[1] == 'u') {
    const char* before = at_;
    at_ += 2;
    unsigned low = 0;
    if (!hex4(low)) return false;
    if (low >= 0xdc00 && low < 0xe000) {
      append_rune(out, 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00));
      return true;
    }
    at_ = before;
  }
  if (rune >= 0xd800 && rune < 0xe000) rune = 0xfffd;  // half a pair
  append_rune(out, rune);
  return true;
}

bool JsonReader::number(std::string_view& literal) {
  peek();
  const char* start = at_;
  auto digits = [&] {
    const char* first = at_;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return at_ != first;
  };
  if (at_ != end_ && *at_ == '-') ++at_;
  if (at_ == end_ || !is_digit(*at_)) return false;
  if (*at_ == '0') ++at_;
  else digits();
  if (at_ != end_ && *at_ == '.') {
    ++at_;
    if (!digits()) return false;
  }
  if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
    if (!digits()) return false;
  }
  literal = std::string_view(start, static_cast<size_t>(at_ - start));
  return true;
}

bool JsonReader::literal(std::string_view word) {
  peek();
  if (static_cast<size_t>(end_ - at_) < word.size() || std::string_view(at_, word.size()) != word) return false;
  at_ += word.size();
  return true;
}

bool JsonReader::skip() { return scan(nullptr); }
bool JsonReader::raw(std::string& out) { return scan(&out); }

bool JsonReader::container(std::string* out, char close) {
  bool object = close == '}';
  if (!enter()) return false;
  ++at_;
  if (out) *out += object ? '{' : '[';
  if (!take(close)) {
    for (;;) {
      if (object) {
        if (peek() != '"' || !scan(out) || !take(':')) return false;
        if (out) *out += ':';
      }
      if (!scan(out)) return false;
      if (take(',')) {
        if (out) *out += ',';
        continue;
      }
      if (!take(close)) return false;
      break;
    }
  }
  if (out) *out += close;
  leave();
  return true;
}

bool JsonReader::scan(std::string* out) {
  char c = peek();
  if (c == '{') return container(out, '}');
  if (c == '[') return container(out, ']');
  const char* start = at_;
  std::string_view ignored;
  bool ok = c == '"' ? string(ignored) : c == 't' ? literal("true") : c == 'f' ? literal("false") : c == 'n' ? literal("null") : number(ignored);
  if (ok && out) out->append(start, at_);
  return ok;
}

}  // namespace reigen::api
