#include "http/stream_writer.h"

namespace reigen::http {

void StreamWriter::write(std::string_view bytes, WriteDone done) {
  bool start;
  {
    std::unique_lock lock(mutex_);
    if (failed_ || shut_) {
      lock.unlock();
      if (done) done(fail(Code::kCancelled, "stream closed"));
      return;
    }
    queue_.append(bytes);
    if (done && queue_.size() + in_flight_ > kHighWater) {
      waiters_.push_back(std::move(done));
      done = nullptr;
    }
    start = !std::exchange(writing_, true);
  }
  if (start) next();
  if (done) done({});
}

void StreamWriter::append(std::string_view bytes) {
  std::lock_guard lock(mutex_);
  if (!failed_ && !shut_) queue_.append(bytes);
}

void StreamWriter::kick() {
  {
    std::lock_guard lock(mutex_);
    if (queue_.empty() || std::exchange(writing_, true)) return;
  }
  next();
}

// Called by whoever set writing_.
void StreamWriter::next() {
  std::string batch;
  bool shut;
  {
    std::lock_guard lock(mutex_);
    batch.swap(queue_);
    in_flight_ = batch.size();
    shut = batch.empty() && shut_;
    if (batch.empty()) writing_ = false;
  }
  if (batch.empty()) {
    if (shut) stream_->close_write();
    return;
  }
  stream_->write(std::move(batch), [self = shared_from_this()](Status status) {
    std::vector<WriteDone> ready;
    {
      std::lock_guard lock(self->mutex_);
      self->in_flight_ = 0;
      if (!status) {
        self->failed_ = true;
        self->queue_.clear();
        self->writing_ = false;
      }
      if (!status || self->queue_.size() <= kHighWater) ready.swap(self->waiters_);
    }
    if (status) self->next();
    for (auto& done : ready) done(status);
  });
}

void StreamWriter::close_write_after_flush() {
  bool now;
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(shut_, true)) return;
    now = !writing_ && !failed_ && queue_.empty();
  }
  if (now) stream_->close_write();
}

void StreamWriter::close() {
  std::vector<WriteDone> ready;
  {
    std::lock_guard lock(mutex_);
    failed_ = true;
    queue_.clear();
    ready.swap(waiters_);
  }
  stream_->close();
  for (auto& done : ready) done(fail(Code::kCancelled, "stream closed"));
}

size_t StreamWriter::buffered() const {
  std::lock_guard lock(mutex_);
  return queue_.size() + in_flight_;
}

}  // namespace reigen::http
