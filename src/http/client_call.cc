#include "http/client_call.h"

#include <algorithm>

#include "http/tls_stream.h"

namespace reigen::http {

namespace {
constexpr size_t kPiece = 64 << 10;
constexpr size_t kMaxHead = 1 << 20;
constexpr Duration kSweep = std::chrono::milliseconds(50);
}  // namespace

void Channel::fetch(ReadDone done) {
  std::unique_lock lock(mutex_);
  if (has_result_) {
    has_result_ = false;
    Result<std::string> result = std::move(result_);
    lock.unlock();
    return done(std::move(result));
  }
  waiting_ = std::move(done);
  if (outstanding_) return;
  outstanding_ = true;
  lock.unlock();
  stream->read(kPiece, [self = shared_from_this()](Result<std::string> bytes) { self->on_read(std::move(bytes)); });
}

void Channel::watch() {
  {
    std::lock_guard lock(mutex_);
    if (outstanding_ || has_result_) return;
    outstanding_ = true;
  }
  // Weak: the pool alone keeps an idle connection.
  stream->read(kPiece, [weak = weak_from_this()](Result<std::string> bytes) {
    if (auto self = weak.lock()) self->on_read(std::move(bytes));
  });
}

void Channel::on_read(Result<std::string> bytes) {
  std::unique_lock lock(mutex_);
  outstanding_ = false;
  ReadDone done = std::exchange(waiting_, nullptr);
  if (!done) {
    has_result_ = true;
    result_ = std::move(bytes);
    return;
  }
  lock.unlock();
  done(std::move(bytes));
}

bool Channel::idle_and_alive() {
  std::lock_guard lock(mutex_);
  return !has_result_ && unread.empty();
}

// The body of an answer as a stream; it ends the call when its end is reached, or when it is closed or dropped before.
class AnswerBody final : public ByteStream, public std::enable_shared_from_this<AnswerBody> {
 public:
  AnswerBody(std::shared_ptr<Call> call, std::shared_ptr<Channel> channel, const ResponseHead& head)
      : call_(std::move(call)), channel_(std::move(channel)), decoder_(head.framing), keep_alive_(head.keep_alive) {
    if (decoder_.done()) release();
  }
  ~AnswerBody() override { close(); }

  void read(size_t max, ReadDone done) override {
    std::unique_lock lock(mutex_);
    if (!channel_) {
      Result<std::string> last = last_;
      lock.unlock();
      return done(std::move(last));
    }
    max_ = std::max<size_t>(max, 1);
    waiting_ = std::move(done);
    auto channel = channel_;
    if (!channel->unread.empty()) return decode(std::move(lock));
    lock.unlock();
    fetch(channel);
  }
  void write(std::string, WriteDone done) override { done(fail(Code::kUnimplemented, "an answer's body is read only")); }
  void close_write() override {}

  void close() override {
    std::unique_lock lock(mutex_);
    if (!channel_) return;
    last_ = fail(Code::kCancelled, "stream closed");
    auto channel = std::exchange(channel_, nullptr);
    auto call = std::exchange(call_, nullptr);
    auto waiting = std::exchange(waiting_, nullptr);
    lock.unlock();
    channel->stream->close();
    call->release(false);
    if (waiting) waiting(fail(Code::kCancelled, "stream closed"));
  }

 private:
  void fetch(const std::shared_ptr<Channel>& channel) {
    channel->fetch([self = shared_from_this()](Result<std::string> bytes) { self->on_bytes(std::move(bytes)); });
  }

  void on_bytes(Result<std::string> bytes) {
    std::unique_lock lock(mutex_);
    if (!channel_) return;
    if (bytes && !bytes->empty()) {
      channel_->unread = std::move(*bytes);
      return decode(std::move(lock));
    }
    bool complete = bytes && decoder_.end();
    if (!bytes && call_) bytes = fail(call_->reason(bytes.error()));
    keep_alive_ = false;
    finish(std::move(lock), complete ? Result<std::string>(std::string())
                            : bytes  ? Result<std::string>(fail(Code::kUnavailable, "connection closed in the middle of an answer"))
                                     : std::move(bytes));
  }

