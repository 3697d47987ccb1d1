#include "http/spdy.h"

#include <algorithm>

#include "http/client_loops.h"
#include "http/server.h"

namespace reigen::http {

namespace {
constexpr size_t kPiece = 64 << 10;
constexpr size_t kDataFrame = 32 << 10;
constexpr uint32_t kRefused = 3;
constexpr uint32_t kCancel = 5;
constexpr Duration kGoodbye = std::chrono::seconds(10);
}  // namespace

SpdyStream::SpdyStream(std::weak_ptr<SpdySession> session, uint32_t id, Headers headers)
    : session_(session), id_(id), headers_(std::move(headers)), queue_([this](size_t taken, size_t left) {
        if (auto live = session_.lock()) live->consumed(*this, taken, left);
      }) {}

// The queue's callback names this object: readers keep it alive until they are answered.
void SpdyStream::read(size_t max, ReadDone done) {
  queue_.read(max, [self = shared_from_this(), done = std::move(done)](Result<std::string> bytes) mutable { done(std::move(bytes)); });
}

void SpdyStream::write(std::string data, WriteDone done) {
  if (auto session = session_.lock()) return session->write_stream(*this, std::move(data), std::move(done));
  done(fail(Code::kCancelled, "SPDY session closed"));
}

void SpdyStream::close_write() {
  if (auto session = session_.lock()) session->shut_stream(*this);
}

void SpdyStream::close() {
  auto self = shared_from_this();
  if (auto session = session_.lock()) session->reset_stream(*this);
  queue_.close();
}

SpdySession::SpdySession(std::shared_ptr<ByteStream> stream, bool is_server)
    : stream_(std::move(stream)), writer_(std::make_shared<StreamWriter>(stream_)), is_server_(is_server), next_id_(is_server ? 2 : 1) {}

void SpdySession::start(Accept accept, Opened opened, Fn closed) {
  accept_ = std::move(accept);
  opened_ = std::move(opened);
  closed_ = std::move(closed);
  read_more();
}

void SpdySession::read_more() {
  stream_->read(kPiece, [self = shared_from_this()](Result<std::string> bytes) { self->on_bytes(std::move(bytes)); });
}

void SpdySession::on_bytes(Result<std::string> bytes) {
  if (!bytes) return ended(bytes.error());
  if (bytes->empty()) return ended(Error(Code::kUnavailable, "SPDY: connection closed"));
  in_.append(*bytes);
  std::string_view view = in_;
  for (;;) {
    auto frame = parser_.next(view);
    if (!frame) {
      close();
      return ended(frame.error());
    }
    if (!*frame) break;
    if (!on_frame(**frame)) return ended(Error(Code::kUnavailable, "SPDY: peer has gone away"));
  }
  in_.erase(0, in_.size() - view.size());
  {
    std::lock_guard lock(mutex_);
    if (over_) return;
    for (const auto& [id, stream] : streams_) {
      if (stream->queue_.size() < kMaxUnread) continue;
      reading_paused_ = true;
      return;
    }
  }
  read_more();
}

bool SpdySession::on_frame(SpdyFrame& frame) {
  switch (frame.type) {
    case SpdyType::kData: on_data(frame); return true;
    case SpdyType::kSynStream: on_syn_stream(frame); return true;
    case SpdyType::kSynReply:
      if (frame.flags & kSpdyFin) {
        SpdyFrame end{.type = SpdyType::kData, .flags = kSpdyFin, .stream = frame.stream};
        on_data(end);
      }
      return true;
    case SpdyType::kRstStream: on_reset(frame.stream); return true;
    case SpdyType::kPing: {
      bool theirs = (frame.value & 1) == (is_server_ ? 1u : 0u);
      if (theirs) send({.type = SpdyType::kPing, .value = frame.value});
      return true;
    }
    case SpdyType::kWindowUpdate: on_window(frame.stream, frame.value); return true;
    case SpdyType::kSettings: {
      std::lock_guard lock(mutex_);
      if (frame.value == 0) return true;
      windows_ = true;
      for (auto& [id, stream] : streams_) stream->window_ += frame.value - initial_window_;
      initial_window_ = frame.value;
      return true;
    }
    case SpdyType::kGoAway:  // streams that are open go on; the connection's end tells the rest
    default: return true;
  }
}

void SpdySession::on_syn_stream(SpdyFrame& frame) {
  bool valid = frame.stream > last_received_ && (frame.stream & 1) == (is_server_ ? 1u : 0u);
  auto stream = std::make_shared<SpdyStream>(weak_from_this(), frame.stream, std::move(frame.headers));
  stream->fin_received_ = (frame.flags & kSpdyFin) != 0;
  if (valid) last_received_ = frame.stream;
  bool room;
  {
    std::lock_guard lock(mutex_);
    room = streams_.size() < kMaxStreams;
    stream->window_ = initial_window_;
  }
  if (!valid || !room || !accept_ || !accept_(stream)) {
    send({.type = SpdyType::kRstStream, .stream = frame.stream, .value = valid ? kRefused : 1});
    return;
  }
  {
    std::lock_guard lock(mutex_);
    streams_.emplace(stream->id_, stream);
    send_locked({.type = SpdyType::kSynReply, .stream = stream->id_});
  }
  after();
  if (stream->fin_received_) stream->queue_.end();
  if (opened_) opened_(stream);
}

std::shared_ptr<SpdyStream> SpdySession::find(uint32_t id) {
  std::lock_guard lock(mutex_);
  auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second;
}

void SpdySession::on_data(SpdyFrame& frame) {
  auto stream = find(frame.stream);
  if (!stream || stream->fin_received_) return;
  stream->queue_.push(frame.payload);
  if (!(frame.flags & kSpdyFin)) return;
  {
    std::lock_guard lock(mutex_);
    stream->fin_received_ = true;
    forget_if_done(*stream);
  }
  stream->queue_.end();
}

void SpdySession::on_reset(uint32_t id) {
  auto stream = find(id);
  if (!stream) return;
  ByteStream::WriteDone done;
  {
    std::lock_guard lock(mutex_);
    stream->reset_ = stream->fin_sent_ = stream->fin_received_ = true;
    done = std::exchange(stream->pending_done_, nullptr);
    streams_.erase(id);
  }
  // Data before the reset is still read; spdystream's peers reset what they are done with.
  stream->queue_.end();
  if (done) done(fail(Code::kCancelled, "SPDY stream reset by peer"));
}

void SpdySession::on_window(uint32_t id, uint32_t delta) {
  {
    std::lock_guard lock(mutex_);
    windows_ = true;
    auto found = streams_.find(id);
    if (found == streams_.end()) return;
    auto stream = found->second;
    stream->window_ += delta;
    drain_pending(*stream);
  }
  after();
}

void SpdySession::ended(const Error& error) {
  std::map<uint32_t, std::shared_ptr<SpdyStream>> streams;
  Fn closed;
  std::vector<ByteStream::WriteDone> waiting;
  {
    std::lock_guard lock(mutex_);
    over_ = true;
    streams.swap(streams_);
    closed = std::exchange(closed_, nullptr);
    for (auto& [id, stream] : streams) {
      stream->reset_ = true;
      if (stream->pending_done_) waiting.push_back(std::exchange(stream->pending_done_, nullptr));
    }
  }
  for (auto& [id, stream] : streams) stream->queue_.fail(error);
  for (auto& done : waiting) done(fail(error));
  writer_->close();
  accept_ = nullptr;
  opened_ = nullptr;
  if (closed) closed();
}

void SpdySession::send(const SpdyFrame& frame) {
  {
    std::lock_guard lock(mutex_);
    send_locked(frame);
  }
  after();
}

// Under the lock, because header blocks must leave in the order they were compressed.
void SpdySession::send_locked(const SpdyFrame& frame) { writer_->append(encode_spdy(frame, deflater_)); }

void SpdySession::after() {
  writer_->kick();
  std::vector<ByteStream::WriteDone> ready;
  {
    std::lock_guard lock(mutex_);
    ready.swap(ready_);
  }
  for (auto& done : ready) done({});
}

std::shared_ptr<SpdyStream> SpdySession::open(Headers headers) {
  std::shared_ptr<SpdyStream> stream;
  {
    std::lock_guard lock(mutex_);
    stream = std::make_shared<SpdyStream>(weak_from_this(), next_id_, headers);
    next_id_ += 2;
    stream->window_ = initial_window_;
    streams_.emplace(stream->id_, stream);
    send_locked({.type = SpdyType::kSynStream, .stream = stream->id_, .headers = std::move(headers)});
  }
  after();
  return stream;
}

void SpdySession::write_stream(SpdyStream& stream, std::string data, ByteStream::WriteDone done) {
  bool full = false;
  {
    std::unique_lock lock(mutex_);
    if (over_ || stream.reset_ || stream.fin_wanted_) {
      lock.unlock();
      return done(fail(Code::kCancelled, "SPDY stream closed"));
    }
    stream.pending_.append(data);
    drain_pending(stream);
    if (!stream.pending_.empty()) stream.pending_done_ = std::exchange(done, nullptr);
    full = writer_->buffered() > StreamWriter::kHighWater;
  }
  after();
  if (!done) return;
  if (!full) return done({});
  writer_->write({}, std::move(done));
}

// With the lock: sends what the window allows.
void SpdySession::drain_pending(SpdyStream& stream) {
  while (!stream.pending_.empty() && (!windows_ || stream.window_ > 0)) {
    size_t n = std::min(stream.pending_.size(), kDataFrame);
    if (windows_) n = std::min<size_t>(n, static_cast<size_t>(stream.window_));
    stream.window_ -= static_cast<int64_t>(n);
    send_locked({.type = SpdyType::kData, .stream = stream.id_, .payload = stream.pending_.substr(0, n)});
    stream.pending_.erase(0, n);
  }
  if (!stream.pending_.empty()) return;
  if (stream.pending_done_) ready_.push_back(std::exchange(stream.pending_done_, nullptr));
  if (stream.fin_wanted_ && !stream.fin_sent_) {
    stream.fin_sent_ = true;
    send_locked({.type = SpdyType::kData, .flags = kSpdyFin, .stream = stream.id_});
    forget_if_done(stream);
  }
}

void SpdySession::shut_stream(SpdyStream& stream) {
  auto keep = stream.shared_from_this();
  {
    std::lock_guard lock(mutex_);
    if (over_ || stream.reset_ || stream.fin_wanted_) return;
    stream.fin_wanted_ = true;
    drain_pending(stream);
  }
  after();
}

void SpdySession::reset_stream(SpdyStream& stream) {
  ByteStream::WriteDone done;
  {
    std::lock_guard lock(mutex_);
    done = std::exchange(stream.pending_done_, nullptr);
    if (!over_ && !stream.reset_ && !(stream.fin_sent_ && stream.fin_received_)) {
      stream.reset_ = true;
      send_locked({.type = SpdyType::kRstStream, .stream = stream.id_, .value = kCancel});
      streams_.erase(stream.id_);
    }
  }
  if (done) done(fail(Code::kCancelled, "stream closed"));
  consumed(stream, 0, 0);
}

void SpdySession::consumed(SpdyStream& stream, size_t taken, size_t left) {
  bool resume = false;
  {
    std::lock_guard lock(mutex_);
    if (over_) return;
    stream.unacknowledged_ += taken;
    if (windows_ && !stream.reset_ && !stream.fin_received_ && stream.unacknowledged_ >= (16 << 10)) {
      send_locked({.type = SpdyType::kWindowUpdate, .stream = stream.id_, .value = static_cast<uint32_t>(stream.unacknowledged_)});
      stream.unacknowledged_ = 0;
    }
    if (reading_paused_ && left < kMaxUnread / 2) resume = std::exchange(reading_paused_, false);
  }
  after();
  if (resume) read_more();
}

void SpdySession::forget_if_done(SpdyStream& stream) {
  if (stream.fin_sent_ && stream.fin_received_) streams_.erase(stream.id_);
}

void SpdySession::finish() {
  {
    std::lock_guard lock(mutex_);
    if (over_) return;
    send_locked({.type = SpdyType::kGoAway, .stream = last_received_});
  }
  after();
  writer_->close_write_after_flush();
  // A peer that does not close is left after a while.
  after_on_loop(kGoodbye, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->close();
  });
}

void SpdySession::close() {
  writer_->close();
  bool paused;
  {
    std::lock_guard lock(mutex_);
    paused = std::exchange(reading_paused_, false);
  }
  if (paused) ended(Error(Code::kCancelled, "SPDY session closed"));
}

void accept_spdy(const Request& request, std::shared_ptr<Responder> responder, Headers headers,
                 std::move_only_function<void(Result<std::shared_ptr<SpdySession>>)> done) {
  if (!iequals(request.headers.get("Upgrade"), "SPDY/3.1") || !request.headers.has_token("Connection", "Upgrade")) {
    std::string text = "unable to upgrade: missing upgrade headers in request";
    responder->send(400, {{"Content-Type", "text/plain; charset=utf-8"}}, text + "\n");
    return done(fail(Code::kInvalidArgument, text));
  }
  headers.set("Connection", "Upgrade");
  headers.set("Upgrade", "SPDY/3.1");
  responder->upgrade_raw(101, std::move(headers), [done = std::move(done)](std::shared_ptr<ByteStream> stream) mutable {
    if (!stream) return done(fail(Code::kCancelled, "SPDY: client has gone"));
    done(std::make_shared<SpdySession>(std::move(stream), true));
  });
}

}  // namespace reigen::http
