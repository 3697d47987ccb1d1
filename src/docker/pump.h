// A stream that becomes an answer's body: logs, archives, exports.
#pragma once

#include <functional>
#include <memory>

#include "base/byte_stream.h"
#include "http/server.h"

namespace reigen::docker {

// The answer was started. Copies with back-pressure to the stream's end, then finishes it; a stream that fails cuts it off. The stream is closed when the
// client goes. `done` (may be empty) runs once, on any thread.
void pump(std::shared_ptr<ByteStream> from, std::shared_ptr<http::Responder> to, std::move_only_function<void()> done = {});

}  // namespace reigen::docker
