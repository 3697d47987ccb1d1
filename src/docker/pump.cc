#include "docker/pump.h"

namespace reigen::docker {

namespace {

constexpr size_t kPiece = 256 << 10;

class Pump : public std::enable_shared_from_this<Pump> {
 public:
  Pump(std::shared_ptr<ByteStream> from, std::shared_ptr<http::Responder> to, std::move_only_function<void()> done)
      : from_(std::move(from)), to_(std::move(to)), done_(std::move(done)) {}

  void start() {
    to_->on_close([from = from_] { from->close(); });
    next();
  }

 private:
  void next() {
    from_->read(kPiece, [self = shared_from_this()](Result<std::string> piece) {
      if (!piece) {
        self->to_->abort();
        return self->end();
      }
      if (piece->empty()) {
        self->to_->finish();
        return self->end();
      }
      self->to_->write(std::move(*piece), [self](Status status) {
        if (!status) return self->end();
        self->next();
      });
    });
  }
  void end() {
    from_->close();
    if (auto done = std::exchange(done_, nullptr)) done();
  }

  std::shared_ptr<ByteStream> from_;
  std::shared_ptr<http::Responder> to_;
  std::move_only_function<void()> done_;
};

}  // namespace

void pump(std::shared_ptr<ByteStream> from, std::shared_ptr<http::Responder> to, std::move_only_function<void()> done) {
  std::make_shared<Pump>(std::move(from), std::move(to), std::move(done))->start();
}

}  // namespace reigen::docker
