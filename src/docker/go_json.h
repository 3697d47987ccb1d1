// JSON as Docker's daemon writes it, and what its requests' errors are called.
#pragma once

#include <string>
#include <string_view>

#include "api/value.h"
#include "base/clock.h"
#include "base/result.h"

namespace reigen::docker {

// One line of Go's json.Encoder without HTML escapes: what every answer and every message of a stream is.
std::string go_json(const api::Value& value);
// {"message": text} as such a line.
std::string message_json(std::string_view text);

// The body of a request. Errors have Docker's words (kInvalidArgument): "invalid JSON: …"; an empty body is "invalid JSON: got EOF while reading
// request body", more than one document "unexpected content after JSON".
Result<api::Value> read_json(std::string_view body);

// Go's time.RFC3339Nano: fractions without trailing zeros, Z. The zero time is the year 1.
std::string go_time(WallTime time);
inline constexpr std::string_view kZeroTime = "0001-01-01T00:00:00Z";

}  // namespace reigen::docker
