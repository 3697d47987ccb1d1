// Sessions of port-forward (stream_session.h).
#include <charconv>
#include <map>

#include "http/channel_socket.h"
#include "http/client_loops.h"
#include "http/server.h"
#include "http/spdy.h"
#include "http/stream_session.h"

namespace reigen::http {

// remote_command.cc
Result<std::string> negotiate_spdy(const Request& request, Responder& responder, const std::vector<std::string>& ours);

namespace {

constexpr std::string_view kTunnel = "SPDY/3.1+portforward.k8s.io";

using Connected = std::function<void(ForwardedConnection)>;
using Closed = std::move_only_function<void(Result<void>)>;

uint16_t port_of(const SpdyStream& stream) {
  std::string_view text = stream.headers().get("port");
  uint16_t port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() ? port : 0;
}

// Pairs the data and error streams of each connection by their request id.
class SpdyForward final : public std::enable_shared_from_this<SpdyForward> {
 public:
  SpdyForward(std::shared_ptr<SpdySession> session, PortForwardOptions options, Connected connected, Closed closed)
      : session_(std::move(session)), options_(std::move(options)), connected_(std::move(connected)), closed_(std::move(closed)) {}

  void begin() {
    session_->start(
        [](const std::shared_ptr<SpdyStream>& stream) {
          std::string_view type = stream->headers().get("streamType");
          return port_of(*stream) != 0 && (type == "data" || type == "error");
        },
        [self = shared_from_this()](std::shared_ptr<SpdyStream> stream) { self->opened(std::move(stream)); },
        [self = shared_from_this()] { self->closed_({}); });
  }

 private:
  struct Pair {
    std::shared_ptr<SpdyStream> data;
    std::shared_ptr<SpdyStream> error;
  };

  // Clients too old for request ids open the error stream and then, two ids later, the data stream.
  static std::string request_id(const SpdyStream& stream, bool is_data) {
    if (auto* id = stream.headers().find("requestID")) return *id;
    return std::to_string(is_data ? stream.id() - 2 : stream.id());
  }

  void opened(std::shared_ptr<SpdyStream> stream) {
    bool is_data = stream->headers().get("streamType") == "data";
    std::string id = request_id(*stream, is_data);
    std::unique_lock lock(mutex_);
    bool created = !pairs_.contains(id);
    Pair& pair = pairs_[id];
    auto& slot = is_data ? pair.data : pair.error;
    if (slot) {
      lock.unlock();
      return stream->close();
    }
    slot = std::move(stream);
    if (pair.data && pair.error) {
      Pair complete = std::move(pair);
      pairs_.erase(id);
      lock.unlock();
      return connect(std::move(complete));
    }
    lock.unlock();
    if (created) expire(id);
  }

  void expire(const std::string& id) {
    after_on_loop(options_.creation_timeout, [weak = weak_from_this(), id] {
      auto self = weak.lock();
      if (!self) return;
      Pair late;
      {
        std::lock_guard lock(self->mutex_);
        auto found = self->pairs_.find(id);
        if (found == self->pairs_.end()) return;
        late = std::move(found->second);
        self->pairs_.erase(found);
      }
      if (late.error) {
        late.error->write("timed out waiting for streams", [](Status) {});
        late.error->close_write();
      }
      if (late.data) late.data->close();
    });
  }

  void connect(Pair pair) {
    ForwardedConnection out;
    out.port = port_of(*pair.data);
    out.data = pair.data;
    out.finish = [pair](std::string error) {
      bool failed = !error.empty();
      if (failed) pair.error->write(std::move(error), [](Status) {});
      pair.error->close_write();
      if (failed) return pair.data->close();
      pair.data->close_write();
    };
    connected_(std::move(out));
  }

  std::shared_ptr<SpdySession> session_;
  PortForwardOptions options_;
  Connected connected_;
  Closed closed_;
  std::mutex mutex_;
  std::map<std::string, Pair> pairs_;
};

// Two channels a port, data and error; the first message of each is the port, little endian.
class ChannelForward final : public std::enable_shared_from_this<ChannelForward> {
 public:
  ChannelForward(AcceptedWebSocket accepted, PortForwardOptions options, Connected connected, Closed closed)
      : socket_(std::make_shared<ChannelSocket>(std::move(accepted.socket), accepted.protocol.find("base64") != std::string::npos, false)),
        options_(std::move(options)),
        connected_(std::move(connected)),
        closed_(std::move(closed)),
        left_(options_.ports.size()) {}

