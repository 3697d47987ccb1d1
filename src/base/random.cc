#include "base/random.h"

#include <sys/random.h>

#include <cstring>

#include "base/check.h"

namespace reigen {
namespace {
class SystemRandom final : public Random {
 public:
  uint64_t next() override {
    // A small buffer a thread: one system call serves many numbers.
    thread_local uint64_t buffer[32];
    thread_local size_t left = 0;
    if (left == 0) {
      CHECK(::getrandom(buffer, sizeof buffer, 0) == static_cast<ssize_t>(sizeof buffer));
      left = 32;
    }
    uint64_t value = buffer[--left];
    buffer[left] = 0;
    return value;
  }
};
constexpr char kHex[] = "0123456789abcdef";
}  // namespace

std::string Random::hex(size_t bytes) {
  std::string out;
  out.reserve(bytes * 2);
  uint64_t bits = 0;
  for (size_t i = 0; i < bytes; ++i) {
    if (i % 8 == 0) bits = next();
    out += kHex[(bits >> 4) & 15];
    out += kHex[bits & 15];
    bits >>= 8;
  }
  return out;
}

std::string Random::uuid() {
  std::string digits = hex(16);
  digits[12] = '4';
  digits[16] = kHex[8 | (next() & 3)];
  for (size_t at : {8, 13, 18, 23}) digits.insert(at, 1, '-');
  return digits;
}

std::string Random::name_suffix(size_t length) {
  static constexpr char kAlphabet[] = "bcdfghjklmnpqrstvwxz2456789";
  std::string out;
  for (size_t i = 0; i < length; ++i) out += kAlphabet[below(sizeof kAlphabet - 1)];
  return out;
}

Random& system_random() {
  static SystemRandom random;
  return random;
}

uint64_t SeededRandom::next() {
  // splitmix64
  uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace reigen
