#include "node/session_streams.h"

#include "node/container_log.h"

namespace reigen::node {
namespace {
constexpr size_t kChunk = 32 * 1024;
constexpr size_t kWaiting = 64 * 1024;
// A child of the program may hold its outputs open for ever.
constexpr auto kOutputsAfterEnd = std::chrono::seconds(2);
}  // namespace

std::shared_ptr<SessionStreams> SessionStreams::make(Executor& executor, SessionStreamsOptions options) {
  auto made = std::shared_ptr<SessionStreams>(new SessionStreams(executor, options));
  made->watch_client();
  return made;
}

SessionStreams::SessionStreams(Executor& executor, SessionStreamsOptions options) : executor_(executor), options_(options) {
  std::tie(near_output_, far_output_) = make_stream_pair(kWaiting);
  if (options.in) std::tie(near_input_, far_input_) = make_stream_pair(kWaiting);
}

SessionStreams::~SessionStreams() {
  near_output_->close();
  if (near_input_) near_input_->close();
}

// The client writes nothing into its output: what comes from there is its end.
void SessionStreams::watch_client() {
  near_output_->read(1, [weak = weak_from_this()](Result<std::string>) {
    if (auto self = weak.lock()) self->client_gone();
  });
}

void SessionStreams::client_gone() {
  std::shared_ptr<runtime::Session> ended;
  std::deque<Queued> dropped;
  {
    std::lock_guard lock(mutex_);
    if (over_) return;
    gone_ = true;
    dropped = std::exchange(queue_, {});
    if (!options_.outlives_client) ended = std::exchange(session_, nullptr);
  }
  if (!options_.outlives_client) {
    // Not on this thread: it may be inside a callback of the session.
    if (ended) executor_.post([ended] {});
    return finish(0);
  }
  for (auto& entry : dropped) entry.next();
}

void SessionStreams::send_first(std::shared_ptr<ByteStream> log, Fn then) {
  auto* source = log.get();
  source->read(kChunk, [self = shared_from_this(), log = std::move(log), then = std::move(then)](Result<std::string> data) mutable {
    if (!data || data->empty()) return then();
    if (std::lock_guard lock(self->mutex_); self->gone_ || self->over_) return;
    self->put(std::move(*data), [self, log = std::move(log), then = std::move(then)]() mutable { self->send_first(std::move(log), std::move(then)); });
  });
}

void SessionStreams::join(std::unique_ptr<runtime::Session> session) {
  std::shared_ptr<runtime::Session> shared = std::move(session);
  int width, height;
  auto output = shared->output(), errors = shared->errors();
  {
    std::lock_guard lock(mutex_);
    if (over_) {
      executor_.post([shared] {});
      return;
    }
    session_ = shared;
    open_parts_ = 1 + (output ? 1 : 0) + (errors ? 1 : 0);
    width = width_;
    height = height_;
  }
  if (width > 0) shared->resize(width, height);
  shared->wait([self = shared_from_this()](Result<int> code) { self->session_ended(std::move(code)); });
  if (output) pump_output(output, false, options_.out);
  if (errors) pump_output(errors, true, options_.err);
  if (near_input_ && shared->input()) pump_input();
}

void SessionStreams::pump_input() {
  near_input_->read(kChunk, [self = shared_from_this()](Result<std::string> data) {
    std::shared_ptr<runtime::Session> session;
    {
      std::lock_guard lock(self->mutex_);
      session = self->session_;
    }
    if (!session) return;
    auto input = session->input();
    if (!data || data->empty()) return input->close_write();
    input->write(std::move(*data), [self, input](Status written) {
      if (written) self->pump_input();
      else self->near_input_->close();
    });
  });
}

void SessionStreams::pump_output(std::shared_ptr<ByteStream> from, bool error_stream, bool wanted) {
  auto* source = from.get();
  source->read(kChunk, [self = shared_from_this(), from = std::move(from), error_stream, wanted](Result<std::string> data) mutable {
    if (!data || data->empty()) return self->part_ended();
    auto next = [self, from = std::move(from), error_stream, wanted]() mutable { self->pump_output(std::move(from), error_stream, wanted); };
    if (!wanted) return self->executor_.post(std::move(next));
    std::string framed;
    if (self->options_.framed) append_frame(framed, error_stream, *data);
    else framed = std::move(*data);
    self->put(std::move(framed), std::move(next));
  });
}

// `next` runs when the client has taken the data, or is gone.
void SessionStreams::put(std::string data, Fn next) {
  bool drop;
  {
    std::lock_guard lock(mutex_);
    drop = gone_ || over_;
    if (!drop) queue_.push_back({std::move(data), std::move(next)});
  }
  if (drop) return executor_.post(std::move(next));
  write_next();
}

void SessionStreams::write_next() {
  Queued entry;
  bool finished = false;
  {
    std::lock_guard lock(mutex_);
    if (writing_) return;
    if (queue_.empty()) {
      finished = finishing_ && !over_;
      if (!finished) return;
      over_ = true;
    } else {
      writing_ = true;
      entry = std::move(queue_.front());
      queue_.pop_front();
    }
  }
  if (finished) {
    Ended ended;
    Result<int> result = 0;
    std::shared_ptr<runtime::Session> session;
    {
      std::lock_guard lock(mutex_);
      ended = std::move(ended_);
      result = result_;
      session = std::move(session_);
    }
    if (session) executor_.post([session] {});
    // First: a client that has read all asks for the exit code at once.
    if (ended) ended(std::move(result));
    near_output_->close_write();
    if (near_input_) near_input_->close();
    return;
  }
  near_output_->write(std::move(entry.data), [self = shared_from_this(), next = std::move(entry.next)](Status written) mutable {
    {
      std::lock_guard lock(self->mutex_);
      self->writing_ = false;
    }
    if (!written) self->client_gone();
    self->executor_.post(std::move(next));
    self->write_next();
  });
}

void SessionStreams::part_ended() {
  {
    std::lock_guard lock(mutex_);
    if (--open_parts_ > 0) return;
    finishing_ = true;
  }
  write_next();
}

void SessionStreams::session_ended(Result<int> code) {
  {
    std::lock_guard lock(mutex_);
    if (over_) return;
    result_ = std::move(code);
  }
  executor_.after(kOutputsAfterEnd, [weak = weak_from_this()] {
    auto self = weak.lock();
    if (!self) return;
    {
      std::lock_guard lock(self->mutex_);
      self->finishing_ = true;
    }
    self->write_next();
  });
  part_ended();
}

void SessionStreams::finish(Result<int> result) {
  {
    std::lock_guard lock(mutex_);
    if (over_) return;
    result_ = std::move(result);
    finishing_ = true;
    if (gone_) queue_.clear();
  }
  write_next();
}

void SessionStreams::resize(int width, int height) {
  std::shared_ptr<runtime::Session> session;
  {
    std::lock_guard lock(mutex_);
    width_ = width;
    height_ = height;
    session = session_;
  }
  if (session) session->resize(width, height);
}

void SessionStreams::when_ended(Ended ended) {
  Result<int> result = 0;
  {
    std::lock_guard lock(mutex_);
    if (!over_) {
      ended_ = std::move(ended);
      return;
    }
    result = result_;
  }
  ended(std::move(result));
}

bool SessionStreams::over() const {
  std::lock_guard lock(mutex_);
  return over_ || gone_;
}

}  // namespace reigen::node
