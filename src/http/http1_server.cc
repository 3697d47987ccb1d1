// HTTP/1.1 on a server's connection (RFC 9112). One request at a time: a pipelined one waits until the answer before it is complete.
#include <charconv>
#include <deque>

#include "http/body_stream.h"
#include "http/http1_parser.h"
#include "http/server_connection.h"

namespace reigen::http {

namespace {

// How long a client that sends no more is believed to wait for its answer.
constexpr Duration kHalfClosed = std::chrono::seconds(2);
constexpr size_t kMaxPipelined = 64 << 10;  // bytes read ahead while a request is being answered

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

class Http1 final : public ServerProtocol {
 public:
  explicit Http1(ServerConnection& connection) : connection_(connection) { connection_.set_deadline(options().head_timeout); }

  void on_data(std::string_view bytes) override;
  void on_eof() override;
  void on_written() override;
  void on_closed() override;
  void on_deadline() override;
  void resume() override {}
  void drain() override;
  bool wants_read() const override;

  void send(Exchange& exchange, int status, Headers& headers, Body& body) override;
  void start(Exchange& exchange, int status, Headers& headers) override;
  void write(Exchange& exchange, Body& body, Responder::WriteDone done) override;
  void finish(Exchange& exchange) override;
  void abort(int64_t id) override;
  void abandon(int64_t id) override;
  void upgrade(Exchange& exchange, int status, Headers& headers, Responder::Upgraded upgraded) override;

 private:
  enum class State { kHead, kBody, kHandling, kClosing };
  enum class Framing { kNone, kLength, kChunked, kUntilClose };
  struct Waiter {
    Responder::WriteDone done;
  };

  const ServerOptions& options() const { return connection_.core().options; }
  size_t parse(std::string_view view);
  void parse_again();
  void handle_head(std::string_view head);
  bool take_body(std::string_view& in);
  void begin_body(RequestHead& head, const BodyPolicy& policy);
  BodyPolicy find_policy();
  void dispatch();
  void body_complete();
  void answer_error(int status, std::string_view text = {});
  void write_head(int status, const Headers& headers, Framing framing, size_t length);
  void response_done();
  void next_request();
  void after_parse();
  void set_body_deadline();
  void finish_upgrade();
  bool is_current(const Exchange& exchange) const { return exchange.id() == id_ && awaiting_answer_; }

  ServerConnection& connection_;
  State state_ = State::kHead;
  std::string in_;  // bytes that could not be used yet
  size_t scanned_ = 0;
  bool parsing_ = false;
  bool head_begun_ = false;

