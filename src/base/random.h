// Randomness as an interface, so that a simulation repeats from its seed.
#pragma once

#include <cstdint>
#include <string>

namespace reigen {

class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t next() = 0;  // thread-safe

  // In [0, bound); bound > 0.
  uint64_t below(uint64_t bound) { return next() % bound; }
  // RFC 4122 version 4, in lower case.
  std::string uuid();
  // `length` characters of the alphabet Kubernetes uses for generated names: no vowels, no 0, 1 and 3.
  std::string name_suffix(size_t length = 5);
  std::string hex(size_t bytes);
};

// The kernel's generator; fit for keys and tokens.
Random& system_random();

// Deterministic; never for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  uint64_t next() override;

 private:
  uint64_t state_;
};

}  // namespace reigen
