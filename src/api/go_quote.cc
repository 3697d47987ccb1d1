#include "api/go_quote.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <vector>

#include <fmt/core.h>

#include "api/value.h"

namespace reigen::api {
namespace {

// The rune at `text`, and its length in bytes; length 1 and rune 0xfffd where the bytes are no UTF-8.
struct Rune {
  uint32_t code;
  size_t length;
};

Rune first_rune(std::string_view text) {
  auto byte = [&](size_t i) -> uint32_t { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  uint32_t c = byte(0);
  if (c < 0x80) return {c, 1};
  if (c >= 0xc2 && c <= 0xdf && tail(1)) return {((c & 0x1f) << 6) | (byte(1) & 0x3f), 2};
  if (c >= 0xe0 && c <= 0xef && tail(1) && tail(2)) {
    uint32_t code = ((c & 0x0f) << 12) | ((byte(1) & 0x3f) << 6) | (byte(2) & 0x3f);
    if (code >= 0x800 && (code < 0xd800 || code > 0xdfff)) return {code, 3};
  }
  if (c >= 0xf0 && c <= 0xf4 && tail(1) && tail(2) && tail(3)) {
    uint32_t code = ((c & 0x07) << 18) | ((byte(1) & 0x3f) << 12) | ((byte(2) & 0x3f) << 6) | (byte(3) & 0x3f);
    if (code >= 0x10000 && code <= 0x10ffff) return {code, 4};
  }
  return {0xfffd, 1};
}

// unicode.IsPrint but for code points nobody has assigned.
bool is_printable(uint32_t code) {
  if (code < 0x7f) return code >= 0x20;
  if (code <= 0xa0 || code == 0xad) return false;
  if (code >= 0x2000 && code <= 0x200f) return false;
  if (code >= 0x2028 && code <= 0x202f) return false;
  if (code >= 0x205f && code <= 0x206f) return false;
  if (code == 0x3000 || code == 0x1680 || code == 0xfeff) return false;
  return !(code >= 0xe000 && code <= 0xf8ff) && code < 0xe0000;
}

}  // namespace

std::string go_quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    auto [code, length] = first_rune(text);
    if (code == 0xfffd && length == 1) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else if (code == '"' || code == '\\') {
      (out += '\\') += static_cast<char>(code);
    } else if (is_printable(code)) {
      out += text.substr(0, length);
    } else {
      static constexpr std::string_view kPlain = "\a\b\f\n\r\t\v", kNames = "abfnrtv";
      size_t named = code < 0x80 ? kPlain.find(static_cast<char>(code)) : std::string_view::npos;
      if (named != std::string_view::npos) (out += '\\') += kNames[named];
      else if (code < 0x80) out += fmt::format("\\x{:02x}", code);
      else if (code < 0x10000) out += fmt::format("\\u{:04x}", code);
      else out += fmt::format("\\U{:08x}", code);
    }
    text.remove_prefix(length);
  }
  return out += '"';
}

namespace {

void print(std::string& out, const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull: out += "<nil>"; return;
    case Value::Kind::kBool: out += value.bool_or(false) ? "true" : "false"; return;
    case Value::Kind::kInt: out += std::to_string(value.int_or(0)); return;
    case Value::Kind::kDouble: {
      double number = value.number_or(0), size = std::abs(number);
      bool exponent = size != 0 && (size < 1e-4 || size >= 1e21);
      if (!exponent) return append_json_double(out, number);
      char buffer[64];
      out.append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), number, std::chars_format::scientific).ptr);
      return;
    }
    case Value::Kind::kString: out += value.text(); return;
    case Value::Kind::kArray: {
      char separator = '[';
      for (const auto& item : value.items()) {
        out += separator;
        print(out, item);
        separator = ' ';
      }
      out += separator == '[' ? "[]" : "]";
      return;
    }
    case Value::Kind::kObject: break;
  }
  std::vector<const Value::Member*> order;
  for (const auto& member : value.members()) order.push_back(&member);
  std::ranges::sort(order, {}, [](const Value::Member* m) { return m->key(); });
  out += "map[";
  for (size_t i = 0; i < order.size(); ++i) {
    if (i) out += ' ';
    (out += order[i]->key()) += ':';
    print(out, order[i]->value);
  }
  out += ']';
}

}  // namespace

std::string go_print(const Value& value) {
  std::string out;
  print(out, value);
  return out;
}

std::string_view go_type_name(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull: return "%!s(<nil>)";
    case Value::Kind::kBool: return "bool";
    case Value::Kind::kInt: return "int64";
    case Value::Kind::kDouble: return "float64";
    case Value::Kind::kString: return "string";
    case Value::Kind::kArray: return "[]interface {}";
    case Value::Kind::kObject: return "map[string]interface {}";
  }
  return "";
}

std::string_view json_type_name(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull: return "null";
    case Value::Kind::kBool: return "bool";
    case Value::Kind::kInt:
    case Value::Kind::kDouble: return "number";
    case Value::Kind::kString: return "string";
    case Value::Kind::kArray: return "array";
    case Value::Kind::kObject: return "object";
  }
  return "";
}

}  // namespace reigen::api
