// HTTP/2 on a server's connection (RFC 9113), by nghttp2.
#include <nghttp2/nghttp2.h>

#include <charconv>
#include <cstring>
#include <deque>
#include <unordered_map>

#include "http/body_stream.h"
#include "http/http1_parser.h"
#include "http/server_connection.h"

namespace reigen::http {

namespace {

constexpr size_t kOutput = 64 << 10;  // bytes framed ahead of the socket
constexpr int32_t kStreamWindow = 256 << 10;
constexpr int32_t kConnectionWindow = 1 << 20;
// Streams a client may reset: a burst, then so many a second (CVE-2023-44487).
constexpr double kResetBurst = 1000;
constexpr double kResetsPerSecond = 33;

struct Stream {
  int32_t id = 0;
  std::shared_ptr<Request> request = std::make_shared<Request>();
  size_t head_bytes = 0;
  BodyPolicy policy;
  std::shared_ptr<BodyStream> body_stream;
  std::weak_ptr<Exchange> exchange;
  bool refused = false;  // already answered by us: further input is dropped
  bool dispatched = false;
  bool input_ended = false;
  bool is_head = false;
  bool gzip = false;
  bool answered = false;  // the response's head was submitted
  bool finished = false;  // nothing more will be queued
  bool deferred = false;
  std::deque<Body> queue;
  size_t offset = 0;  // in the first of the queue
  size_t queued = 0;
  std::vector<Responder::WriteDone> waiters;
};

class Http2 final : public ServerProtocol {
 public:
  explicit Http2(ServerConnection& connection);
  ~Http2() override { nghttp2_session_del(session_); }

  void on_data(std::string_view bytes) override;
  void on_eof() override { connection_.close(); }
  void on_written() override { pump(); }
  void on_closed() override;
  void on_deadline() override;
  void resume() override {}
  void drain() override;
  bool wants_read() const override { return connection_.out().size() < (1 << 20); }

  void send(Exchange& exchange, int status, Headers& headers, Body& body) override;
  void start(Exchange& exchange, int status, Headers& headers) override;
  void write(Exchange& exchange, Body& body, Responder::WriteDone done) override;
  void finish(Exchange& exchange) override;
  void abort(int64_t id) override;
  void abandon(int64_t id) override;
  void upgrade(Exchange& exchange, int status, Headers& headers, Responder::Upgraded upgraded) override;

  int begin_headers(int32_t id);
  int header(int32_t id, std::string_view name, std::string_view value);
  int headers_complete(int32_t id, bool end);
  int data(int32_t id, std::string_view bytes);
  void input_end(int32_t id);
  int reset_received();
  void stream_closed(int32_t id);
  ssize_t read_output(int32_t id, uint8_t* out, size_t length, uint32_t* flags);

 private:
  const ServerOptions& options() const { return connection_.core().options; }
  Stream* find(int64_t id);
  void dispatch(Stream& stream);
  void refuse(Stream& stream, int status);
  void submit_head(Stream& stream, int status, const Headers& headers, bool with_body, const size_t* length);
  void enqueue(Stream& stream, Body body);
  void pump();
  void consumed(int32_t id, size_t bytes);
  void set_deadlines();

  ServerConnection& connection_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<int32_t, std::unique_ptr<Stream>> streams_;
  bool busy_ = false;  // inside nghttp2
  double resets_left_ = kResetBurst;
  TimePoint resets_at_{};
};

Http2& self_of(void* user) { return *static_cast<Http2*>(user); }

nghttp2_session_callbacks* callbacks() {
  static nghttp2_session_callbacks* shared = [] {
    nghttp2_session_callbacks* out;
    nghttp2_session_callbacks_new(&out);
    nghttp2_session_callbacks_set_on_begin_headers_callback(out, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
      if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
      return self_of(user).begin_headers(frame->hd.stream_id);
    });
    nghttp2_session_callbacks_set_on_header_callback(out, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_length,
                                                             const uint8_t* value, size_t value_length, uint8_t, void* user) {
      if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;  // trailers are dropped
      return self_of(user).header(frame->hd.stream_id, {reinterpret_cast<const char*>(name), name_length},
                                  {reinterpret_cast<const char*>(value), value_length});
    });
    nghttp2_session_callbacks_set_on_frame_recv_callback(out, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
      bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
      if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) return self_of(user).headers_complete(frame->hd.stream_id, end);
      if (frame->hd.type == NGHTTP2_RST_STREAM) return self_of(user).reset_received();
      if (end && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS)) self_of(user).input_end(frame->hd.stream_id);
      return 0;
    });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(out, [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* bytes, size_t length, void* user) {
      return self_of(user).data(id, {reinterpret_cast<const char*>(bytes), length});
    });
    nghttp2_session_callbacks_set_on_stream_close_callback(out, [](nghttp2_session*, int32_t id, uint32_t, void* user) {
      self_of(user).stream_closed(id);
      return 0;
    });
    return out;
  }();
  return shared;
}

