#include "apiserver/subresource/stream_answer.h"

#include "base/byte_stream.h"
#include "http/server.h"

namespace reigen::apiserver {
namespace {

constexpr size_t kChunk = 64 << 10;

struct Pump : std::enable_shared_from_this<Pump> {
  std::shared_ptr<ByteStream> source;
  std::shared_ptr<http::Responder> responder;
  void next() {
    source->read(kChunk, [self = shared_from_this()](Result<std::string> bytes) {
      if (!bytes) return self->responder->abort();
      if (bytes->empty()) return self->responder->finish();
      self->responder->write(std::move(*bytes), [self](Status status) {
        if (status) self->next();
        else self->source->close();
      });
    });
  }
};

}  // namespace

void stream_answer(std::shared_ptr<ByteStream> source, std::shared_ptr<http::Responder> responder) {
  auto pump = std::make_shared<Pump>();
  pump->source = std::move(source);
  pump->responder = std::move(responder);
  pump->responder->on_close([source = pump->source] { source->close(); });
  pump->next();
}

}  // namespace reigen::apiserver
