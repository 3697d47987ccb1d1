// The short forms of Compose files: durations, sizes, ports, volumes, devices, commands. Pure. Errors are kInvalidArgument and quote the text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/value.h"
#include "base/clock.h"
#include "base/result.h"

namespace reigen::compose {

// "1m30s", "1.5h", "100ms", "2d", "1w"; "0". As Go's time.ParseDuration with days and weeks.
Result<Duration> parse_duration(std::string_view text);
// As Go prints it: "1m30s", "1h0m0s", "500ms".
std::string format_duration(Duration duration);

// "64m", "1.5 GB", "10kib", "1024": powers of 1024. As go-units' RAMInBytes.
Result<int64_t> parse_bytes(std::string_view text);

// More ports than this are refused: in a range, and in all of a file's services. Each is a rule of the host's.
inline constexpr int kMaxPorts = 32768;

// "[[address:]published:]target[/protocol]" with ranges, in the long form {mode, host_ip, target, published, protocol}, by target.
Result<api::Value::Array> parse_port(std::string_view text);

// "[source:]target[:options]" in the long form. `source` of a bind is as written.
Result<api::Value> parse_volume(std::string_view text);

// "/dev/a[:/dev/b[:rwm]]" in the long form.
Result<api::Value> parse_device(std::string_view text);

// A command line into words, as a shell quotes them; nothing is expanded.
Result<std::vector<std::string>> split_words(std::string_view line);

}  // namespace reigen::compose