Http2::Http2(ServerConnection& connection) : connection_(connection) {
  nghttp2_option* option;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  // Go's clients send a User-Agent that ends with a space as it is, and its servers take it.
  nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
  nghttp2_session_server_new2(&session_, callbacks(), this, option);
  nghttp2_option_del(option);
  nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options().max_concurrent_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(std::min<size_t>(options().max_head, 1 << 30))},
  };
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 3);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
  resets_at_ = connection.loop().now();
  pump();
}

Stream* Http2::find(int64_t id) {
  auto found = streams_.find(static_cast<int32_t>(id));
  return found == streams_.end() ? nullptr : found->second.get();
}

void Http2::on_data(std::string_view bytes) {
  busy_ = true;
  ssize_t used = nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  busy_ = false;
  pump();
  if (used < 0) return connection_.close_after_flush();
  set_deadlines();
}

void Http2::set_deadlines() {
  if (!connection_.is_open()) return;
  if (streams_.empty()) return connection_.set_deadline(options().idle_timeout);
  for (auto& [id, stream] : streams_) {
    if (!stream->input_ended && !stream->refused) return connection_.set_deadline(options().stall_timeout);
  }
  connection_.clear_deadline();
}

void Http2::on_deadline() {
  for (auto& [id, stream] : streams_) {
    bool paused = stream->body_stream && stream->body_stream->queue().size() > 0;
    if (stream->input_ended || stream->refused || paused) continue;
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  }
  if (streams_.empty()) {
    nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
    pump();
    return connection_.close_after_flush();
  }
  pump();
  set_deadlines();
}

void Http2::drain() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR, nullptr, 0);
  pump();
  if (streams_.empty()) connection_.close_after_flush();
}

void Http2::pump() {
  if (busy_ || !connection_.is_open()) return;
  busy_ = true;
  bool wrote = false;
  while (connection_.out().size() < kOutput) {
    const uint8_t* bytes;
    ssize_t n = nghttp2_session_mem_send(session_, &bytes);
    if (n <= 0) break;
    connection_.out().append(std::string_view(reinterpret_cast<const char*>(bytes), static_cast<size_t>(n)));
    wrote = true;
  }
  busy_ = false;
  if (wrote) connection_.request_flush();
  bool over = !nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_);
  if (over || (streams_.empty() && connection_.core().draining.load(std::memory_order_relaxed))) connection_.close_after_flush();
}

int Http2::begin_headers(int32_t id) {
  auto stream = std::make_unique<Stream>();
  stream->id = id;
  stream->request->version = 20;
  stream->request->headers.reserve(8);
  connection_.describe(*stream->request);
  streams_[id] = std::move(stream);
  return 0;
}

int Http2::header(int32_t id, std::string_view name, std::string_view value) {
  Stream* stream = find(id);
  if (!stream) return 0;
  stream->head_bytes += name.size() + value.size() + 32;
  if (stream->head_bytes > options().max_head) return 0;
  Request& request = *stream->request;
  if (name == ":method") {
    request.method = value;
  } else if (name == ":path") {
    request.target = value;
  } else if (name == ":authority") {
    request.host = value;
  } else if (!name.starts_with(':')) {
    if (name == "host" && request.host.empty()) request.host = value;
    request.headers.add(std::string(name), std::string(value));
  }
  return 0;
}

int Http2::headers_complete(int32_t id, bool end) {
  Stream* stream = find(id);
  if (!stream) return 0;
  stream->input_ended = end;
  Request& request = *stream->request;
  stream->is_head = request.method == "HEAD";
  if (stream->head_bytes > options().max_head) {
    refuse(*stream, 431);
    return 0;
  }
  if (!parse_target(request)) {
    refuse(*stream, 400);
    return 0;
  }
  stream->gzip = options().gzip_threshold > 0 && request.headers.has_token("Accept-Encoding", "gzip");
  if (end) {
    dispatch(*stream);
    return 0;
  }
  stream->policy = options().body_policy ? options().body_policy(request) : options().body;
  uint64_t length = 0;
  std::string_view text = request.headers.get("Content-Length");
  std::from_chars(text.data(), text.data() + text.size(), length);
  if (!stream->policy.stream && length > stream->policy.limit) {
    refuse(*stream, 413);
    return 0;
  }
  if (!stream->policy.stream) return 0;
  stream->body_stream = std::make_shared<BodyStream>(
      [weak = connection_.weak_from_this(), this, id](size_t taken, size_t) {
        auto connection = weak.lock();
        if (!connection) return;
        connection->shared_loop()->post([weak, this, id, taken] {
          auto live = weak.lock();
          if (live && live->is_open()) consumed(id, taken);
        });
      },
      nullptr);
  request.body_stream = stream->body_stream;
  dispatch(*stream);
  return 0;
}

