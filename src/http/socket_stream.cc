#include "http/socket_stream.h"

#include <sys/epoll.h>

#include <algorithm>

namespace reigen::http {

namespace {
constexpr size_t kHighWater = 256 << 10;  // bytes of output above which a writer waits

// Answers a call whose task the loop dropped because it has stopped.
template <class Done>
struct Promise {
  Done done;
  Promise(Done fn) : done(std::move(fn)) {}
  Promise(Promise&& other) noexcept : done(std::exchange(other.done, nullptr)) {}
  ~Promise() {
    if (done) done(fail(Code::kCancelled, "I/O loop stopped"));
  }
};

}  // namespace

SocketStream::SocketStream(std::shared_ptr<IoLoop> loop, Socket socket, OutQueue out, std::string unread)
    : loop_(std::move(loop)), socket_(std::move(socket)), out_(std::move(out)), unread_(std::move(unread)) {}

std::shared_ptr<SocketStream> SocketStream::adopt(std::shared_ptr<IoLoop> loop, Socket socket, OutQueue out, std::string unread) {
  std::shared_ptr<SocketStream> stream(new SocketStream(std::move(loop), std::move(socket), std::move(out), std::move(unread)));
  if (stream->loop_->in_loop()) {
    stream->begin();
  } else {
    stream->loop_->post([stream] { stream->begin(); });
  }
  return stream;
}

SocketStream::~SocketStream() = default;

// The loop does not keep the stream alive: the last user's reference does, and its end closes the socket. Pending calls hold it.
void SocketStream::begin() {
  if (closed_) return;
  try_flush();
}

void SocketStream::update_interest() {
  if (closed_) return;
  uint32_t events = 0;
  if (reading_ && unread_.empty() && !eof_) events |= EPOLLIN;
  if (!out_.empty() && socket_.wants_write()) events |= EPOLLOUT;
  if (events == 0) {
    // Out of the loop while nothing is awaited: a hang-up would be announced for ever.
    if (entry_) loop_->remove(std::exchange(entry_, nullptr));
    self_ = nullptr;  // every caller holds a reference of its own
    return;
  }
  if (!self_) self_ = shared_from_this();
  if (entry_) {
    loop_->modify(entry_, events);
  } else {
    entry_ = loop_->add(socket_.fd(), events, this);
  }
}

void SocketStream::on_events(uint32_t events) {
  auto self = shared_from_this();
  if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) try_flush();
  if (!closed_ && reading_ && (events & (EPOLLIN | EPOLLERR | EPOLLHUP))) try_read();
  update_interest();
}

void SocketStream::read(size_t max, ReadDone done) {
  auto run = [self = shared_from_this(), max, promise = Promise<ReadDone>(std::move(done))]() mutable {
    ReadDone done = std::exchange(promise.done, nullptr);
    if (self->closed_) return done(fail(Code::kCancelled, "stream closed"));
    self->reading_ = std::move(done);
    self->read_max_ = std::max<size_t>(max, 1);
    self->try_read();
    self->update_interest();
  };
  loop_->post(Fn(std::move(run)));
}

void SocketStream::finish_read(Result<std::string> result) {
  ReadDone done = std::exchange(reading_, nullptr);
  if (done) done(std::move(result));
}

void SocketStream::try_read() {
  if (!unread_.empty()) {
    std::string out = unread_.substr(0, read_max_);
    unread_.erase(0, out.size());
    if (unread_.empty()) std::string().swap(unread_);
    return finish_read(std::move(out));
  }
  if (eof_) return finish_read(std::string());
  size_t n;
  switch (socket_.read(loop_->read_buffer(), std::min(read_max_, IoLoop::kReadBuffer), n)) {
    case Socket::Io::kOk: return finish_read(std::string(loop_->read_buffer(), n));
    case Socket::Io::kWait: return;
    case Socket::Io::kEnd: eof_ = true; return finish_read(std::string());
    case Socket::Io::kError: return finish_read(fail(Code::kUnavailable, socket_.error()));
  }
}

void SocketStream::write(std::string data, WriteDone done) {
  auto run = [self = shared_from_this(), data = std::move(data), promise = Promise<WriteDone>(std::move(done))]() mutable {
    WriteDone done = std::exchange(promise.done, nullptr);
    if (self->closed_ || self->write_closed_) return done(fail(Code::kCancelled, "stream closed"));
    self->out_.append_body(Body(std::move(data)));
    self->writing_ = std::move(done);
    self->try_flush();
    self->update_interest();
  };
  loop_->post(Fn(std::move(run)));
}

void SocketStream::try_flush() {
  Socket::Io io = socket_.flush(out_);
  if (io == Socket::Io::kError || io == Socket::Io::kEnd) {
    hung_up_ = true;
    out_.clear();
    WriteDone done = std::exchange(writing_, nullptr);
    if (done) done(fail(Code::kUnavailable, socket_.error().empty() ? "connection closed" : socket_.error()));
    return;
  }
  if (out_.size() <= kHighWater) {
    WriteDone done = std::exchange(writing_, nullptr);
    if (done) done({});
  }
  if (!closed_ && out_.empty() && write_closed_ && !hung_up_) {
    hung_up_ = true;
    socket_.shutdown_write();
  }
}

void SocketStream::close_write() {
  loop_->post(Fn([self = shared_from_this()] {
    if (self->closed_ || self->write_closed_) return;
    self->write_closed_ = true;
    self->try_flush();
    self->update_interest();
  }));
}

void SocketStream::close() {
  loop_->post(Fn([self = shared_from_this()] { self->do_close(Error(Code::kCancelled, "stream closed")); }));
}

void SocketStream::do_close(const Error& error) {
  if (closed_) return;
  socket_.flush(out_);  // what fits; nobody waits for the rest
  closed_ = true;
  if (entry_) loop_->remove(std::exchange(entry_, nullptr));
  socket_.close();
  auto keep = std::move(self_);
  ReadDone reading = std::exchange(reading_, nullptr);
  WriteDone writing = std::exchange(writing_, nullptr);
  if (reading) reading(fail(error));
  if (writing) writing(fail(error));
}

}  // namespace reigen::http
