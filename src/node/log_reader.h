// Container logs in CRI's format: "2016-10-06T00:17:09.669794202Z stdout F text\n", P instead of F for a part of a line.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/byte_stream.h"
#include "base/executor.h"
#include "base/result.h"

namespace reigen::node {

struct LogLine {
  std::string_view timestamp, stream, text;  // text without the line's end
  bool partial = false;
};
// Nothing for a line that is none of CRI's.
std::optional<LogLine> parse_log_line(std::string_view line);

struct LogQuery {
  bool follow = false, timestamps = false;
  std::optional<int64_t> tail_lines, limit_bytes;
  std::string since;   // RFC 3339 in UTC, compared as text; "" for all
  std::string stream;  // "", "All", "Stdout", "Stderr"
};

// What a client is sent, as long as the stream is open. `path` and its rotated predecessor are read; with follow, new lines come until
// `running` says false. At most 64 KB wait in memory. Returns the reading end at once.
std::shared_ptr<ByteStream> read_log(Executor& executor, const std::string& path, LogQuery query, std::function<bool()> running);

}  // namespace reigen::node