  int64_t id_ = 0;
  std::shared_ptr<Request> request_;
  std::weak_ptr<Exchange> exchange_;
  BodyDecoder decoder_;
  size_t body_limit_ = 0;
  Duration body_stall_{};
  bool hijack_ = false;
  bool wants_upgrade_ = false;  // hijack_, and the client names a protocol
  std::shared_ptr<BodyStream> body_stream_;
  bool awaiting_answer_ = false;
  bool started_ = false;
  bool body_done_ = true;
  bool is_head_ = false;
  bool is_11_ = true;
  bool keep_alive_ = true;
  bool gzip_ = false;
  Framing framing_ = Framing::kNone;
  std::vector<Responder::WriteDone> waiters_;
  Responder::Upgraded upgraded_;
};

void Http1::on_data(std::string_view bytes) {
  if (state_ == State::kClosing) return;
  parsing_ = true;
  if (in_.empty()) {
    size_t used = parse(bytes);
    in_.assign(bytes.substr(used));
  } else {
    in_.append(bytes);
    size_t used = parse(in_);
    in_.erase(0, used);
  }
  parsing_ = false;
  after_parse();
}

void Http1::parse_again() {
  if (parsing_ || in_.empty()) return after_parse();
  parsing_ = true;
  size_t used = parse(in_);
  in_.erase(0, used);
  parsing_ = false;
  after_parse();
}

void Http1::after_parse() {
  if (upgraded_) return finish_upgrade();
  if (!connection_.is_open()) return;
  if (in_.empty() && in_.capacity() > 256) std::string().swap(in_);
  if (state_ == State::kHead) {
    if (in_.empty()) {
      head_begun_ = false;
      if (id_ > 0) connection_.set_deadline(options().idle_timeout);
    } else if (!head_begun_) {
      head_begun_ = true;
      connection_.set_deadline(options().head_timeout);
    }
    if (connection_.has_eof()) connection_.close_after_flush();
  } else if (state_ == State::kBody) {
    set_body_deadline();
  } else if (connection_.has_eof() && !hijack_) {
    connection_.set_deadline(kHalfClosed);
  } else {
    connection_.clear_deadline();
  }
}

// Returns how many bytes were used.
size_t Http1::parse(std::string_view view) {
  std::string_view rest = view;
  while (connection_.is_open() && !upgraded_) {
    if (state_ == State::kHead) {
      while (!rest.empty() && (rest[0] == '\r' || rest[0] == '\n')) rest.remove_prefix(1);
      if (rest.empty()) break;
      size_t end = find_head_end(rest, scanned_);
      if (end > options().max_head || (end == 0 && rest.size() > options().max_head)) {
        answer_error(431);
        break;
      }
      if (end == 0) break;
      scanned_ = 0;
      std::string_view head = rest.substr(0, end);
      rest.remove_prefix(end);
      handle_head(head);
    } else if (state_ == State::kBody) {
      if (!take_body(rest)) break;
    } else {
      break;
    }
  }
  if (state_ == State::kClosing) return view.size();
  return view.size() - rest.size();
}

void Http1::handle_head(std::string_view bytes) {
  auto head = parse_request_head(bytes);
  if (!head)
    return answer_error(head.error().message() == "unsupported HTTP version" ? 505
                        : head.error().code() == Code::kUnimplemented        ? 501
                                                                             : 400,
                        head.error().message());
  ++id_;
  head_begun_ = false;
  is_11_ = head->request.version == 11;
  is_head_ = head->request.method == "HEAD";
  keep_alive_ = head->keep_alive && !connection_.core().draining.load(std::memory_order_relaxed);
  started_ = false;
  awaiting_answer_ = false;
  hijack_ = wants_upgrade_ = false;
  request_ = std::make_shared<Request>(std::move(head->request));
  connection_.describe(*request_);
  gzip_ = options().gzip_threshold > 0 && request_->headers.has("Accept-Encoding") && request_->headers.has_token("Accept-Encoding", "gzip");
  body_done_ = head->framing.kind == BodyFraming::Kind::kNone || (head->framing.kind == BodyFraming::Kind::kLength && head->framing.length == 0);
  if (body_done_ && !options().body_policy) return dispatch();
  BodyPolicy policy = find_policy();
  if (body_done_) return dispatch();
  begin_body(*head, policy);
}

BodyPolicy Http1::find_policy() {
  BodyPolicy policy = options().body_policy ? options().body_policy(*request_) : options().body;
  Duration stall = policy.stall_timeout == Duration::zero() ? options().stall_timeout : policy.stall_timeout;
  body_stall_ = policy.stream ? stall : options().stall_timeout;
  connection_.set_write_stall(stall);
  hijack_ = policy.hijack && is_11_;
  if (hijack_) keep_alive_ = false;
  wants_upgrade_ = hijack_ && request_->headers.has("Upgrade");
  return policy;
}

void Http1::set_body_deadline() {
  if (body_stall_ == Duration::max()) return connection_.clear_deadline();
  connection_.set_deadline(body_stall_);
}

void Http1::begin_body(RequestHead& head, const BodyPolicy& policy) {
  body_limit_ = policy.limit;
  if (!policy.stream && head.framing.kind == BodyFraming::Kind::kLength && head.framing.length > body_limit_) return answer_error(413);
  if (head.expect_continue) {
    connection_.out().append("HTTP/1.1 100 Continue\r\n\r\n");
    connection_.request_flush();
  }
  decoder_ = BodyDecoder(head.framing);
  state_ = State::kBody;
  if (!policy.stream) {
    if (head.framing.kind == BodyFraming::Kind::kLength) request_->body.reserve(head.framing.length);
    return;
  }
  auto weak = connection_.weak_from_this();
  body_stream_ = std::make_shared<BodyStream>(
      [weak](size_t, size_t left) {
        if (left < BodyStream::kHighWater / 2)
          if (auto connection = weak.lock()) connection->request_resume();
      },
      nullptr);
  request_->body_stream = body_stream_;
  dispatch();
}

// False when more bytes are needed, or the connection ends.
bool Http1::take_body(std::string_view& in) {
  std::string_view piece;
  if (!decoder_.next(in, piece)) {
    if (body_stream_) body_stream_->queue().fail(Error(Code::kInvalidArgument, "malformed chunked request body"));
    if (awaiting_answer_) {
      connection_.close();
    } else {
      answer_error(400, "malformed chunked body");
    }
    return false;
  }
  if (body_stream_) {
    body_stream_->queue().push(piece);
  } else if (request_) {
    if (request_->body.size() + piece.size() > body_limit_) {
      answer_error(413);
      return false;
    }
    request_->body.append(piece);
  }
  if (decoder_.done()) {
    body_complete();
    return true;
  }
  return !in.empty();
}

void Http1::body_complete() {
  body_done_ = true;
  if (!body_stream_) return dispatch();
  auto stream = std::move(body_stream_);
  stream->queue().end();
  if (awaiting_answer_) {
    state_ = State::kHandling;
  } else {
    next_request();
  }
}

void Http1::dispatch() {
  if (!body_stream_) state_ = State::kHandling;
  awaiting_answer_ = true;
  auto exchange = std::make_shared<Exchange>(connection_.shared_loop(), connection_.weak_from_this(), id_, gzip_ ? options().gzip_threshold : 0);
  exchange_ = exchange;
  connection_.core().handler(std::move(request_), std::move(exchange));
}

void Http1::answer_error(int status, std::string_view text) {
  state_ = State::kClosing;
  awaiting_answer_ = false;
  std::string body = std::to_string(status) + " " + std::string(reason_phrase(status));
  if (!text.empty()) body += ": " + std::string(text);
  const auto& json = connection_.core().options.too_large_json;
  bool as_json = status == 413 && !json.empty();
  if (as_json) body = json;
  std::string head = "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_phrase(status)) +
                     "\r\nContent-Type: " + (as_json ? "application/json" : "text/plain; charset=utf-8") +
                     "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  connection_.out().append(head + body);
  connection_.close_after_flush();
}

bool Http1::wants_read() const {
  switch (state_) {
    case State::kBody: return !body_stream_ || body_stream_->queue().size() < BodyStream::kHighWater;
    case State::kHandling: return in_.size() < kMaxPipelined;
    default: return true;
  }
}

// The client will send no more. One that waits for a short answer still gets it; a stream to it ends.
void Http1::on_eof() {
  if (body_stream_) {
    std::exchange(body_stream_, nullptr)->queue().fail(Error(Code::kUnavailable, "client ended its request body early"));
  }
  if (!awaiting_answer_ || started_) return connection_.close();
  if (hijack_ && body_done_) return;  // the end of the stream that is to come
  // It may have closed its half only: TCP does not tell, a unix socket's hang-up does.
  if (body_done_) return connection_.set_deadline(kHalfClosed);
  if (auto exchange = exchange_.lock()) exchange->client_gone();
  connection_.close();
}

void Http1::on_closed() {
  if (body_stream_) std::exchange(body_stream_, nullptr)->queue().fail(Error(Code::kUnavailable, "connection closed"));
  auto waiters = std::exchange(waiters_, {});
  for (auto& done : waiters) done(fail(Code::kCancelled, "client has gone"));
  if (auto exchange = exchange_.lock()) exchange->client_gone();
}

void Http1::on_deadline() {
  if (connection_.has_eof()) return connection_.close();
  if (state_ == State::kHead && in_.empty()) return connection_.close();
  if (state_ == State::kHead || (state_ == State::kBody && !awaiting_answer_)) return answer_error(408);
  // A handler reads the body at its own speed; only a client that does not send is cut off.
  if (state_ == State::kBody && wants_read()) return connection_.close();
  if (state_ == State::kBody) set_body_deadline();
}

void Http1::drain() {
  keep_alive_ = false;
  if (state_ == State::kHead && in_.empty()) connection_.close_after_flush();
}

void Http1::write_head(int status, const Headers& headers, Framing framing, size_t length) {
  static thread_local std::string head;
  head.clear();
  char number[24];
  auto append_number = [&](size_t value) { head.append(number, std::to_chars(number, number + sizeof number, value).ptr); };
  head += "HTTP/1.1 ";
  append_number(static_cast<size_t>(status));
  head += ' ';
  head += reason_phrase(status);
  head += "\r\n";
  bool has_date = false;
  bool has_connection = false;
  for (const auto& field : headers) {
    if (iequals(field.name, "Date")) has_date = true;
    if (iequals(field.name, "Connection")) has_connection = true;
    if (framing != Framing::kNone && (iequals(field.name, "Content-Length") || iequals(field.name, "Transfer-Encoding"))) continue;
    head.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  if (!has_date) head.append("Date: ").append(connection_.loop().http_date()).append("\r\n");
  if (framing == Framing::kLength) {
    head += "Content-Length: ";
    append_number(length);
    head += "\r\n";
  } else if (framing == Framing::kChunked) {
    head += "Transfer-Encoding: chunked\r\n";
  }
  if (!has_connection && status >= 200) {
    // Old clients of Docker take an answer that announces the end for the stream they asked for, whatever its status.
    if (!keep_alive_ && !wants_upgrade_) head += "Connection: close\r\n";
    if (keep_alive_ && !is_11_) head += "Connection: keep-alive\r\n";
  }
  head += "\r\n";
  connection_.out().append(head);
}

void Http1::send(Exchange& exchange, int status, Headers& headers, Body& body) {
  if (!is_current(exchange) || started_) return;
  if (!body_done_ && state_ == State::kBody) keep_alive_ = false;
  bool none = has_no_body(status);
  bool own_length = is_head_ && body.empty() && headers.has("Content-Length");
  write_head(status, headers, none || own_length ? Framing::kNone : Framing::kLength, body.size());
  if (!none && !is_head_) connection_.out().append_body(std::move(body));
  response_done();
}

void Http1::start(Exchange& exchange, int status, Headers& headers) {
  if (!is_current(exchange) || started_) return;
  started_ = true;
  if (has_no_body(status) || headers.has("Content-Length")) {
    framing_ = Framing::kNone;
  } else if (is_11_) {
    framing_ = Framing::kChunked;
  } else {
    framing_ = Framing::kUntilClose;
    keep_alive_ = false;
  }
  write_head(status, headers, framing_ == Framing::kChunked ? Framing::kChunked : Framing::kNone, 0);
  connection_.request_flush();
}

void Http1::write(Exchange& exchange, Body& body, Responder::WriteDone done) {
  if (!is_current(exchange) || !started_) {
    if (done) done(fail(Code::kInternal, "write without start"));
    return;
  }
  if (!body.empty() && !is_head_) {
    if (framing_ == Framing::kChunked) {
      char size[20];
      auto end = std::to_chars(size, size + 18, body.size(), 16).ptr;
      *end++ = '\r';
      *end++ = '\n';
      connection_.out().append(std::string_view(size, static_cast<size_t>(end - size)));
    }
    connection_.out().append_body(std::move(body));
    if (framing_ == Framing::kChunked) connection_.out().append("\r\n");
    connection_.request_flush();
  }
  exchange.set_queued(connection_.out().size());
  if (!done) return;
  if (connection_.out().size() < ServerConnection::kHighWater) return done({});
  waiters_.push_back(std::move(done));
}

void Http1::on_written() {
  if (auto exchange = exchange_.lock()) exchange->set_queued(connection_.out().size());
  if (waiters_.empty() || connection_.out().size() >= ServerConnection::kHighWater / 2) return;
  auto waiters = std::exchange(waiters_, {});
  for (auto& done : waiters) done({});
}

void Http1::finish(Exchange& exchange) {
  if (!is_current(exchange)) return;
  if (!started_) {
    Headers none;
    Body empty;
    return send(exchange, 200, none, empty);
  }
  if (framing_ == Framing::kChunked && !is_head_) connection_.out().append("0\r\n\r\n");
  if (!body_done_ && state_ == State::kBody) keep_alive_ = false;
  response_done();
}

void Http1::abort(int64_t id) {
  if (id == id_ && awaiting_answer_) connection_.close();
}

void Http1::abandon(int64_t id) {
  if (id != id_ || !awaiting_answer_) return;
  if (started_) return connection_.close();
  answer_error(500);
}

void Http1::response_done() {
  awaiting_answer_ = false;
  if (auto exchange = exchange_.lock()) exchange->completed();
  exchange_.reset();
  auto waiters = std::exchange(waiters_, {});
  for (auto& done : waiters) done({});
  connection_.request_flush();
  if (!keep_alive_) {
    state_ = State::kClosing;
    if (body_stream_) std::exchange(body_stream_, nullptr)->queue().fail(Error(Code::kCancelled, "answered"));
    return connection_.close_after_flush();
  }
  if (body_done_) next_request();
}

void Http1::next_request() {
  state_ = State::kHead;
  if (!parsing_) parse_again();
}

void Http1::upgrade(Exchange& exchange, int status, Headers& headers, Responder::Upgraded upgraded) {
  if (!is_current(exchange) || started_) return upgraded(nullptr);
  bool has_connection = headers.has("Connection");
  if (!has_connection && status == 101) headers.add("Connection", "Upgrade");
  bool keep = std::exchange(keep_alive_, true);
  write_head(status, headers, Framing::kNone, 0);
  keep_alive_ = keep;
  awaiting_answer_ = false;
  if (auto live = exchange_.lock()) live->completed();
  exchange_.reset();
  upgraded_ = std::move(upgraded);
  if (!parsing_) finish_upgrade();
}

// Nothing of this object may be touched after the connection gave its socket away.
void Http1::finish_upgrade() {
  auto upgraded = std::exchange(upgraded_, nullptr);
  auto stream = connection_.detach(std::move(in_));
  upgraded(std::move(stream));
}

}  // namespace

std::unique_ptr<ServerProtocol> make_http1(ServerConnection& connection) { return std::make_unique<Http1>(connection); }

}  // namespace reigen::http
