// What a node streams (a log, a file), copied to a client.
#pragma once

#include <memory>

namespace reigen {
class ByteStream;
}
namespace reigen::http {
class Responder;
}

namespace reigen::apiserver {

// The responder was started. Returns at once; when either side ends, the other one does.
void stream_answer(std::shared_ptr<ByteStream> source, std::shared_ptr<http::Responder> responder);

}  // namespace reigen::apiserver
