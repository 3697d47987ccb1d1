// ReadQueue: bytes that have arrived and wait for ByteStream::read. Thread-safe. Internal to http.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/byte_stream.h"

namespace reigen::http {

class ReadQueue {
 public:
  // Runs, without a lock held, each time a reader has taken bytes: how many, and how many are left.
  using Consumed = std::function<void(size_t taken, size_t left)>;

  explicit ReadQueue(Consumed consumed = {}) : consumed_(std::move(consumed)) {}

  void push(std::string_view bytes);
  void end();              // readers get the rest, then the end of the stream
  void fail(Error error);  // readers get the rest, then the error
  void close();            // drops everything; a waiting reader gets kCancelled, later ones too; push is a no-op
  void read(size_t max, ByteStream::ReadDone done);
  size_t size() const;
  bool ended() const;

 private:
  void finish(Result<std::string> last);

  mutable std::mutex mutex_;
  Consumed consumed_;
  std::string buffer_;
  size_t offset_ = 0;
  bool ended_ = false;
  Result<std::string> last_;
  size_t waiting_max_ = 0;
  ByteStream::ReadDone waiting_;
};

}  // namespace reigen::http