  void decode(std::unique_lock<std::mutex> lock) {
    std::string out;
    std::string_view in = channel_->unread;
    while (!in.empty() && !decoder_.done() && out.size() < max_) {
      std::string_view piece;
      std::string_view window = in.substr(0, max_ - out.size() + 32);
      size_t before = window.size();
      if (!decoder_.next(window, piece)) {
        keep_alive_ = false;
        return finish(std::move(lock), fail(Code::kInvalidArgument, "malformed chunked answer"));
      }
      out.append(piece);
      in.remove_prefix(before - window.size());
    }
    channel_->unread.erase(0, channel_->unread.size() - in.size());
    if (decoder_.done() && out.empty()) return finish(std::move(lock), std::string());
    if (out.empty()) {
      auto channel = channel_;
      lock.unlock();
      return fetch(channel);
    }
    auto waiting = std::exchange(waiting_, nullptr);
    if (decoder_.done()) release();
    lock.unlock();
    waiting(std::move(out));
  }

  void finish(std::unique_lock<std::mutex> lock, Result<std::string> last) {
    last_ = last;
    release();
    auto waiting = std::exchange(waiting_, nullptr);
    lock.unlock();
    if (waiting) waiting(std::move(last));
  }

  // Gives the connection back.
  void release() {
    auto call = std::exchange(call_, nullptr);
    channel_ = nullptr;
    if (call) call->release(keep_alive_);
  }

  std::mutex mutex_;
  std::shared_ptr<Call> call_;
  std::shared_ptr<Channel> channel_;
  BodyDecoder decoder_;
  bool keep_alive_;
  size_t max_ = 0;
  ReadDone waiting_;
  Result<std::string> last_;
};

// The connection after a switch of protocols.
class UpgradedStream final : public ByteStream {
 public:
  UpgradedStream(std::shared_ptr<Channel> channel) : stream_(channel->stream), unread_(std::move(channel->unread)) { channel->stream = nullptr; }
  ~UpgradedStream() override { stream_->close(); }
  void read(size_t max, ReadDone done) override {
    std::unique_lock lock(mutex_);
    if (unread_.empty()) {
      lock.unlock();
      return stream_->read(max, std::move(done));
    }
    std::string out = unread_.substr(0, std::max<size_t>(max, 1));
    unread_.erase(0, out.size());
    lock.unlock();
    done(std::move(out));
  }
  void write(std::string data, WriteDone done) override { stream_->write(std::move(data), std::move(done)); }
  void close_write() override { stream_->close_write(); }
  void close() override { stream_->close(); }

