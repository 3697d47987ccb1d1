#include "docker/stream_answer.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace reigen::docker {

namespace {
constexpr size_t kPiece = 256 << 10;

class StreamSource final : public image::ByteSource {
 public:
  explicit StreamSource(std::shared_ptr<ByteStream> stream) : stream_(std::move(stream)), state_(std::make_shared<State>()) {}
  ~StreamSource() override { stream_->close(); }

  Result<size_t> read(char* buffer, size_t size) override {
    if (used_ == piece_.size()) {
      TRY_ASSIGN(piece_, next());
      used_ = 0;
    }
    size_t n = std::min(size, piece_.size() - used_);
    memcpy(buffer, piece_.data() + used_, n);
    used_ += n;
    return n;
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Result<std::string>> piece;
  };

  Result<std::string> next() {
    stream_->read(kPiece, [state = state_](Result<std::string> piece) {
      std::lock_guard lock(state->mutex);
      state->piece = std::move(piece);
      state->changed.notify_one();
    });
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [&] { return state_->piece.has_value(); });
    Result<std::string> out = std::move(*state_->piece);
    state_->piece.reset();
    return out;
  }

  std::shared_ptr<ByteStream> stream_;
  std::shared_ptr<State> state_;
  std::string piece_;
  size_t used_ = 0;
};

}  // namespace

StreamAnswer::StreamAnswer(std::shared_ptr<http::Responder> responder, int status, http::Headers headers)
    : responder_(std::move(responder)), state_(std::make_shared<State>()) {
  responder_->on_close([state = state_] {
    state->gone = true;
    std::lock_guard lock(state->mutex);
    state->changed.notify_one();
  });
  responder_->start(status, std::move(headers));
}

StreamAnswer::~StreamAnswer() {
  if (!finished_) responder_->abort();
}

Status StreamAnswer::write(std::string bytes) {
  if (state_->gone) return fail(Code::kCancelled, "client has gone");
  {
    std::lock_guard lock(state_->mutex);
    state_->waiting = true;
  }
  responder_->write(std::move(bytes), [state = state_](Status status) {
    if (!status) state->gone = true;
    std::lock_guard lock(state->mutex);
    state->waiting = false;
    state->changed.notify_one();
  });
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return !state_->waiting || state_->gone; });
  if (state_->gone) return fail(Code::kCancelled, "client has gone");
  return {};
}

void StreamAnswer::finish() {
  finished_ = true;
  responder_->finish();
}

std::unique_ptr<image::ByteSource> body_source(std::shared_ptr<ByteStream> stream) { return std::make_unique<StreamSource>(std::move(stream)); }

}  // namespace reigen::docker
