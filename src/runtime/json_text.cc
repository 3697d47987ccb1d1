#include "runtime/json_text.h"

#include <fmt/core.h>

namespace reigen::runtime {

std::string json_quote(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<int>(c));
        } else {
          out += c;
        }
    }
  }
  return out += '"';
}

void JsonText::lead(std::string_view key) {
  if (!out_.empty() && out_.back() != '{' && out_.back() != '[') out_ += ',';
  if (!key.empty()) out_ += json_quote(key) + ":";
}

JsonText& JsonText::open(std::string_view key, char bracket) {
  lead(key);
  out_ += bracket;
  return *this;
}

JsonText& JsonText::close(char bracket) {
  out_ += bracket;
  return *this;
}

JsonText& JsonText::text(std::string_view key, std::string_view value) {
  lead(key);
  out_ += json_quote(value);
  return *this;
}

JsonText& JsonText::item(std::string_view value) { return text({}, value); }

JsonText& JsonText::number(std::string_view key, int64_t value) {
  lead(key);
  out_ += std::to_string(value);
  return *this;
}

JsonText& JsonText::number_item(int64_t value) { return number({}, value); }

JsonText& JsonText::boolean(std::string_view key, bool value) {
  lead(key);
  out_ += value ? "true" : "false";
  return *this;
}

JsonText& JsonText::texts(std::string_view key, const std::vector<std::string>& values) {
  begin_array(key);
  for (const auto& value : values) item(value);
  return end_array();
}

JsonText& JsonText::raw(std::string_view key, std::string_view json) {
  lead(key);
  out_ += json;
  return *this;
}

}  // namespace reigen::runtime
