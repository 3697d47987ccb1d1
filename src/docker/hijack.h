// Joins a client's connection with a container's streams: attach, exec start, with and without Upgrade.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/byte_stream.h"
#include "docker/call.h"
#include "docker/detach_keys.h"

namespace reigen::docker {

struct JoinOptions {
  bool tty = false;         // the streams are raw, and detach keys are looked for
  bool ends_input = false;  // the client's end of input is the program's; else it ends the attachment (as moby does without StdinOnce)
  DetachKeys keys = *DetachKeys::parse("");
  // Runs what it is given once the client may see that the output is over; empty: at once.
  std::function<void(std::move_only_function<void()>)> hold_end;
};
enum class JoinEnd : unsigned char { kProgram, kClient, kDetached };

// Takes the connection over: 101 when the client asked for an upgrade, else 200. The head leaves at once, before there are streams to join: clients that
// read it with a buffer of their own (python3-docker) lose what comes in one piece with it. `taken` gets null when the connection is gone already.
void take_connection(const Call& call, bool tty, std::move_only_function<void(std::shared_ptr<ByteStream>)> taken);

// Copies both ways between a connection that was taken and streams with back-pressure until the output has ended, the
// client has gone or detached; then closes output and client and runs `done` once, on any thread. `input` may be null: what the client sends is
// dropped.
void join_client(std::shared_ptr<ByteStream> client, std::shared_ptr<ByteStream> input, std::shared_ptr<ByteStream> output, JoinOptions options,
                 std::move_only_function<void(JoinEnd)> done);

}  // namespace reigen::docker
