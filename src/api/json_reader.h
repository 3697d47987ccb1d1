// JsonReader: the tokens of one JSON text, strictly as RFC 8259 has them. For decoders; where it fails, go_json_error() has the message.
#pragma once

#include <string>
#include <string_view>

namespace reigen::api {

class JsonReader {
 public:
  // The text must outlive the reader, and hold well-formed UTF-8 only.
  JsonReader(std::string_view text, size_t max_depth) : at_(text.data()), end_(text.data() + text.size()), max_depth_(max_depth) {}

  // The next byte that is no blank, 0 at the end.
  char peek() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
    return at_ != end_ ? *at_ : '\0';
  }
  // Takes c; false where something else follows.
  bool take(char c) {
    if (peek() != c || at_ == end_) return false;
    ++at_;
    return true;
  }
  bool at_end() { return peek() == '\0' && at_ == end_; }
  bool enter() { return ++depth_ <= max_depth_; }
  void leave() { --depth_; }
  const char* position() const { return at_; }

  // A string. The view is into the text, or (where it had escapes) into the reader until the next string.
  bool string(std::string_view& out);
  bool number(std::string_view& literal);
  bool literal(std::string_view word);
  // Any value, checked and dropped.
  bool skip();
  // Any value, as compact text appended to `out`.
  bool raw(std::string& out);

 private:
  bool escaped_string(const char* start, std::string_view& out);
  bool unescape(std::string& out);
  bool hex4(unsigned& out);
  bool container(std::string* out, char close);
  bool scan(std::string* out);

  const char* at_;
  const char* end_;
  size_t max_depth_;
  size_t depth_ = 0;
  std::string scratch_;
};

}  // namespace reigen::api
