// BodyStream: the read side of a message body that is still arriving. Internal to http.
#pragma once

#include "base/executor.h"
#include "http/read_queue.h"

namespace reigen::http {

class BodyStream final : public ByteStream {
 public:
  static constexpr size_t kHighWater = 256 << 10;  // bytes held above which its source stops reading

  // `consumed` runs when a reader took bytes; `closed` once when the reader gives up.
  BodyStream(ReadQueue::Consumed consumed, Fn closed) : queue_(std::move(consumed)), closed_(std::move(closed)) {}
  ~BodyStream() override { close(); }

  void read(size_t max, ReadDone done) override { queue_.read(max, std::move(done)); }
  void write(std::string, WriteDone done) override { done(fail(Code::kUnimplemented, "a message body is read only")); }
  void close_write() override {}
  void close() override {
    bool ended = queue_.ended();
    queue_.close();
    Fn closed;
    {
      std::lock_guard lock(mutex_);
      closed = std::exchange(closed_, nullptr);
    }
    if (closed && !ended) closed();
  }
  ReadQueue& queue() { return queue_; }

 private:
  ReadQueue queue_;
  std::mutex mutex_;
  Fn closed_;
};

}  // namespace reigen::http
