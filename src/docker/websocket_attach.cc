#include "docker/websocket_attach.h"

#include "docker/stream_frames.h"
#include "http/websocket.h"
#include "docker/version_table.h"

namespace reigen::docker {

namespace {

constexpr size_t kPiece = 64 << 10;

class WebSocketJoin : public std::enable_shared_from_this<WebSocketJoin> {
 public:
  WebSocketJoin(std::shared_ptr<http::WebSocket> socket, bool text, std::shared_ptr<ByteStream> input, std::shared_ptr<ByteStream> output, JoinOptions options,
                std::move_only_function<void(JoinEnd)> done)
      : socket_(std::move(socket)), text_(text), input_(std::move(input)), output_(std::move(output)), options_(std::move(options)), done_(std::move(done)) {}

  void start() {
    read_output();
    receive();
  }

 private:
  void read_output() {
    output_->read(kPiece, [self = shared_from_this()](Result<std::string> piece) {
      if (!piece || piece->empty()) return self->end(JoinEnd::kProgram);
      self->socket_->send(self->payload_of(*piece), self->text_, [self](Status status) {
        if (!status) return self->end(JoinEnd::kClient);
        self->read_output();
      });
    });
  }

  std::string payload_of(const std::string& piece) {
    if (options_.tty) return piece;
    std::string out;
    std::string_view in = piece;
    std::string_view payload;
    Channel channel;
    while (frames_.next(in, channel, payload)) out += payload;
    return out;
  }

  void receive() {
    socket_->receive([self = shared_from_this()](Result<http::WebSocketMessage> message) {
      if (!message || message->kind == http::WebSocketMessage::Kind::kClose) return self->end(JoinEnd::kClient);
      if (!self->input_ || message->data.empty()) return self->receive();
      std::string typed;
      bool detached = self->options_.keys.feed(message->data, typed);
      if (!self->options_.tty) {
        typed = std::move(message->data);
        detached = false;
      }
      self->input_->write(std::move(typed), [self, detached](Status status) {
        if (detached) return self->end(JoinEnd::kDetached);
        if (!status) return self->end(JoinEnd::kProgram);
        self->receive();
      });
    });
  }

  void end(JoinEnd how) {
    std::move_only_function<void(JoinEnd)> done;
    {
      std::lock_guard lock(mutex_);
      done = std::exchange(done_, nullptr);
    }
    if (!done) return;
    output_->close();
    if (input_ && options_.ends_input && how == JoinEnd::kClient) input_->close();
    socket_->close(1000);
    done(how);
  }

  const std::shared_ptr<http::WebSocket> socket_;
  const bool text_;
  const std::shared_ptr<ByteStream> input_, output_;
  JoinOptions options_;
  FrameReader frames_;
  std::mutex mutex_;
  std::move_only_function<void(JoinEnd)> done_;
};

}  // namespace

void join_websocket(Call call, std::shared_ptr<ByteStream> input, std::shared_ptr<ByteStream> output, JoinOptions options,
                    std::move_only_function<void(JoinEnd)> done) {
  bool text = call.version < since::kBinaryWebsocket;
  http::accept_websocket(
      *call.request, call.responder, {""},
      [text, input = std::move(input), output = std::move(output), options = std::move(options),
       done = std::move(done)](Result<http::AcceptedWebSocket> accepted) mutable {
        if (!accepted) {
          output->close();
          return done(JoinEnd::kClient);
        }
        std::make_shared<WebSocketJoin>(std::move(accepted->socket), text, std::move(input), std::move(output), std::move(options), std::move(done))->start();
      });
}

}  // namespace reigen::docker