  void begin() {
    std::vector<std::shared_ptr<ByteStream>> data;
    for (size_t i = 0; i < options_.ports.size(); ++i) {
      data.push_back(socket_->add_both(static_cast<uint8_t>(i * 2)));
      socket_->add_writer(static_cast<uint8_t>(i * 2 + 1));
    }
    for (size_t i = 0; i < options_.ports.size(); ++i) {
      uint16_t port = options_.ports[i];
      std::string bytes{static_cast<char>(port), static_cast<char>(port >> 8)};
      socket_->send(static_cast<uint8_t>(i * 2), bytes, [](Status) {});
      socket_->send(static_cast<uint8_t>(i * 2 + 1), bytes, [](Status) {});
    }
    socket_->start([self = shared_from_this()] { self->end(); });
    for (size_t i = 0; i < options_.ports.size(); ++i) {
      ForwardedConnection out;
      out.port = options_.ports[i];
      out.data = data[i];
      out.finish = [self = shared_from_this(), i](std::string error) {
        if (!error.empty()) self->socket_->send(static_cast<uint8_t>(i * 2 + 1), error, [](Status) {});
        self->one_done();
      };
      connected_(std::move(out));
    }
  }

 private:
  void one_done() {
    {
      std::lock_guard lock(mutex_);
      if (left_ == 0 || --left_ > 0) return;
    }
    socket_->close();
    end();
  }
  void end() {
    Closed closed;
    {
      std::lock_guard lock(mutex_);
      closed = std::exchange(closed_, nullptr);
    }
    if (closed) closed({});
  }

  std::shared_ptr<ChannelSocket> socket_;
  PortForwardOptions options_;
  Connected connected_;
  std::mutex mutex_;
  Closed closed_;
  size_t left_;
};

void accept_over_websocket(const Request& request, std::shared_ptr<Responder> responder, PortForwardOptions options, Connected connected, Closed closed) {
  static const std::vector<std::string> kProtocols{std::string(kTunnel), "v4.channel.k8s.io", "v4.base64.channel.k8s.io", ""};
  bool tunnels = request.headers.has_token("Sec-WebSocket-Protocol", kTunnel);
  if (!tunnels && (options.ports.empty() || options.ports.size() > ChannelSocket::kChannels / 2)) {
    std::string text = "query parameter \"port\" is required";
    responder->send(400, {{"Content-Type", "text/plain; charset=utf-8"}}, text);
    return closed(fail(Code::kInvalidArgument, text));
  }
  accept_websocket(request, responder, kProtocols,
                   [options = std::move(options), connected = std::move(connected), closed = std::move(closed)](Result<AcceptedWebSocket> accepted) mutable {
                     if (!accepted) return closed(fail(std::move(accepted).error()));
                     if (accepted->protocol == kTunnel) {
                       auto session = std::make_shared<SpdySession>(websocket_stream(std::move(accepted->socket)), true);
                       std::make_shared<SpdyForward>(std::move(session), std::move(options), std::move(connected), std::move(closed))->begin();
                     } else {
                       std::make_shared<ChannelForward>(std::move(*accepted), std::move(options), std::move(connected), std::move(closed))->begin();
                     }
                   });
}

}  // namespace

void accept_port_forward(const Request& request, std::shared_ptr<Responder> responder, PortForwardOptions options, Connected connected, Closed closed) {
  if (is_websocket_request(request)) return accept_over_websocket(request, responder, std::move(options), std::move(connected), std::move(closed));
  auto protocol = negotiate_spdy(request, *responder, {"portforward.k8s.io"});
  if (!protocol) return closed(fail(std::move(protocol).error()));
  accept_spdy(
      request, responder, {{"X-Stream-Protocol-Version", *protocol}},
      [options = std::move(options), connected = std::move(connected), closed = std::move(closed)](Result<std::shared_ptr<SpdySession>> session) mutable {
        if (!session) return closed(fail(std::move(session).error()));
        std::make_shared<SpdyForward>(std::move(*session), std::move(options), std::move(connected), std::move(closed))->begin();
      });
}

}  // namespace reigen::http
