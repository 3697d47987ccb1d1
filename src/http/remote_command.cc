// Sessions of exec and attach (stream_session.h).
#include <fmt/core.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

#include "http/channel_socket.h"
#include "http/client_loops.h"
#include "http/server.h"
#include "http/spdy.h"
#include "http/stream_session.h"

namespace reigen::http {

namespace {

constexpr int kStdin = 0, kStdout = 1, kStderr = 2, kErrorChannel = 3, kResize = 4;
constexpr size_t kMaxResizeText = 4096;

using Done = std::move_only_function<void(Result<std::shared_ptr<RemoteCommandSession>>)>;

// {"Width":80,"Height":24}, several behind each other in one stream.
bool take_size(std::string& text, TerminalSize& size) {
  size_t end = text.find('}');
  if (end == std::string::npos) {
    if (text.size() > kMaxResizeText) text.clear();
    return false;
  }
  auto number = [&](std::string_view name) -> uint16_t {
    std::string_view object = std::string_view(text).substr(0, end);
    size_t at = object.find(name);
    if (at == std::string_view::npos) return 0;
    object.remove_prefix(at + name.size());
    while (!object.empty() && (object[0] < '0' || object[0] > '9')) object.remove_prefix(1);
    uint16_t value = 0;
    std::from_chars(object.data(), object.data() + object.size(), value);
    return value;
  };
  size = {number("\"Width\""), number("\"Height\"")};
  text.erase(0, end + 1);
  return true;
}

// What both protocols share: who is told of sizes and of the end.
class SessionBase : public RemoteCommandSession {
 public:
  explicit SessionBase(std::string protocol) : protocol_(std::move(protocol)) {}
  const std::string& protocol() const override { return protocol_; }

  void on_resize(std::function<void(TerminalSize)> fn) override {
    std::optional<TerminalSize> newest;
    {
      std::lock_guard lock(mutex_);
      resize_ = fn;
      newest = std::exchange(newest_size_, std::nullopt);
    }
    if (newest) fn(*newest);
  }

  void on_close(Fn fn) override {
    {
      std::lock_guard lock(mutex_);
      if (finished_) return;
      if (!gone_) {
        close_ = std::move(fn);
        return;
      }
    }
    fn();
  }

 protected:
  void resize_bytes(std::string_view bytes) {
    TerminalSize size;
    resize_text_.append(bytes);
    while (take_size(resize_text_, size)) {
      std::function<void(TerminalSize)> fn;
      {
        std::lock_guard lock(mutex_);
        fn = resize_;
        if (!fn) newest_size_ = size;
      }
      if (fn) fn(size);
    }
  }

  void client_gone() {
    Fn fn;
    {
      std::lock_guard lock(mutex_);
      gone_ = true;
      fn = std::exchange(close_, nullptr);
      resize_ = nullptr;
    }
    if (fn) fn();
  }

  // False when it already was.
  bool set_finished() {
    Fn dropped;
    std::function<void(TerminalSize)> dropped_resize;
    std::lock_guard lock(mutex_);
    dropped = std::exchange(close_, nullptr);
    dropped_resize = std::exchange(resize_, nullptr);
    return !std::exchange(finished_, true);
  }

  bool writes_status() const { return protocol_.starts_with("v4.") || protocol_.starts_with("v5."); }

 private:
  std::string protocol_;
  std::string resize_text_;  // touched by the one read in progress
  std::mutex mutex_;
  std::function<void(TerminalSize)> resize_;
  std::optional<TerminalSize> newest_size_;
  Fn close_;
  bool gone_ = false;
  bool finished_ = false;
};

class SpdyRemote final : public SessionBase, public std::enable_shared_from_this<SpdyRemote> {
 public:
  SpdyRemote(std::shared_ptr<SpdySession> session, std::string protocol, RemoteCommandOptions options, Done done)
      : SessionBase(std::move(protocol)), session_(std::move(session)), options_(options), done_(std::move(done)) {
    bool resizes = options.tty && (this->protocol().starts_with("v4.") || this->protocol().starts_with("v3."));
    expected_ = 1 + options.stdin_open + options.stdout_open + options.stderr_open + (resizes ? 1 : 0);
  }

