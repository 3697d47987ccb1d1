#include "http/read_queue.h"

#include <algorithm>

namespace reigen::http {

void ReadQueue::push(std::string_view bytes) {
  if (bytes.empty()) return;
  ByteStream::ReadDone done;
  std::string out;
  size_t left;
  {
    std::lock_guard lock(mutex_);
    if (ended_) return;
    if (!waiting_) {
      buffer_.append(bytes);
      return;
    }
    done = std::exchange(waiting_, nullptr);
    out = bytes.substr(0, waiting_max_);
    buffer_.assign(bytes.substr(out.size()));
    offset_ = 0;
    left = buffer_.size();
  }
  size_t taken = out.size();
  done(std::move(out));
  if (consumed_) consumed_(taken, left);
}

void ReadQueue::finish(Result<std::string> last) {
  ByteStream::ReadDone done;
  {
    std::lock_guard lock(mutex_);
    if (ended_) return;
    ended_ = true;
    last_ = last;
    done = std::exchange(waiting_, nullptr);
  }
  if (done) done(std::move(last));
}

void ReadQueue::end() { finish(std::string()); }
void ReadQueue::fail(Error error) { finish(reigen::fail(std::move(error))); }

void ReadQueue::close() {
  ByteStream::ReadDone done;
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    last_ = reigen::fail(Code::kCancelled, "stream closed");
    std::string().swap(buffer_);
    offset_ = 0;
    done = std::exchange(waiting_, nullptr);
  }
  if (done) done(reigen::fail(Code::kCancelled, "stream closed"));
}

void ReadQueue::read(size_t max, ByteStream::ReadDone done) {
  std::string out;
  size_t left;
  {
    std::unique_lock lock(mutex_);
    left = buffer_.size() - offset_;
    if (left == 0) {
      if (ended_) {
        Result<std::string> last = last_;
        lock.unlock();
        return done(std::move(last));
      }
      waiting_max_ = std::max<size_t>(max, 1);
      waiting_ = std::move(done);
      return;
    }
    size_t n = std::min(std::max<size_t>(max, 1), left);
    if (offset_ == 0 && n == left) {
      out = std::move(buffer_);
      buffer_.clear();
    } else {
      out = buffer_.substr(offset_, n);
      offset_ += n;
      if (offset_ * 2 > buffer_.size()) {
        buffer_.erase(0, offset_);
        offset_ = 0;
      }
    }
    left -= n;
  }
  size_t taken = out.size();
  done(std::move(out));
  if (consumed_) consumed_(taken, left);
}

size_t ReadQueue::size() const {
  std::lock_guard lock(mutex_);
  return buffer_.size() - offset_;
}

bool ReadQueue::ended() const {
  std::lock_guard lock(mutex_);
  return ended_;
}

}  // namespace reigen::http
