// JSON text to Value and back, with the leniencies and the messages of Go's encoding/json, which clients see.
#include <cstring>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <algorithm>

#include <fmt/core.h>

#include "api/value.h"

namespace reigen::api {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A byte as Go's scanner names it: taken for a Latin-1 character.
std::string quote_byte(unsigned char c) {
  if (c == '\'') return "'\\''";
  if (c == '"') return "'\"'";
  if (c == '\\') return "'\\\\'";
  switch (c) {
    case '\a': return "'\\a'";
    case '\b': return "'\\b'";
    case '\f': return "'\\f'";
    case '\n': return "'\\n'";
    case '\r': return "'\\r'";
    case '\t': return "'\\t'";
    case '\v': return "'\\v'";
    default: break;
  }
  if (c < 0x20 || c == 0x7f) return fmt::format("'\\x{:02x}'", c);
  if (c < 0x7f) return fmt::format("'{}'", static_cast<char>(c));
  if (c <= 0xa0 || c == 0xad) return fmt::format("'\\u{:04x}'", c);
  return std::string("'") + static_cast<char>(0xc0 | (c >> 6)) + static_cast<char>(0x80 | (c & 0x3f)) + "'";
}

void append_utf8(std::string& out, uint32_t rune) {
  if (rune < 0x80) {
    out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    out += static_cast<char>(0xc0 | (rune >> 6));
    out += static_cast<char>(0x80 | (rune & 0x3f));
  } else if (rune < 0x10000) {
    out += static_cast<char>(0xe0 | (rune >> 12));
    out += static_cast<char>(0x80 | ((rune >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (rune & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (rune >> 18));
    out += static_cast<char>(0x80 | ((rune >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((rune >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (rune & 0x3f));
  }
}

// Length of the well-formed UTF-8 sequence at `p`, 0 where there is none.
size_t utf8_length(const char* p, const char* end) {
  auto byte = [&](ptrdiff_t i) -> unsigned { return p + i < end ? static_cast<unsigned char>(p[i]) : 0u; };
  auto tail = [&](ptrdiff_t i) { return (byte(i) & 0xc0) == 0x80; };
  unsigned c = byte(0);
  if (c < 0x80) return 1;
  if (c >= 0xc2 && c <= 0xdf) return tail(1) ? 2 : 0;
  if (c >= 0xe0 && c <= 0xef) {
    if (!tail(1) || !tail(2) || (c == 0xe0 && byte(1) < 0xa0) || (c == 0xed && byte(1) > 0x9f)) return 0;
    return 3;
  }
  if (c >= 0xf0 && c <= 0xf4) {
    if (!tail(1) || !tail(2) || !tail(3) || (c == 0xf0 && byte(1) < 0x90) || (c == 0xf4 && byte(1) > 0x8f)) return 0;
    return 4;
  }
  return 0;
}

class Parser {
 public:
  Parser(std::string_view text, const JsonLimits& limits, JsonNotes* notes)
      : at_(text.data()), end_(text.data() + text.size()), limits_(limits), notes_(notes) {}

  // False with error() set.
  bool run(Value& out) {
    if (!value(out)) return false;
    skip_space();
    if (at_ == end_) return true;
    return bad("after top-level value");
  }
  const std::string& error() const { return error_; }

 private:
  void skip_space() {
    while (at_ != end_ && is_space(*at_)) ++at_;
  }
  // The byte at hand (or the end of the text) does not fit.
  bool bad(std::string_view where) {
    if (!error_.empty()) return false;
    error_ = at_ == end_ ? "unexpected end of JSON input" : fmt::format("invalid character {} {}", quote_byte(static_cast<unsigned char>(*at_)), where);
    return false;
  }

  bool value(Value& out) {
    skip_space();
    if (at_ == end_) return bad("");
    switch (*at_) {
      case '{': return object(out);
      case '[': return array(out);
      case '"': return string(out);
      case 't': out = true; return literal("true");
      case 'f': out = false; return literal("false");
      case 'n': out = nullptr; return literal("null");
      default: break;
    }
    if (*at_ == '-' || is_digit(*at_)) return number(out);
    return bad("looking for beginning of value");
  }

  bool literal(std::string_view word) {
    ++at_;
    for (char expected : word.substr(1)) {
      if (at_ == end_ || *at_ != expected) return bad(fmt::format("in literal {} (expecting '{}')", word, expected));
      ++at_;
    }
    return true;
  }

  bool enter() {
    if (++depth_ > limits_.max_depth) return bad("exceeded max depth");
    ++at_;
    return true;
  }

  bool array(Value& out) {
    if (!enter()) return false;
    Value::Array items;
    skip_space();
    if (at_ != end_ && *at_ == ']') {
      ++at_;
    } else {
      for (;;) {
        Value item;
        Step step(*this, items.size());
        if (!value(item)) return false;
        items.push_back(std::move(item));
        skip_space();
        if (at_ == end_ || (*at_ != ',' && *at_ != ']')) return bad("after array element");
        if (*at_++ == ']') break;
      }
    }
    --depth_;
    out = Value(std::move(items));
    return true;
  }

  bool object(Value& out) {
    if (!enter()) return false;
    out = Value::object();
    skip_space();
    if (at_ != end_ && *at_ == '}') {
      ++at_;
      --depth_;
      return true;
    }
    for (;;) {
      skip_space();
      if (at_ == end_ || *at_ != '"') return bad("looking for beginning of object key string");
      Value key;
      if (!string(key)) return false;
      skip_space();
      if (at_ == end_ || *at_ != ':') return bad("after object key");
      ++at_;
      if (!member(out, key.text())) return false;
      skip_space();
      if (at_ == end_ || (*at_ != ',' && *at_ != '}')) return bad("after object key:value pair");
      if (*at_++ == '}') break;
    }
    --depth_;
    return true;
  }

  bool member(Value& object, std::string_view key) {
    Step step(*this, key);
    size_t before = object.size();
    Value& slot = object[key];
    if (object.size() == before) note_duplicate();
    Value parsed;
    if (!value(parsed)) return false;
    slot = std::move(parsed);
    return true;
  }

  bool number(Value& out) {
    const char* start = at_;
    bool integer = true;
    if (*at_ == '-') ++at_;
    if (at_ == end_ || !is_digit(*at_)) return bad("in numeric literal");
    if (*at_ == '0') ++at_;
    else skip_digits();
    if (at_ != end_ && *at_ == '.') {
      integer = false;
      ++at_;
      if (at_ == end_ || !is_digit(*at_)) return bad("after decimal point in numeric literal");
      skip_digits();
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      integer = false;
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (at_ == end_ || !is_digit(*at_)) return bad("in exponent of numeric literal");
      skip_digits();
    }
    if (int64_t whole = 0; integer && std::from_chars(start, at_, whole).ec == std::errc()) {
      out = Value(whole);
      return true;
    }
    double number = 0;
    auto [rest, ec] = std::from_chars(start, at_, number);
    if (ec == std::errc::result_out_of_range && std::string_view(start, at_).find("e-") == std::string_view::npos &&
        std::string_view(start, at_).find("E-") == std::string_view::npos) {
      error_ = fmt::format("json: cannot unmarshal number {} into Go value of type float64", std::string_view(start, at_));
      return false;
    }
    out = Value(ec == std::errc() ? number : 0.0);
    return true;
  }
  void skip_digits() {
    while (at_ != end_ && is_digit(*at_)) ++at_;
  }

  bool string(Value& out) {
    const char* start = ++at_;
    while (at_ != end_) {
      unsigned char c = static_cast<unsigned char>(*at_);
      if (c == '"') {
        out = Value(std::string_view(start, at_));
        ++at_;
        return true;
      }
      if (c == '\\' || c < 0x20) break;
      size_t length = utf8_length(at_, end_);
      if (length == 0) break;
      at_ += length;
    }
    scratch_.assign(start, at_);
    return slow_string(out);
  }

  bool slow_string(Value& out) {
    while (at_ != end_) {
      unsigned char c = static_cast<unsigned char>(*at_);
      if (c == '"') {
        ++at_;
        out = Value(std::string_view(scratch_));
        return true;
      }
      if (c < 0x20) return bad("in string literal");
      if (c == '\\') {
        ++at_;
        if (!escape()) return false;
        continue;
      }
      size_t length = utf8_length(at_, end_);
      if (length == 0) {
        append_utf8(scratch_, 0xfffd);
        ++at_;
      } else {
        scratch_.append(at_, length);
        at_ += length;
      }
    }
    return bad("");
  }

  bool escape() {
    if (at_ == end_) return bad("");
    switch (*at_) {
      case 'b': scratch_ += '\b'; break;
      case 'f': scratch_ += '\f'; break;
      case 'n': scratch_ += '\n'; break;
      case 'r': scratch_ += '\r'; break;
      case 't': scratch_ += '\t'; break;
      case '\\':
      case '/':
      case '"': scratch_ += *at_; break;
      case 'u': ++at_; return unicode_escape();
      default: return bad("in string escape code");
    }
    ++at_;
    return true;
  }

  bool hex4(uint32_t& out) {
    out = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      char c = at_ == end_ ? '\0' : *at_;
      uint32_t digit;
      if (is_digit(c)) digit = static_cast<uint32_t>(c - '0');
      else if (c >= 'a' && c <= 'f') digit = static_cast<uint32_t>(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F') digit = static_cast<uint32_t>(c - 'A' + 10);
      else return bad("in \\u hexadecimal character escape");
      out = out * 16 + digit;
    }
    return true;
  }

  bool unicode_escape() {
    uint32_t rune;
    if (!hex4(rune)) return false;
    if (rune >= 0xd800 && rune < 0xdc00 && end_ - at_ >= 2 && at_[0] == '\\' && at_[1] == 'u') {
      const char* back = at_;
      uint32_t low;
      at_ += 2;
      if (!hex4(low)) return false;
      if (low >= 0xdc00 && low < 0xe000) {
        append_utf8(scratch_, 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00));
        return true;
      }
      at_ = back;
    }
    append_utf8(scratch_, rune >= 0xd800 && rune < 0xe000 ? 0xfffd : rune);
    return true;
  }

  // Where the parser stands, kept only while somebody wants to hear of duplicates.
  struct Step {
    Step(Parser& parser, size_t index) : parser_(parser), length_(parser.path_.size()) {
      if (parser.notes_) parser.path_ += fmt::format("[{}]", index);
    }
    Step(Parser& parser, std::string_view key) : parser_(parser), length_(parser.path_.size()) {
      if (parser.notes_) (parser.path_ += '.') += key;
    }
    ~Step() { parser_.path_.resize(length_); }
    Parser& parser_;
    size_t length_;
  };
  void note_duplicate() {
    if (!notes_ || notes_->duplicates.size() >= 100) return;
    std::string path = path_.substr(path_.starts_with('.') ? 1 : 0);
    if (std::ranges::find(notes_->duplicates, path) == notes_->duplicates.end()) notes_->duplicates.push_back(std::move(path));
  }

  const char* at_;
  const char* end_;
  const JsonLimits& limits_;
  JsonNotes* notes_;
  size_t depth_ = 0;
  std::string path_;
  std::string scratch_;
  std::string error_;
};

}  // namespace

Result<Value> parse_json(std::string_view text, const JsonLimits& limits, JsonNotes* notes) {
  if (text.size() > limits.max_bytes)
    return fail(Code::kResourceExhausted, fmt::format("JSON of {} bytes: at most {} are taken", text.size(), limits.max_bytes));
  Parser parser(text, limits, notes);
  Value value;
  if (!parser.run(value)) return fail(Code::kInvalidArgument, parser.error());
  return value;
}

std::string go_json_error(std::string_view text) {
  JsonLimits limits;
  limits.max_bytes = text.size();
  auto parsed = parse_json(text, limits);
  return parsed ? std::string() : parsed.error().message();
}

namespace {

// Characters that stand in a JSON string as they are, also with HTML escaping.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (int c = 0x20; c < 0x80; ++c) plain[static_cast<size_t>(c)] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
  return plain;
}();

}  // namespace

void append_json_string(std::string& out, std::string_view text, bool escape_html) {
  size_t plain = 0;
  while (plain < text.size() && kPlain[static_cast<unsigned char>(text[plain])]) ++plain;
  if (plain == text.size()) {
    size_t start = out.size();
    out.resize(start + plain + 2);
    char* to = out.data() + start;
    *to = '"';
    std::memcpy(to + 1, text.data(), plain);
    to[plain + 1] = '"';
    return;
  }
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  const char* end = text.data() + text.size();
  const char* start = text.data();
  const char* at = start;
  auto flush = [&] { out.append(start, at); };
  while (at != end) {
    unsigned char c = static_cast<unsigned char>(*at);
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && !(escape_html && (c == '<' || c == '>' || c == '&'))) {
      ++at;
      continue;
    }
    if (c >= 0x80) {
      size_t length = utf8_length(at, end);
      bool separator = length == 3 && c == 0xe2 && static_cast<unsigned char>(at[1]) == 0x80 &&
                       (static_cast<unsigned char>(at[2]) == 0xa8 || static_cast<unsigned char>(at[2]) == 0xa9);
      if (length != 0 && !separator) {
        at += length;
        continue;
      }
      flush();
      out += length == 0 ? "\\ufffd" : (static_cast<unsigned char>(at[2]) == 0xa8 ? "\\u2028" : "\\u2029");
      start = at += length == 0 ? 1 : length;
      continue;
    }
    flush();
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        out += "\\u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
    start = ++at;
  }
  flush();
  out += '"';
}

void append_json_double(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  char buffer[400];
  double size = std::abs(number);
  bool exponent = size != 0 && (size < 1e-6 || size >= 1e21);
  auto [end, ec] = std::to_chars(buffer, buffer + sizeof(buffer), number, exponent ? std::chars_format::scientific : std::chars_format::fixed);
  std::string_view text(buffer, end);
  if (!exponent && size >= 9007199254740992.0) {
    // Go pads the shortest digits with zeros, where to_chars gives the exact integer.
    end = std::to_chars(buffer, buffer + sizeof(buffer), number, std::chars_format::scientific).ptr;
    text = std::string_view(buffer, end);
    size_t mark = text.find('e');
    int power = 0;
    std::from_chars(buffer + mark + 2, end, power);  // behind "e+"
    int fraction = 0;
    for (char c : text.substr(0, mark)) {
      if (c != '.') out += c;
      if (is_digit(c)) ++fraction;
    }
    out.append(static_cast<size_t>(std::max(0, power - fraction + 1)), '0');
    return;
  }
  // Go writes e-9 for e-09.
  size_t length = text.size();
  if (exponent && length >= 4 && text[length - 4] == 'e' && text[length - 3] == '-' && text[length - 2] == '0') {
    out.append(text.substr(0, length - 2));
    out += text[length - 1];
    return;
  }
  out += text;
}

void append_json(std::string& out, const Value& value, JsonStyle style) {
  switch (value.kind()) {
    case Value::Kind::kNull: out += "null"; return;
    case Value::Kind::kBool: out += value.bool_or(false) ? "true" : "false"; return;
    case Value::Kind::kInt: {
      char buffer[24];
      out.append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), value.int_or(0)).ptr);
      return;
    }
    case Value::Kind::kDouble: append_json_double(out, value.number_or(0)); return;
    case Value::Kind::kString: append_json_string(out, value.text(), style.escape_html); return;
    case Value::Kind::kArray: {
      char separator = '[';
      for (const auto& item : value.items()) {
        out += separator;
        append_json(out, item, style);
        separator = ',';
      }
      out += separator == '[' ? "[]" : "]";
      return;
    }
    case Value::Kind::kObject: break;
  }
  std::vector<const Value::Member*> order;
  order.reserve(value.size());
  for (const auto& member : value.members()) order.push_back(&member);
  if (style.sorted) std::ranges::sort(order, {}, [](const Value::Member* m) { return m->key(); });
  char separator = '{';
  for (const auto* member : order) {
    out += separator;
    append_json_string(out, member->key(), style.escape_html);
    out += ':';
    append_json(out, member->value, style);
    separator = ',';
  }
  out += separator == '{' ? "{}" : "}";
}

std::string to_json(const Value& value, JsonStyle style) {
  std::string out;
  append_json(out, value, style);
  return out;
}

}  // namespace reigen::api
