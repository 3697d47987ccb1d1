// A container's log as Docker's clients read it: conmon's CRI lines become frames of 8 bytes head (1 stdout, 2 stderr, three zeros, the
// length) and a line each; with a terminal the bytes alone.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/byte_stream.h"
#include "base/clock.h"
#include "base/executor.h"

namespace reigen::node {

struct ContainerLogQuery {
  bool out = false, err = false, follow = false, timestamps = false;
  bool framed = true;   // false: the container has a terminal
  bool gather = false;  // a frame may hold several lines of one stream, up to 32 KB
  bool with_details = false;
  std::string details;        // put before each line, behind the time: "a=b,c=d"
  int64_t tail = -1;          // lines of both streams; -1: all
  WallTime since{}, until{};  // zero: no bound
};

// A frame's head and `text` behind it.
void append_frame(std::string& out, bool error_stream, std::string_view text);

// Reads `path` and its rotated predecessors (path.1 is the newest), the oldest first. With follow, new lines come until `ended` says true
// (asked for now and then on the executor's threads; what was written by then is still read). Returns the reading end at once; closing it
// stops the work. At most 1 MB waits in memory. A missing file is empty. Bytes that are no CRI lines are left out.
std::shared_ptr<ByteStream> read_container_log(Executor& executor, const std::string& path, ContainerLogQuery query, std::function<bool()> ended);

// What the reader makes of whole lines; for tests and the fuzzer. True: go on; false: a line behind `until` was met.
class ContainerLogFormat {
 public:
  explicit ContainerLogFormat(ContainerLogQuery query);
  // Appends what `lines` (each ended by '\n') give.
  bool append(std::string_view lines, std::string& out);

 private:
  bool append_line(std::string_view line, std::string& out);
  bool gathers(bool error_stream, size_t end) const;
  void put(bool error_stream, std::string_view timestamp, std::string_view text, bool partial, std::string& out);

  ContainerLogQuery query_;
  std::string since_, until_;  // as conmon writes times in UTC, 29 characters
  bool in_partial_[2] = {false, false};
  // The frame begun last of what append() is at work on.
  size_t frame_ = std::string::npos;
  bool frame_is_error_ = false;
};

}  // namespace reigen::node
