// Writes JSON text in the order of the calls.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace reigen::image {

std::string json_quote(std::string_view text);  // invalid UTF-8 becomes U+FFFD

class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view text);
  JsonWriter& value(int64_t number);
  JsonWriter& boolean(bool truth);
  JsonWriter& null();
  JsonWriter& raw(std::string_view json);  // one value that is JSON already
  JsonWriter& value(const std::vector<std::string>& list);
  std::string take() { return std::move(out_); }

 private:
  JsonWriter& open(char c);
  JsonWriter& close(char c);
  void separate();
  std::string out_;
  bool first_ = true;
};

}  // namespace reigen::image
