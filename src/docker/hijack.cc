#include "docker/hijack.h"

#include <mutex>

#include "docker/stream_frames.h"

namespace reigen::docker {

namespace {

constexpr size_t kPiece = 64 << 10;

class Join : public std::enable_shared_from_this<Join> {
 public:
  Join(std::shared_ptr<ByteStream> client, std::shared_ptr<ByteStream> input, std::shared_ptr<ByteStream> output, JoinOptions options,
       std::move_only_function<void(JoinEnd)> done)
      : client_(std::move(client)), input_(std::move(input)), output_(std::move(output)), options_(std::move(options)), done_(std::move(done)) {}

  void start() {
    read_output();
    read_client();
  }

 private:
  void read_output() {
    output_->read(kPiece, [self = shared_from_this()](Result<std::string> piece) {
      if (!piece || piece->empty()) return self->output_over();
      self->client_->write(std::move(*piece), [self](Status status) {
        if (!status) return self->end(JoinEnd::kClient);
        self->read_output();
      });
    });
  }

  void output_over() {
    if (!options_.hold_end) return end(JoinEnd::kProgram);
    options_.hold_end([self = shared_from_this()] { self->end(JoinEnd::kProgram); });
  }

  void read_client() {
    client_->read(kPiece, [self = shared_from_this()](Result<std::string> piece) {
      if (!piece) return self->end(JoinEnd::kClient);
      if (piece->empty()) return self->client_ended();
      self->take(std::move(*piece));
    });
  }

  void take(std::string typed) {
    if (!input_ || input_over_) return read_client();
    bool detached = false;
    if (options_.tty) {
      std::string kept;
      detached = options_.keys.feed(typed, kept);
      typed = std::move(kept);
    }
    if (typed.empty()) return detached ? end(JoinEnd::kDetached) : read_client();
    input_->write(std::move(typed), [self = shared_from_this(), detached](Status status) {
      if (detached) return self->end(JoinEnd::kDetached);
      if (!status) return self->drop_rest();
      self->read_client();
    });
  }

  // The program takes no more input: the client may go on sending until the output ends.
  void drop_rest() {
    input_over_ = true;
    read_client();
  }

  void client_ended() {
    if (!input_ || input_over_) return;  // half-closed; the output goes on
    if (options_.ends_input && !options_.tty) return input_->close_write();
    end(JoinEnd::kClient);
  }

  void end(JoinEnd how) {
    std::move_only_function<void(JoinEnd)> done;
    {
      std::lock_guard lock(mutex_);
      done = std::exchange(done_, nullptr);
    }
    if (!done) return;
    output_->close();
    // Closing the input is the program's end of input: only of one that is bound to its client, never of a detached one.
    if (input_ && how == JoinEnd::kClient && options_.ends_input && !options_.tty) input_->close();
    client_->close();
    done(how);
  }

  const std::shared_ptr<ByteStream> client_;
  const std::shared_ptr<ByteStream> input_;
  bool input_over_ = false;  // only by the one call that reads the client
  const std::shared_ptr<ByteStream> output_;
  JoinOptions options_;
  std::mutex mutex_;
  std::move_only_function<void(JoinEnd)> done_;
};

}  // namespace

void take_connection(const Call& call, bool tty, std::move_only_function<void(std::shared_ptr<ByteStream>)> taken) {
  bool upgrade = call.request->headers.has("Upgrade");
  http::Headers headers{{"Content-Type", std::string(stream_type(tty || !upgrade, call.version))}};
  if (upgrade) {
    headers.add("Connection", "Upgrade");
    headers.add("Upgrade", "tcp");
  }
  call.responder->upgrade_raw(upgrade ? 101 : 200, std::move(headers), std::move(taken));
}

void join_client(std::shared_ptr<ByteStream> client, std::shared_ptr<ByteStream> input, std::shared_ptr<ByteStream> output, JoinOptions options,
                 std::move_only_function<void(JoinEnd)> done) {
  if (client) return std::make_shared<Join>(std::move(client), std::move(input), std::move(output), std::move(options), std::move(done))->start();
  output->close();
  if (input) input->close();
  done(JoinEnd::kClient);
}

}  // namespace reigen::docker