  void begin() {
    // The session outlives this call through its own read; it holds us until it ends.
    session_->start([](const std::shared_ptr<SpdyStream>&) { return true; },
                    [self = shared_from_this()](std::shared_ptr<SpdyStream> stream) { self->opened(std::move(stream)); },
                    [self = shared_from_this()] { self->closed(); });
    after_on_loop(options_.creation_timeout, [weak = weak_from_this()] {
      auto self = weak.lock();
      if (self && self->take_done([](Done& done) { done(fail(Code::kDeadlineExceeded, "timed out waiting for client to create streams")); }))
        self->session_->close();
    });
  }

  bool can_half_close() const override { return true; }
  std::shared_ptr<ByteStream> stdin_stream() override { return streams_[kStdin]; }
  std::shared_ptr<ByteStream> stdout_stream() override { return streams_[kStdout]; }
  std::shared_ptr<ByteStream> stderr_stream() override { return streams_[kStderr]; }

  void finish(std::string status_json, std::string plain_error) override {
    if (!set_finished()) return;
    auto session = session_;
    std::string text = writes_status() ? std::move(status_json) : std::move(plain_error);
    if (auto& error = streams_[kErrorChannel]; error && !text.empty()) error->write(std::move(text), [session](Status) {});
    for (int channel : {kStdout, kStderr, kErrorChannel, kStdin, kResize}) {
      if (streams_[channel]) streams_[channel]->close_write();
    }
    session->finish();
  }

 private:
  template <class F>
  bool take_done(F run) {
    Done done;
    {
      std::lock_guard lock(done_mutex_);
      done = std::exchange(done_, nullptr);
    }
    if (!done) return false;
    run(done);
    return true;
  }

  void opened(std::shared_ptr<SpdyStream> stream) {
    std::string_view type = stream->headers().get("streamType");
    int channel = type == "error"    ? kErrorChannel
                  : type == "stdin"  ? kStdin
                  : type == "stdout" ? kStdout
                  : type == "stderr" ? kStderr
                  : type == "resize" ? kResize
                                     : -1;
    if (channel < 0 || streams_[channel]) return stream->close();
    streams_[channel] = stream;
    if (channel == kResize) read_sizes(stream);
    if (++received_ < expected_) return;
    take_done([&](Done& done) { done(std::static_pointer_cast<RemoteCommandSession>(shared_from_this())); });
  }

  void read_sizes(std::shared_ptr<ByteStream> stream) {
    stream->read(kMaxResizeText, [self = shared_from_this(), stream](Result<std::string> bytes) {
      if (!bytes || bytes->empty()) return;
      self->resize_bytes(*bytes);
      self->read_sizes(stream);
    });
  }

  void closed() {
    take_done([](Done& done) { done(fail(Code::kCancelled, "client has gone")); });
    client_gone();
  }

  std::shared_ptr<SpdySession> session_;
  RemoteCommandOptions options_;
  std::mutex done_mutex_;
  Done done_;
  int expected_;
  int received_ = 0;
  std::shared_ptr<SpdyStream> streams_[5];
};

class WebSocketRemote final : public SessionBase, public std::enable_shared_from_this<WebSocketRemote> {
 public:
  WebSocketRemote(AcceptedWebSocket accepted, RemoteCommandOptions options)
      : SessionBase(accepted.protocol),
        socket_(std::make_shared<ChannelSocket>(std::move(accepted.socket), accepted.protocol.find("base64") != std::string::npos,
                                                accepted.protocol.starts_with("v5."))),
        options_(options) {
    if (options.stdin_open) stdin_ = socket_->add_reader(kStdin);
    if (options.stdout_open) stdout_ = socket_->add_writer(kStdout);
    if (options.stderr_open) stderr_ = socket_->add_writer(kStderr);
    resize_stream_ = socket_->add_reader(kResize);
  }

  void begin() {
    // An empty message on the first channel that can be written tells the client that it is connected.
    socket_->send(options_.stdout_open ? kStdout : options_.stderr_open ? kStderr : kErrorChannel, {}, [](Status) {});
    socket_->start([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->client_gone();
    });
    read_sizes();
  }

