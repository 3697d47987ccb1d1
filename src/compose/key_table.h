// What a Compose file may hold: every key of the specification (and of versions 1 to 3) with its shape, what its scalars become, and
// whether it is honoured. The order of the keys is that of `config`. Source: compose-spec.json and docs.docker.com/reference/compose-file.
#pragma once

#include <span>
#include <string_view>

namespace reigen::compose {

enum Shape : unsigned { kText = 1, kBool = 2, kNumber = 4, kNull = 8, kList = 16, kMap = 32, kScalar = kText | kBool | kNumber };

// What a scalar becomes: numbers and booleans written as text (also by a variable) and the other way round.
enum class Cast : unsigned char { kNone, kText, kBool, kInteger, kNumber, kBytes, kDuration, kMode };

enum class Treatment : unsigned char {
  kHonoured,
  kWarned,   // has no effect: said once
  kRefused,  // ignoring it would be wrong
};

struct Shaped;
struct Key {
  std::string_view name;
  const Shaped* value;
  Treatment treatment = Treatment::kHonoured;
  std::string_view why = {};  // for what is warned of or refused
};
struct Shaped {
  unsigned shapes = kText;
  Cast cast = Cast::kNone;
  std::span<const Key> keys = {};                // of a map with known keys
  const Shaped* members = nullptr;               // of a map with any keys
  const Shaped* items = nullptr;                 // of a list
  std::span<const std::string_view> words = {};  // the only texts allowed
};

extern const Shaped kFileShape;       // a whole file
extern const Shaped kServiceShape;    // a service
extern const Shaped kServiceV1Shape;  // a service of a file without `services`, version 1

}  // namespace reigen::compose