void Http2::consumed(int32_t id, size_t bytes) {
  nghttp2_session_consume_stream(session_, id, bytes);
  pump();
}

int Http2::data(int32_t id, std::string_view bytes) {
  nghttp2_session_consume_connection(session_, bytes.size());
  Stream* stream = find(id);
  if (!stream || stream->refused) {
    nghttp2_session_consume_stream(session_, id, bytes.size());
    return 0;
  }
  if (stream->body_stream) {
    // What a reader takes opens the window again; it bounds what is held here.
    stream->body_stream->queue().push(bytes);
    return 0;
  }
  nghttp2_session_consume_stream(session_, id, bytes.size());
  if (stream->request->body.size() + bytes.size() > stream->policy.limit) {
    refuse(*stream, 413);
    return 0;
  }
  stream->request->body.append(bytes);
  return 0;
}

void Http2::input_end(int32_t id) {
  Stream* stream = find(id);
  if (!stream || stream->refused) return;
  stream->input_ended = true;
  if (stream->body_stream) return stream->body_stream->queue().end();
  dispatch(*stream);
}

int Http2::reset_received() {
  TimePoint now = connection_.loop().now();
  resets_left_ += std::chrono::duration<double>(now - resets_at_).count() * kResetsPerSecond;
  resets_left_ = std::min(resets_left_, kResetBurst) - 1;
  resets_at_ = now;
  if (resets_left_ < 0) nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
  return 0;
}

void Http2::dispatch(Stream& stream) {
  if (stream.dispatched) return;
  stream.dispatched = true;
  auto exchange = std::make_shared<Exchange>(connection_.shared_loop(), connection_.weak_from_this(), stream.id, stream.gzip ? options().gzip_threshold : 0);
  stream.exchange = exchange;
  connection_.core().handler(stream.request, std::move(exchange));
}

void Http2::refuse(Stream& stream, int status) {
  stream.refused = true;
  std::string body = std::to_string(status) + " " + std::string(reason_phrase(status));
  bool as_json = status == 413 && !options().too_large_json.empty();
  if (as_json) body = options().too_large_json;
  size_t length = body.size();
  submit_head(stream, status, {{"content-type", as_json ? "application/json" : "text/plain; charset=utf-8"}}, !stream.is_head, &length);
  if (!stream.is_head) enqueue(stream, std::move(body));
  stream.finished = true;
  pump();
}

void Http2::submit_head(Stream& stream, int status, const Headers& headers, bool with_body, const size_t* length) {
  static constexpr std::string_view kDropped[] = {"Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Proxy-Connection"};
  stream.answered = true;
  std::vector<std::string> names;
  names.reserve(headers.size());
  std::vector<nghttp2_nv> fields;
  fields.reserve(headers.size() + 3);
  auto add = [&](std::string_view name, std::string_view value) {
    fields.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())), reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(),
                      value.size(), NGHTTP2_NV_FLAG_NONE});
  };
  std::string status_text = std::to_string(status);
  std::string length_text = length ? std::to_string(*length) : "";
  add(":status", status_text);
  bool has_date = false;
  for (const auto& field : headers) {
    bool drop = length && iequals(field.name, "Content-Length");
    for (auto name : kDropped) drop = drop || iequals(field.name, name);
    if (drop) continue;
    std::string& name = names.emplace_back(field.name);
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    has_date = has_date || name == "date";
    add(name, field.value);
  }
  if (!has_date) add("date", connection_.loop().http_date());
  if (length) add("content-length", length_text);
  nghttp2_data_provider provider{};
  provider.read_callback = [](nghttp2_session*, int32_t id, uint8_t* out, size_t size, uint32_t* flags, nghttp2_data_source*, void* user) {
    return self_of(user).read_output(id, out, size, flags);
  };
  nghttp2_submit_response(session_, stream.id, fields.data(), fields.size(), with_body ? &provider : nullptr);
}