  bool can_half_close() const override { return protocol().starts_with("v5."); }
  std::shared_ptr<ByteStream> stdin_stream() override { return stdin_; }
  std::shared_ptr<ByteStream> stdout_stream() override { return stdout_; }
  std::shared_ptr<ByteStream> stderr_stream() override { return stderr_; }

  void finish(std::string status_json, std::string plain_error) override {
    if (!set_finished()) return;
    std::string text = writes_status() ? std::move(status_json) : std::move(plain_error);
    if (!text.empty()) socket_->send(kErrorChannel, text, [](Status) {});
    socket_->close();
  }

 private:
  void read_sizes() {
    resize_stream_->read(kMaxResizeText, [weak = weak_from_this()](Result<std::string> bytes) {
      auto self = weak.lock();
      if (!self || !bytes || bytes->empty()) return;
      self->resize_bytes(*bytes);
      self->read_sizes();
    });
  }

  std::shared_ptr<ChannelSocket> socket_;
  RemoteCommandOptions options_;
  std::shared_ptr<ByteStream> stdin_, stdout_, stderr_, resize_stream_;
};

const std::vector<std::string>& spdy_protocols() {
  static const std::vector<std::string> names{"v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"};
  return names;
}

}  // namespace

bool is_websocket_request(const Request& request) {
  return request.headers.has_token("Connection", "Upgrade") && iequals(request.headers.get("Upgrade"), "websocket");
}

bool is_stream_request(const Request& request) { return request.headers.has_token("Connection", "Upgrade") && request.headers.has("Upgrade"); }

Result<std::string> negotiate_spdy(const Request& request, Responder& responder, const std::vector<std::string>& ours) {
  auto asked = request.headers.list("X-Stream-Protocol-Version");
  Headers headers{{"Content-Type", "text/plain; charset=utf-8"}};
  if (asked.empty()) {
    constexpr const char* kText = "unable to upgrade: X-Stream-Protocol-Version is required";
    responder.send(400, std::move(headers), fmt::format("{}\n", kText));
    return fail(Code::kInvalidArgument, kText);
  }
  for (auto each : asked) {
    if (std::find(ours.begin(), ours.end(), each) != ours.end()) return std::string(each);
  }
  auto join = [](const auto& names) {
    std::string out;
    for (const auto& name : names) out += (out.empty() ? "" : " ") + std::string(name);
    return out;
  };
  for (const auto& name : ours) headers.add("X-Accepted-Stream-Protocol-Versions", name);
  std::string text = "unable to upgrade: unable to negotiate protocol: client supports [" + join(asked) + "], server accepts [" + join(ours) + "]";
  responder.send(403, std::move(headers), text + "\n");
  return fail(Code::kInvalidArgument, text);
}

void accept_remote_command(const Request& request, std::shared_ptr<Responder> responder, RemoteCommandOptions options, Done done) {
  if (is_websocket_request(request)) {
    static const std::vector<std::string> kProtocols{
        "", "v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io", "channel.k8s.io", "base64.channel.k8s.io"};
    return accept_websocket(request, responder, kProtocols, [options, done = std::move(done)](Result<AcceptedWebSocket> accepted) mutable {
      if (!accepted) return done(fail(std::move(accepted).error()));
      auto session = std::make_shared<WebSocketRemote>(std::move(*accepted), options);
      session->begin();
      done(std::static_pointer_cast<RemoteCommandSession>(session));
    });
  }
  auto protocol = negotiate_spdy(request, *responder, spdy_protocols());
  if (!protocol) return done(fail(std::move(protocol).error()));
  Headers headers{{"X-Stream-Protocol-Version", *protocol}};
  accept_spdy(request, responder, std::move(headers),
              [options, protocol = *protocol, done = std::move(done)](Result<std::shared_ptr<SpdySession>> session) mutable {
                if (!session) return done(fail(std::move(session).error()));
                std::make_shared<SpdyRemote>(std::move(*session), protocol, options, std::move(done))->begin();
              });
}

}  // namespace reigen::http
