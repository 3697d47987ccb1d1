// Watch events on an HTTP answer: JSON lines, length-prefixed protobuf, or WebSocket messages.
#pragma once

#include <memory>

#include "apiserver/call.h"
#include "apiserver/media_type.h"

namespace reigen::apiserver {

std::shared_ptr<WatchOutput> make_watch_stream(Call& call, std::shared_ptr<http::Responder> responder, OutputType type);

}  // namespace reigen::apiserver
