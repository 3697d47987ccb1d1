// StreamWriter: a queue in front of ByteStream::write, which takes one call at a time. Thread-safe. Internal to http.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_stream.h"
#include "base/executor.h"

namespace reigen::http {

class StreamWriter : public std::enable_shared_from_this<StreamWriter> {
 public:
  using WriteDone = ByteStream::WriteDone;
  static constexpr size_t kHighWater = 256 << 10;  // bytes queued above which `done` waits

  explicit StreamWriter(std::shared_ptr<ByteStream> stream) : stream_(std::move(stream)) {}

  // Pieces given while a write is outstanding leave together.
  void write(std::string_view bytes, WriteDone done = {});
  // The two halves of write: append only queues (may be called under a lock), kick starts writing.
  void append(std::string_view bytes);
  void kick();
  void close_write_after_flush();
  void close();
  size_t buffered() const;

 private:
  void next();

  mutable std::mutex mutex_;
  std::shared_ptr<ByteStream> stream_;
  std::string queue_;
  size_t in_flight_ = 0;
  std::vector<WriteDone> waiters_;
  bool writing_ = false;
  bool shut_ = false;
  bool failed_ = false;
};

}  // namespace reigen::http
