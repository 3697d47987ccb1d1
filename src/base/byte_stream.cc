#include "base/byte_stream.h"

#include <atomic>
#include <mutex>

namespace reigen {
namespace {

struct Splice : std::enable_shared_from_this<Splice> {
  std::shared_ptr<ByteStream> ends[2];
  std::move_only_function<void()> done;
  std::atomic<int> open{2};
  std::atomic<bool> failed{false};

  void pump(int from) {
    ends[from]->read(65536, [self = shared_from_this(), from](Result<std::string> data) {
      if (!data) return self->fail_all();
      if (data->empty()) {
        self->ends[1 - from]->close_write();
        return self->direction_ended();
      }
      self->ends[1 - from]->write(std::move(*data), [self, from](Status written) {
        if (!written) return self->fail_all();
        self->pump(from);
      });
    });
  }

  void direction_ended() {
    if (--open > 0) return;
    finish();
  }

  void fail_all() {
    if (failed.exchange(true)) return direction_ended();
    ends[0]->close();
    ends[1]->close();
    direction_ended();
  }

  void finish() {
    ends[0]->close();
    ends[1]->close();
    if (done) std::exchange(done, nullptr)();
  }
};

// One direction of a stream pair.
struct Pipe {
  std::mutex mutex;
  std::string buffer;
  size_t taken = 0;  // of the buffer's begin, read already
  size_t capacity;
  bool ended = false;
  bool broken = false;
  size_t want = 0;
  ByteStream::ReadDone reader;
  std::string pending;
  ByteStream::WriteDone writer;

  explicit Pipe(size_t capacity) : capacity(capacity) {}

  size_t waiting() const { return buffer.size() - taken; }

  // Whole strings pass without a copy where nothing else waits.
  void put(std::string data) {
    if (waiting() == 0) {
      buffer = std::move(data);
      taken = 0;
      return;
    }
    buffer.erase(0, std::exchange(taken, 0));
    buffer += data;
  }
  std::string take(size_t most) {
    if (taken == 0 && buffer.size() <= most) return std::exchange(buffer, {});
    std::string out = buffer.substr(taken, most);
    taken += out.size();
    if (taken == buffer.size()) {
      buffer.clear();
      taken = 0;
    }
    return out;
  }

  // Matches what is waiting; runs callbacks outside the mutex.
  void settle() {
    ByteStream::ReadDone read_done;
    ByteStream::WriteDone write_done;
    Result<std::string> data = std::string();
    bool write_failed = false;
    {
      std::lock_guard lock(mutex);
      if (writer && (waiting() < capacity || broken)) {
        write_failed = broken;
        put(std::exchange(pending, {}));
        write_done = std::exchange(writer, nullptr);
      }
      if (reader && (waiting() > 0 || ended || broken)) {
        if (broken) data = fail(Code::kCancelled, "stream closed");
        else data = take(want);
        read_done = std::exchange(reader, nullptr);
      }
    }
    if (read_done) read_done(std::move(data));
    if (write_done) write_done(write_failed ? Status(fail(Code::kCancelled, "stream closed")) : Status());
    if (read_done == nullptr && write_done == nullptr) return;
  }
};

class PairEnd final : public ByteStream {
 public:
  PairEnd(std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out) : in_(std::move(in)), out_(std::move(out)) {}
  ~PairEnd() override { PairEnd::close(); }

  void read(size_t max, ReadDone done) override {
    {
      std::lock_guard lock(in_->mutex);
      in_->want = max;
      in_->reader = std::move(done);
    }
    settle(in_);
  }

  void write(std::string data, WriteDone done) override {
    bool refused;
    {
      std::lock_guard lock(out_->mutex);
      refused = out_->ended || out_->broken;
      if (!refused) {
        out_->pending = std::move(data);
        out_->writer = std::move(done);
      }
    }
    if (refused) return done(fail(Code::kCancelled, "stream closed"));
    settle(out_);
  }

  void close_write() override {
    {
      std::lock_guard lock(out_->mutex);
      out_->ended = true;
    }
    settle(out_);
  }

  void close() override {
    close_write();
    {
      std::lock_guard lock(in_->mutex);
      in_->broken = true;
    }
    settle(in_);
  }

 private:
  // A read that takes bytes makes room for a waiting write, and the other way round.
  static void settle(std::shared_ptr<Pipe> pipe) {
    pipe->settle();
    pipe->settle();
  }

  std::shared_ptr<Pipe> in_, out_;
};

}  // namespace

void splice(std::shared_ptr<ByteStream> a, std::shared_ptr<ByteStream> b, std::move_only_function<void()> done) {
  auto state = std::make_shared<Splice>();
  state->ends[0] = std::move(a);
  state->ends[1] = std::move(b);
  state->done = std::move(done);
  state->pump(0);
  state->pump(1);
}

std::pair<std::shared_ptr<ByteStream>, std::shared_ptr<ByteStream>> make_stream_pair(size_t capacity) {
  auto left = std::make_shared<Pipe>(capacity);
  auto right = std::make_shared<Pipe>(capacity);
  return {std::make_shared<PairEnd>(left, right), std::make_shared<PairEnd>(right, left)};
}

}  // namespace reigen
