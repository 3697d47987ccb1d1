// A connection to conmon's attach socket: packets, of which the first byte tells the stream (2 output, 3 errors).
#pragma once

#include <memory>
#include <string>

#include "base/poller.h"
#include "runtime/runtime.h"

namespace reigen::runtime {

// What the end of the client's input means: it ends the program's (stdinOnce), or the client leaves and the program's stays open for the
// next one (what CRI runtimes do otherwise).
enum class AttachInput { kNone, kEndsIt, kLeavesOpen };

// `bundle` holds the socket "attach" and the fifo "ctl".
Result<std::unique_ptr<Session>> attach_to_conmon(Poller& poller, const std::string& bundle, bool tty, AttachInput in);

void resize_by_conmon(const std::string& control, int width, int height);  // `control`: the fifo's path

}  // namespace reigen::runtime
