// Wire: the bytes of one protobuf message, read field by field. Internal to api.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace reigen::api {

// Reads one message's bytes; every failure is final and named once.
class Wire {
 public:
  explicit Wire(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}
  bool done() const { return at_ == end_; }
  const char* at() const { return at_; }

  bool varint(uint64_t& value) {
    if (at_ != end_ && static_cast<unsigned char>(*at_) < 0x80) {
      value = static_cast<unsigned char>(*at_++);
      return true;
    }
    value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) return false;
      auto byte = static_cast<unsigned char>(*at_++);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  bool tag(unsigned& number, unsigned& wire) {
    uint64_t value = 0;
    if (!varint(value) || value >> 3 == 0 || value >> 3 > 0x1fffffff) return false;
    number = static_cast<unsigned>(value >> 3);
    wire = value & 7;
    return true;
  }
  bool bytes(std::string_view& out) {
    uint64_t length = 0;
    if (!varint(length) || length > static_cast<uint64_t>(end_ - at_)) return false;
    out = {at_, static_cast<size_t>(length)};
    at_ += length;
    return true;
  }
  bool fixed(size_t width, uint64_t& value) {
    if (static_cast<size_t>(end_ - at_) < width) return false;
    value = 0;
    for (size_t i = 0; i < width; i++) value |= static_cast<uint64_t>(static_cast<unsigned char>(at_[i])) << (8 * i);
    at_ += width;
    return true;
  }
  bool skip(unsigned wire, int depth = 0) {
    uint64_t ignored = 0;
    std::string_view text;
    switch (wire) {
      case 0: return varint(ignored);
      case 1: return fixed(8, ignored);
      case 2: return bytes(text);
      case 5: return fixed(4, ignored);
      case 3: break;
      default: return false;
    }
    for (;;) {  // a group, up to its end
      unsigned number = 0, inner = 0;
      if (depth > 100 || !tag(number, inner)) return false;
      if (inner == 4) return true;
      if (!skip(inner, depth + 1)) return false;
    }
  }

 private:
  const char* at_;
  const char* end_;
};

}  // namespace reigen::api
