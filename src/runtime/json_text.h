// Writes JSON text, for the files that crun reads. No document tree: runtime stands below the object model.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace reigen::runtime {

class JsonText {
 public:
  JsonText& begin_object(std::string_view key = {}) { return open(key, '{'); }
  JsonText& end_object() { return close('}'); }
  JsonText& begin_array(std::string_view key = {}) { return open(key, '['); }
  JsonText& end_array() { return close(']'); }
  JsonText& text(std::string_view key, std::string_view value);
  JsonText& item(std::string_view value);  // of an array
  JsonText& number(std::string_view key, int64_t value);
  JsonText& number_item(int64_t value);
  JsonText& boolean(std::string_view key, bool value);
  JsonText& texts(std::string_view key, const std::vector<std::string>& values);
  JsonText& raw(std::string_view key, std::string_view json);

  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  void lead(std::string_view key);
  JsonText& open(std::string_view key, char bracket);
  JsonText& close(char bracket);
};

// `text` with quotes, as a JSON string. Bytes that are no UTF-8 stay as they are: crun passes them on.
std::string json_quote(std::string_view text);

}  // namespace reigen::runtime