ssize_t Http2::read_output(int32_t id, uint8_t* out, size_t length, uint32_t* flags) {
  Stream* stream = find(id);
  if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  size_t done = 0;
  while (done < length && !stream->queue.empty()) {
    std::string_view piece = stream->queue.front().view().substr(stream->offset, length - done);
    memcpy(out + done, piece.data(), piece.size());
    done += piece.size();
    stream->offset += piece.size();
    if (stream->offset == stream->queue.front().size()) {
      stream->queue.pop_front();
      stream->offset = 0;
    }
  }
  stream->queued -= done;
  if (auto exchange = stream->exchange.lock()) exchange->set_queued(stream->queued);
  if (stream->queue.empty() && stream->finished) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  } else if (done == 0) {
    stream->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  if (!stream->waiters.empty() && stream->queued < ServerConnection::kHighWater / 2) {
    // Not from inside nghttp2: a callback may write again.
    connection_.shared_loop()->post([waiters = std::make_shared<std::vector<Responder::WriteDone>>(std::exchange(stream->waiters, {}))] {
      for (auto& each : *waiters) each({});
    });
  }
  return static_cast<ssize_t>(done);
}

void Http2::enqueue(Stream& stream, Body body) {
  if (!body.empty()) {
    stream.queued += body.size();
    stream.queue.push_back(std::move(body));
  }
  if (!std::exchange(stream.deferred, false)) return;
  nghttp2_session_resume_data(session_, stream.id);
}

void Http2::send(Exchange& exchange, int status, Headers& headers, Body& body) {
  Stream* stream = find(exchange.id());
  if (!stream || stream->answered) return;
  size_t length = body.size();
  bool none = status == 204 || status == 304;
  bool own_length = stream->is_head && body.empty() && headers.has("Content-Length");
  bool with_body = !none && !stream->is_head && length > 0;
  submit_head(*stream, status, headers, with_body, none || own_length ? nullptr : &length);
  if (with_body) enqueue(*stream, std::move(body));
  stream->finished = true;
  exchange.completed();
  pump();
}

void Http2::start(Exchange& exchange, int status, Headers& headers) {
  Stream* stream = find(exchange.id());
  if (!stream || stream->answered) return;
  bool with_body = status != 204 && status != 304 && !stream->is_head;
  submit_head(*stream, status, headers, with_body, nullptr);
  pump();
}

void Http2::write(Exchange& exchange, Body& body, Responder::WriteDone done) {
  Stream* stream = find(exchange.id());
  if (!stream || !stream->answered || stream->finished) {
    if (done) done(fail(Code::kCancelled, "stream is not open"));
    return;
  }
  if (!stream->is_head) enqueue(*stream, std::move(body));
  exchange.set_queued(stream->queued);
  bool full = stream->queued >= ServerConnection::kHighWater;
  if (done && full) stream->waiters.push_back(std::exchange(done, nullptr));
  pump();
  if (done) done({});
}

void Http2::finish(Exchange& exchange) {
  Stream* stream = find(exchange.id());
  if (!stream) return;
  if (!stream->answered) {
    Headers none;
    Body empty;
    return send(exchange, 200, none, empty);
  }
  stream->finished = true;
  exchange.completed();
  enqueue(*stream, {});
  pump();
}

void Http2::abort(int64_t id) {
  if (!find(id)) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, static_cast<int32_t>(id), NGHTTP2_INTERNAL_ERROR);
  pump();
}

void Http2::abandon(int64_t id) {
  Stream* stream = find(id);
  if (!stream || stream->finished) return;
  if (stream->answered) return abort(id);
  refuse(*stream, 500);
}

void Http2::upgrade(Exchange& exchange, int, Headers&, Responder::Upgraded upgraded) {
  Headers headers{{"content-type", "text/plain; charset=utf-8"}};
  Body body("upgrading needs HTTP/1.1");
  send(exchange, 400, headers, body);
  upgraded(nullptr);
}

void Http2::stream_closed(int32_t id) {
  auto found = streams_.find(id);
  if (found == streams_.end()) return;
  auto stream = std::move(found->second);
  streams_.erase(found);
  if (stream->body_stream) stream->body_stream->queue().fail(Error(Code::kUnavailable, "stream closed"));
  if (auto exchange = stream->exchange.lock()) exchange->client_gone();
  for (auto& done : stream->waiters) done(fail(Code::kCancelled, "client has gone"));
}

void Http2::on_closed() {
  while (!streams_.empty()) stream_closed(streams_.begin()->first);
}

}  // namespace

std::unique_ptr<ServerProtocol> make_http2(ServerConnection& connection) { return std::make_unique<Http2>(connection); }

}  // namespace reigen::http
