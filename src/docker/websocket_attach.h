// The other way to attach: over a WebSocket, as pages do. What it carries is raw: stdout and stderr unframed, input as it is.
#pragma once

#include "docker/hijack.h"

namespace reigen::docker {

// As join_client. Binary messages; text ones before 1.28.
void join_websocket(Call call, std::shared_ptr<ByteStream> input, std::shared_ptr<ByteStream> output, JoinOptions options,
                    std::move_only_function<void(JoinEnd)> done);

}  // namespace reigen::docker