 private:
  std::mutex mutex_;
  std::shared_ptr<ByteStream> stream_;
  std::string unread_;
};

Client::State::State(ClientOptions given) : options(std::move(given)), url(parse_url(options.url)) {}

void Client::State::connect(std::move_only_function<void(Result<std::shared_ptr<Channel>>)> done) {
  if (!url) return done(fail(url.error()));
  auto dialed = [self = shared_from_this(), done = std::move(done)](Result<std::shared_ptr<ByteStream>> stream) mutable {
    if (!stream) return done(fail(std::move(stream).error()));
    if (self->url->scheme != "https") return done(std::make_shared<Channel>(std::move(*stream)));
    if (!self->options.tls) return done(fail(Code::kInvalidArgument, "no TLS context for " + self->options.url));
    start_tls(std::move(*stream), *self->options.tls, self->url->host, [self, done = std::move(done)](Result<std::shared_ptr<ByteStream>> secured) mutable {
      if (!secured) return done(fail(std::move(secured).error().context(self->options.url)));
      done(std::make_shared<Channel>(std::move(*secured)));
    });
  };
  if (options.dial) return options.dial(std::move(dialed));
  http::dial(*url, options.connect_timeout, std::move(dialed));
}

std::shared_ptr<Channel> Client::State::take_idle() {
  std::list<std::shared_ptr<Channel>> dead;
  std::lock_guard lock(mutex);
  TimePoint oldest = system_clock().now() - options.idle_timeout;
  while (!idle.empty()) {
    auto channel = std::move(idle.back());
    idle.pop_back();
    if (channel->idle_since >= oldest && channel->idle_and_alive()) {
      channel->reused = true;
      return channel;
    }
    dead.push_back(std::move(channel));
  }
  return nullptr;
}

void Client::State::give_back(std::shared_ptr<Channel> channel) {
  if (!channel->idle_and_alive()) return;
  std::shared_ptr<Channel> evicted;
  {
    std::lock_guard lock(mutex);
    if (closed || options.max_idle == 0) return;
    channel->idle_since = system_clock().now();
    idle.push_back(channel);
    if (idle.size() > options.max_idle) {
      evicted = std::move(idle.front());
      idle.pop_front();
    }
  }
  channel->watch();
}

void Client::State::add_call(std::shared_ptr<Call> call) {
  std::lock_guard lock(mutex);
  calls.insert(std::move(call));
  if (std::exchange(sweeping, true)) return;
  client_loop()->post(Fn([self = shared_from_this()] { self->sweep(); }));
}

void Client::State::remove_call(Call* call) {
  std::shared_ptr<Call> keep;
  std::lock_guard lock(mutex);
  auto found = std::find_if(calls.begin(), calls.end(), [&](const auto& each) { return each.get() == call; });
  if (found == calls.end()) return;
  keep = *found;
  calls.erase(found);
}

void Client::State::sweep() {
  std::vector<std::shared_ptr<Call>> late;
  {
    std::lock_guard lock(mutex);
    if (calls.empty()) {
      sweeping = false;
      return;
    }
    TimePoint now = system_clock().now();
    for (const auto& call : calls) {
      if (call->deadline() <= now) late.push_back(call);
    }
  }
  for (auto& call : late) call->cancel(Error(Code::kDeadlineExceeded, options.url + ": request timed out"));
  client_loop()->after(kSweep, [self = shared_from_this()] { self->sweep(); });
}

void Client::State::shut() {
  std::set<std::shared_ptr<Call>> pending;
  std::list<std::shared_ptr<Channel>> channels;
  {
    std::lock_guard lock(mutex);
    closed = true;
    pending.swap(calls);
    channels.swap(idle);
  }
  for (const auto& call : pending) call->cancel(Error(Code::kCancelled, "client closed"));
}

void Client::State::execute(ClientRequest request, CallMode mode, HeadDone done) {
  auto call = std::make_shared<Call>(shared_from_this(), std::move(request), mode, std::move(done));
  add_call(call);
  call->begin();
}

Call::Call(std::shared_ptr<Client::State> client, ClientRequest request, CallMode mode, HeadDone done)
    : client_(std::move(client)), request_(std::move(request)), mode_(mode), done_(std::move(done)) {
  Duration timeout = request_.timeout > Duration::zero() ? request_.timeout : client_->options.timeout;
  deadline_ = timeout > Duration::zero() ? system_clock().now() + timeout : TimePoint::max();
}

void Call::begin() {
  if (auto channel = client_->take_idle()) return use(std::move(channel));
  client_->connect([self = shared_from_this()](Result<std::shared_ptr<Channel>> channel) {
    if (!channel) return self->failed(channel.error());
    self->use(std::move(*channel));
  });
}

void Call::use(std::shared_ptr<Channel> channel) {
  {
    std::lock_guard lock(mutex_);
    if (cancelled_) return;
    channel_ = std::move(channel);
    sent_ = false;
  }
  send();
}

std::string Call::make_head() const {
  const ClientRequest& request = request_;
  std::string head;
  head.reserve(256);
  head.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
  if (!request.headers.has("Host")) head.append("Host: ").append(client_->url->authority).append("\r\n");
  auto append = [&](const Headers::Field& field) { head.append(field.name).append(": ").append(field.value).append("\r\n"); };
  for (const auto& field : request.headers) {
    if (iequals(field.name, "Transfer-Encoding")) continue;
    if (!request.body_stream && iequals(field.name, "Content-Length")) continue;
    append(field);
  }
  for (const auto& field : client_->options.headers) {
    if (!request.headers.has(field.name)) append(field);
  }
  bool wants_length = !request.body.empty() || (request.method != "GET" && request.method != "HEAD" && mode_ != CallMode::kUpgrade);
  if (request.body_stream) {
    if (chunked_) head += "Transfer-Encoding: chunked\r\n";
  } else if (wants_length) {
    head += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  head += "\r\n";
  return head;
}

void Call::send() {
  chunked_ = request_.body_stream && !request_.headers.has("Content-Length");
  for (const auto& field : request_.headers) {
    if (!is_token(field.name) || !is_field_value(field.value)) return failed(Error(Code::kInvalidArgument, "invalid header " + field.name));
  }
  if (request_.target.find_first_of(" \r\n") != std::string::npos) return failed(Error(Code::kInvalidArgument, "invalid request target"));
  std::string head = make_head();
  if (!request_.body_stream) head.append(request_.body.view());
  auto channel = channel_;
  channel->stream->write(std::move(head), [self = shared_from_this()](Status status) {
    if (!status) return;  // the read side tells
    if (self->request_.body_stream) return self->pump_body();
    self->sent();
  });
  read_head();
}

void Call::sent() {
  std::lock_guard lock(mutex_);
  sent_ = true;
}

void Call::pump_body() {
  request_.body_stream->read(kPiece, [self = shared_from_this()](Result<std::string> piece) {
    if (!piece) return self->failed(piece.error().context("request body"));
    bool last = piece->empty();
    if (self->chunked_) {
      char size[24];
      snprintf(size, sizeof size, "%zx\r\n", piece->size());
      self->write_piece(size + *piece + "\r\n", last);
    } else if (last) {
      self->sent();
    } else {
      self->write_piece(std::move(*piece), false);
    }
  });
}

void Call::write_piece(std::string piece, bool last) {
  std::shared_ptr<Channel> channel;
  {
    std::lock_guard lock(mutex_);
    channel = channel_;
  }
  if (!channel || !channel->stream) return;
  channel->stream->write(std::move(piece), [self = shared_from_this(), last](Status status) {
    if (!status) return;
    if (last) return self->sent();
    self->pump_body();
  });
}

void Call::read_head() {
  std::shared_ptr<Channel> channel;
  {
    std::lock_guard lock(mutex_);
    channel = channel_;
  }
  if (!channel) return;
  channel->fetch([self = shared_from_this()](Result<std::string> bytes) { self->on_bytes(std::move(bytes)); });
}

void Call::on_bytes(Result<std::string> bytes) {
  {
    std::lock_guard lock(mutex_);
    if (cancelled_) return;
  }
  if (!bytes || bytes->empty()) {
    if (retry()) return;
    return failed(bytes ? Error(Code::kUnavailable, client_->options.url + ": connection closed before an answer")
                        : bytes.error().context(client_->options.url));
  }
  head_.append(*bytes);
  while (size_t end = find_head_end(head_, scanned_)) {
    // Interim answers but 101 are skipped.
    if (head_.size() > 12 && head_[9] == '1' && head_.compare(9, 3, "101") != 0) {
      head_.erase(0, end);
      scanned_ = 0;
      continue;
    }
    return on_head(end);
  }
  if (head_.size() > kMaxHead) return failed(Error(Code::kResourceExhausted, "head of the answer is too large"));
  read_head();
}

// A kept connection may have been closed by the server just as the request was sent: then nothing of it was answered.
bool Call::retry() {
  if (!head_.empty() || !channel_->reused || request_.body_stream || retried_) return false;
  retried_ = true;
  channel_->stream->close();
  client_->connect([self = shared_from_this()](Result<std::shared_ptr<Channel>> channel) {
    if (!channel) return self->failed(channel.error());
    self->use(std::move(*channel));
  });
  return true;
}

void Call::on_head(size_t end) {
  auto head = parse_response_head(std::string_view(head_).substr(0, end), request_.method);
  if (!head) return failed(head.error().context(client_->options.url));
  channel_->unread = head_.substr(end);
  head_.clear();
  StreamResponse response{head->status, std::move(head->reason), std::move(head->headers), nullptr};
  bool switched = response.status == 101 || (mode_ == CallMode::kUpgrade && response.status < 300 && response.headers.has("Upgrade"));
  if (switched && mode_ == CallMode::kUpgrade) {
    response.body = std::make_shared<UpgradedStream>(std::exchange(channel_, nullptr));
    client_->remove_call(this);
    return finish(std::move(response));
  }
  if (switched) return failed(Error(Code::kInternal, "server switched protocols unasked"));
  if (mode_ != CallMode::kWhole) {
    std::lock_guard lock(mutex_);
    deadline_ = TimePoint::max();
  }
  if (request_.method == "HEAD" || !head->keep_alive) head->keep_alive = head->keep_alive && request_.method == "HEAD";
  response.body = std::make_shared<AnswerBody>(shared_from_this(), channel_, *head);
  finish(std::move(response));
}

void Call::release(bool reusable) {
  std::shared_ptr<Channel> channel;
  {
    std::lock_guard lock(mutex_);
    channel = std::exchange(channel_, nullptr);
    reusable = reusable && sent_ && !cancelled_;
    cancelled_ = true;
  }
  client_->remove_call(this);
  if (request_.body_stream) request_.body_stream->close();
  if (!channel) return;
  if (reusable) {
    client_->give_back(std::move(channel));
  } else {
    channel->stream->close();
  }
}

void Call::cancel(const Error& error) {
  {
    std::lock_guard lock(mutex_);
    cancel_reason_ = error;
  }
  failed(error);
}

Error Call::reason(Error error) {
  std::lock_guard lock(mutex_);
  return cancel_reason_ ? *cancel_reason_ : error;
}

void Call::failed(const Error& error) {
  release(false);
  finish(fail(error));
}

void Call::finish(Result<StreamResponse> result) {
  HeadDone done;
  {
    std::lock_guard lock(mutex_);
    done = std::exchange(done_, nullptr);
  }
  if (done) done(std::move(result));
}

}  // namespace reigen::http
